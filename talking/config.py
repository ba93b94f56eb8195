"""params.yaml as frozen, typed sections: read once, checked once, passed down. params.yaml says units and sources."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from talking.errors import TalkingError
from talking.typed import number, read_file


@dataclass(frozen=True)
class Corpus:
    """A row of `corpora`: which reader reads it, and who and what is held out."""

    reader: Literal["grid", "tcd_timit"]
    unseen_speakers: tuple[str, ...]
    validation_speakers: tuple[str, ...] = ()
    validation_clips: int = number(0, default=0)
    seen_clips: dict[str, int] = field(default_factory=dict)
    clip_s: float | None = number(above=0, default=None)
    clips_per_shard: int = number(1, default=100)
    max_rejected: float = number(0, 1, default=0.1)


@dataclass(frozen=True)
class Backbone:
    """A row of `backbones`: a published pair, a kept one, or one trained on faces or on the training crops."""

    source: Literal["published", "kept", "faces", "crops"]
    resolution: int = number(16, 1024)
    style_dim: int = number(4, default=512)
    channel_multiplier: float = number(above=0, default=2.0)
    channel_max: int = number(4, default=512)
    encoder_width: int = number(4, default=64)
    encoder_pool: int = number(1, default=1)
    n_mlp: int = number(1, default=8)
    steps: int = number(0, default=0)
    batch: int = number(1, default=16)
    lr: float = number(above=0, default=2e-3)
    mouth_weight: float = number(1, default=4.0)
    eyes_weight: float = number(1, default=2.0)
    lambda_gradient: float = number(0, default=1.0)
    augment: bool = False
    bf16: bool = False
    threads: int | None = number(1, default=None)


@dataclass(frozen=True)
class DemoCorpus:
    """Sizes of the demo corpus and of its face set."""

    speakers: int = number(3)
    clips: int = number(1)
    identities: int = number(1)
    frames_per_identity: int = number(1)
    still_size: int = number(16, 1024)


@dataclass(frozen=True)
class Resample:
    """25 frames a second, 16 kHz mono."""

    rate: int = number(1)
    sound_rate: int = number(8000)
    tolerance_s: float = number(0)
    min_frames: int = number(1)
    max_damaged: float = number(0, 1)


@dataclass(frozen=True)
class Align:
    """Landmarks, quads and crops."""

    finder: Literal["dlib", "face_alignment"]
    size: int = number(16, 1024)
    redetect_every: int = number(0)
    smoothing: float = number(0)
    max_missing: float = number(0, 1)


@dataclass(frozen=True)
class Invert:
    """Crops to W+ codes."""

    batch: int = number(1)


@dataclass(frozen=True)
class Pca:
    """The basis V."""

    source: Literal["displacements", "codes", "faces", "prior"]
    components: int = number(1)
    prior_samples: int = number(2, default=100_000)


@dataclass(frozen=True)
class Mfcc:
    """Audio windows."""

    n_mfcc: int = number(2)
    hop_s: float = number(above=0)
    steps: int = number(1)
    n_fft: int = number(16)
    n_mels: int = number(2)
    normalise: Literal["none", "clip"] = "none"


@dataclass(frozen=True)
class StageOne:
    """E_A and D: networks, losses, optimisation."""

    target: Literal["codes", "whitened"]
    component_weights: Literal["none", "predictability", "predictability_squared"]
    latent_norm: Literal["mean_square", "norm"]
    lpips_net: Literal["squeeze", "alex", "vgg"]
    lpips_trunk: str | None
    lambda_latent: float = number(0)
    lambda_lpips: float = number(0)
    lpips_frames: int = number(0)
    width: int = number(4)
    lstm_layers: int = number(1)
    code_dim: int = number(8)
    hidden: int = number(8)
    sequence: int = number(2)
    batch: int = number(1)
    steps: int = number(1)
    lr: float = number(above=0)
    weight_decay: float = number(0)
    audio_noise: float = number(0)
    validate_every: int = number(1)
    average: float = number(0, 0.9999)
    lambda_speed: float = number(0, default=0.0)
    lpips_from: int = number(0, default=0)
    lpips_every: int = number(1, default=1)
    identity: Literal["outside", "anywhere"] = "outside"
    lips_share: float = number(0, 1, default=0.0)
    lambda_mouth: float = number(0, default=0.0)
    smooth_codes: float = number(0, default=0.0)
    audio_speed: float = number(0, 0.5, default=0.0)
    best_by: Literal["moving", "latent"] = "latent"
    halve_after: int | None = number(1, default=None)
    stop_after: int | None = number(1, default=None)
    lips_clips: int = number(0, default=0)
    lips_finder: Literal["dlib", "face_alignment"] = "dlib"
    bf16: bool = False
    accumulate: int = number(1, default=1)


@dataclass(frozen=True)
class StageTwo:
    """Pivotal tuning of G on one speaker."""

    adapt_on: Literal["picture", "clip", "clips"]
    frames: int = number(1)
    steps: int = number(0)
    batch: int = number(1)
    lr: float = number(above=0)
    lambda_lpips: float = number(0)
    lambda_l2: float = number(0)
    mouth_weight: float = number(1, default=1.0)
    bf16: bool = False
    stop_after: int | None = number(1, default=None)


@dataclass(frozen=True)
class Animate:
    """Videos of the test clips."""

    size: int = number(16, 1024)
    crf: int = number(0, 51)
    preset: str = "veryfast"


@dataclass(frozen=True)
class Evaluate:
    """Measures and pictures."""

    finder: Literal["dlib", "face_alignment"]
    weights: str | None
    sheet_columns: int = number(2)
    thumbnail: int = number(16)


@dataclass(frozen=True)
class Cluster:
    """Where Ray computes and with what.

    `address`: of a running cluster, unless RAY_ADDRESS names one; None is a cluster of this machine.
    `workers`: actors of a map; None is as many as fit on the nodes there are now.
    `gpus_per_worker`: of an actor that computes with networks; `auto` is one where the cluster has any, else none.
    `retries`: further attempts at a shard whose worker failed.
    `train_*`: processes of a training and the resources of each; `auto` is a process per GPU, with that GPU, and
    without any GPU one process on the CPU.
    `max_failures`: restarts of a training from its last checkpoint, of which the last `keep_checkpoints` are kept.
    """

    address: str | None = None
    workers: int | None = number(1, default=None)
    cpus_per_worker: float = number(above=0, default=1.0)
    gpus_per_worker: float | Literal["auto"] = number(0, default="auto")
    retries: int = number(0, default=2)
    train_workers: int | Literal["auto"] = number(1, default="auto")
    train_cpus: float = number(above=0, default=1.0)
    train_gpus: float | Literal["auto"] = number(0, default="auto")
    max_failures: int = number(0, default=1)
    keep_checkpoints: int = number(1, default=2)


@dataclass(frozen=True)
class Tracking:
    """The experiment of the MLflow runs, and the address of their store; None: the local SQLite."""

    experiment: str
    uri: str | None = None


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml."""

    corpus: str
    backbone: str
    seed: int
    corpora: dict[str, Corpus]
    backbones: dict[str, Backbone]
    demo_corpus: DemoCorpus
    resample: Resample
    align: Align
    invert: Invert
    pca: Pca
    mfcc: Mfcc
    stage_one: StageOne
    stage_two: StageTwo
    animate: Animate
    evaluate: Evaluate
    cluster: Cluster
    tracking: Tracking

    def __post_init__(self) -> None:
        for key, table in (("corpus", self.corpora), ("backbone", self.backbones)):
            name = getattr(self, key)
            if name not in table:
                rows = {"corpus": "corpora", "backbone": "backbones"}[key]
                raise TalkingError(f"{key} is {name!r}, which {rows} does not list; it lists {', '.join(table)}.")

    @property
    def the_corpus(self) -> Corpus:
        """The row of `corpora` that `corpus` chooses."""
        return self.corpora[self.corpus]

    @property
    def the_backbone(self) -> Backbone:
        """The row of `backbones` that `backbone` chooses."""
        return self.backbones[self.backbone]


def load_params(path: Path) -> Params:
    """Read and check params.yaml; every mistake is a `TalkingError` that names the key."""
    return read_file(Params, path)


def as_plain(path: Path) -> dict[str, object]:
    """Return params.yaml as plain nested mappings, for trackers to record."""
    return dict(yaml.safe_load(path.read_text()))
