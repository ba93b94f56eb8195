"""params.yaml as frozen, typed sections: read once, checked once, passed down. params.yaml says units and sources."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from talking.cluster.settings import Cluster
from talking.core.documents import read_yaml
from talking.core.errors import TalkingError
from talking.core.typed import NAMED, SEED, number, read_file, unused
from talking.systems.backbone.params import TrainedBackbone
from talking.systems.mm22.delivery import AskedRest
from talking.systems.mm22.params import StageOne, StageTwo

X264Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]
# Frames a second: what audio windows (`MfccConfig.frame_rate`), videos and measures count.
FRAME_RATE = 25


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

    def __post_init__(self) -> None:
        """Raise `TalkingError` for another rate, at which lips and sound would drift apart."""
        if self.rate != FRAME_RATE:
            raise TalkingError(
                f"resample.rate is {self.rate}: audio windows, videos and measures all count "
                f"{FRAME_RATE} frames a second; set it to that (films of other rates are converted)."
            )


@dataclass(frozen=True)
class Align:
    """How faces are found and cut out: landmarks, quads and crops."""

    detector: Literal["dlib", "face_alignment"]
    whole_clip: bool
    size: int = number(16, 1024)
    whole_margin: float = number(0)
    redetect_every: int = number(0)
    smoothing: float = number(0)
    max_missing: float = number(0, 1)
    crf: int = number(0, 51)


@dataclass(frozen=True)
class Invert:
    """How crops become W+ codes."""

    batch: int = number(1)


@dataclass(frozen=True)
class Pca:
    """What the basis V is fitted to."""

    source: Literal["displacements", "codes", "faces", "prior"]
    components: int = number(1)
    prior_samples: int = number(2)


@dataclass(frozen=True)
class Mfcc:
    """How audio windows are cut from the sound."""

    normalise: Literal["none", "clip"]
    n_mfcc: int = number(2)
    hop_s: float = number(above=0)
    steps: int = number(1)
    n_fft: int = number(16)
    n_mels: int = number(2)
    altered: int = number(0)


@dataclass(frozen=True)
class Animate:
    """Videos of the test clips; with `rest: auto` people of the training set rest as learned, others as pictured."""

    preset: X264Preset
    rest: AskedRest
    expression: float = number(above=0)
    size: int = number(16, 1024)
    crf: int = number(0, 51)


@dataclass(frozen=True)
class Evaluate:
    """How videos are measured, and what pictures the report holds."""

    detector: Literal["dlib", "face_alignment"]
    weights: str | None
    sheet_columns: int = number(2)
    thumbnail: int = number(16)
    identity_every: int = number(1)
    lpips_every: int = number(1)
    backbone_clips: int = number(0)


@dataclass(frozen=True)
class Tracking:
    """The experiment of the MLflow runs, and the address of their store; None: the local SQLite."""

    experiment: str
    uri: str | None = None


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml."""

    corpus: str = field(metadata=NAMED)
    backbone: str = field(metadata=NAMED)
    seed: int = field(metadata=SEED)
    corpora: dict[str, Corpus] = field(metadata=NAMED)
    backbones: dict[str, Backbone | TrainedBackbone] = field(metadata=NAMED)
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
    return dict(read_yaml(path))
