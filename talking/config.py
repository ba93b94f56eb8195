"""params.yaml as frozen, typed sections: read once, checked once, passed down. params.yaml says units and sources."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from talking.errors import TalkingError
from talking.typed import number, read_file, unused


@dataclass(frozen=True)
class Corpus:
    """A row of `corpora`: which reader reads it, and who and what is held out.

    Left out where a row does not use it: `clip_s` (clips of any length), `seen_clips` (no clip of a training speaker is
    held out) and `validation_clips` (nor are more for validation than those of the validation speakers).
    """

    reader: Literal["grid", "tcd_timit"]
    unseen_speakers: tuple[str, ...]
    validation_speakers: tuple[str, ...]
    clips_per_shard: int = number(1)
    max_rejected: float = number(0, 1)
    validation_clips: int = unused(0, low=0)
    seen_clips: dict[str, int] = field(default_factory=dict, metadata={"optional": True})
    clip_s: float | None = unused(above=0)


@dataclass(frozen=True)
class Backbone:
    """A row of `backbones`: a pair that was trained elsewhere, published or kept."""

    source: Literal["published", "kept"]
    resolution: int = number(16, 1024)


@dataclass(frozen=True)
class TrainedBackbone:
    """A row of `backbones` that is trained, on a face set or on the corpus's training crops.

    `most` is of crops, of which so many are held in memory; a face set is held whole, and its row leaves it out.
    """

    source: Literal["faces", "crops"]
    augment: bool
    bf16: bool
    resolution: int = number(16, 1024)
    style_dim: int = number(4)
    channel_multiplier: float = number(above=0)
    channel_max: int = number(4)
    n_mlp: int = number(1)
    encoder_width: int = number(4)
    encoder_pool: int = number(1)
    steps: int = number(0)
    batch: int = number(1)
    lr: float = number(above=0)
    betas: tuple[float, float] = number(0, 0.9999)
    average: float = number(0, 0.9999)
    mouth_weight: float = number(1)
    eyes_weight: float = number(1)
    lambda_gradient: float = number(0)
    report_every: int = number(1)
    most: int | None = unused(low=1)

    def __post_init__(self) -> None:
        if (self.source == "crops") != (self.most is not None):
            raise TalkingError("backbones: most, how many crops are held in memory, is of rows whose source is crops.")


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
    crf: int = number(0, 51)


@dataclass(frozen=True)
class Invert:
    """Crops to W+ codes."""

    batch: int = number(1)


@dataclass(frozen=True)
class Pca:
    """The basis V."""

    source: Literal["displacements", "codes", "faces", "prior"]
    components: int = number(1)
    prior_samples: int = number(2)


@dataclass(frozen=True)
class Mfcc:
    """Audio windows."""

    normalise: Literal["none", "clip"]
    n_mfcc: int = number(2)
    hop_s: float = number(above=0)
    steps: int = number(1)
    n_fft: int = number(16)
    n_mels: int = number(2)


@dataclass(frozen=True)
class StageOne:
    """E_A and D: networks, losses, optimisation."""

    target: Literal["codes", "whitened"]
    component_weights: Literal["none", "predictability", "predictability_squared"]
    latent_norm: Literal["mean_square", "norm"]
    lpips_net: Literal["squeeze", "alex", "vgg"]
    lpips_trunk: str | None
    identity: Literal["outside", "anywhere"]
    best_by: Literal["moving", "latent"]
    lips_finder: Literal["dlib", "face_alignment"]
    bf16: bool
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
    betas: tuple[float, float] = number(0, 0.9999)
    weight_decay: float = number(0)
    clip_norm: float = number(above=0)
    audio_noise: float = number(0)
    validate_every: int = number(1)
    validation_most: int = number(1)
    average: float = number(0, 0.9999)
    lambda_speed: float = number(0)
    lpips_from: int = number(0)
    lpips_every: int = number(1)
    lips_share: float = number(0, 1)
    lambda_mouth: float = number(0)
    smooth_codes: float = number(0)
    audio_speed: float = number(0, 0.5)
    halve_after: int | None = number(1)
    stop_after: int | None = number(1)
    lips_clips: int = number(0)
    accumulate: int = number(1)


@dataclass(frozen=True)
class StageTwo:
    """Pivotal tuning of G on one speaker."""

    adapt_on: Literal["picture", "clip", "clips"]
    bf16: bool
    frames: int = number(1)
    steps: int = number(0)
    batch: int = number(1)
    lr: float = number(above=0)
    betas: tuple[float, float] = number(0, 0.9999)
    lambda_lpips: float = number(0)
    lambda_l2: float = number(0)
    mouth_weight: float = number(1)
    stop_after: int | None = number(1)
    smooth: float = number(0, 0.9999)


@dataclass(frozen=True)
class Animate:
    """Videos of the test clips."""

    preset: str
    size: int = number(16, 1024)
    crf: int = number(0, 51)


@dataclass(frozen=True)
class Evaluate:
    """Measures and pictures."""

    finder: Literal["dlib", "face_alignment"]
    weights: str | None
    sheet_columns: int = number(2)
    thumbnail: int = number(16)
    identity_every: int = number(1)
    lpips_every: int = number(1)
    backbone_clips: int = number(0)


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
    backbones: dict[str, Backbone | TrainedBackbone]
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
    def labels(self) -> dict[str, str]:
        """The two chosen names, for what a run is tagged with and where its kept work lies."""
        return {"corpus": self.corpus, "backbone": self.backbone}

    @property
    def the_corpus(self) -> Corpus:
        """The row of `corpora` that `corpus` chooses."""
        return self.corpora[self.corpus]

    @property
    def the_backbone(self) -> Backbone | TrainedBackbone:
        """The row of `backbones` that `backbone` chooses."""
        return self.backbones[self.backbone]


def load_params(path: Path) -> Params:
    """Read and check params.yaml; every mistake is a `TalkingError` that names the key."""
    return read_file(Params, path)


def as_plain(path: Path) -> dict[str, object]:
    """Return params.yaml as plain nested mappings, for trackers to record."""
    return dict(yaml.safe_load(path.read_text()))
