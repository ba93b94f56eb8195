"""How a pair (E_I, G) is trained: a trained row of `backbones`, and the sections of pipelines/backbone/params.yaml."""

from dataclasses import dataclass
from typing import Literal

from talking.core.errors import TalkingError
from talking.core.typed import number, unused


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
    ema: float = number(0, 0.9999)
    mouth_weight: float = number(1)
    eyes_weight: float = number(1)
    lambda_gradient: float = number(0)
    report_every: int = number(1)
    most: int | None = unused(low=1)

    def __post_init__(self) -> None:
        if (self.source == "crops") != (self.most is not None):
            raise TalkingError("backbones: most, how many crops are held in memory, is of rows whose source is crops.")


@dataclass(frozen=True)
class Pictures:
    """What is learned from: a face set, or the crops of a corpus's training speakers, which a manifest names."""

    source: Literal["faces", "crops"]
    folder: str
    manifest: str
    most: int = number(1)
    held_out: int = number(2)


@dataclass(frozen=True)
class Gan:
    """StyleGAN2: networks, losses, optimisation, and what is shown meanwhile."""

    mirror: bool
    augment: Literal["none", "adaptive"]
    bf16: bool
    start: str | None
    inception: str | None
    resolution: int = number(8, 1024)
    style_dim: int = number(4)
    n_mlp: int = number(1)
    channel_multiplier: float = number(above=0)
    channel_max: int = number(4)
    steps: int = number(1)
    batch: int = number(2)
    lr: float = number(above=0)
    betas: tuple[float, float] = number(0, 0.9999)
    r1_gamma: float = number(0)
    r1_every: int = number(1)
    path_weight: float = number(0)
    path_every: int = number(1)
    path_shrink: int = number(1)
    style_mixing: float = number(0, 1)
    ema_half_life: float = number(above=0)
    ema_rampup: float | None = number(above=0)
    ada_target: float = number(0, 1)
    ada_images: float = number(above=0)
    ada_every: int = number(1)
    measured: int = number(2)
    shown: int = number(1)
    report_every: int = number(1)
    save_every: int = number(1)

    def __post_init__(self) -> None:
        if self.resolution & (self.resolution - 1):
            raise TalkingError(f"gan.resolution is {self.resolution}; it must be a power of two.")


@dataclass(frozen=True)
class Encoder:
    """E_I on a fixed G (thesis eqs 3.1 to 3.3)."""

    kind: Literal["resnet", "psp"]
    stem: Literal["imagenet", "small"]
    imagenet: str | None
    lpips_net: Literal["squeeze", "alex", "vgg"]
    lpips_trunk: str | None
    arcface: str | None
    mirror: bool
    bf16: bool
    width: int = number(4)
    stem_stride: int = number(1)
    pool: int = number(1)
    input_size: int | None = number(32)
    steps: int = number(1)
    batch: int = number(2)
    lr: float = number(above=0)
    betas: tuple[float, float] = number(0, 0.9999)
    lambda_l2: float = number(0)
    lambda_lpips: float = number(0)
    lambda_identity: float = number(0)
    lambda_known: float = number(0)
    known: int = number(0)
    known_mixing: float = number(0, 1)
    ema: float = number(0, 0.99999)
    shown: int = number(1)
    report_every: int = number(1)
    save_every: int = number(1)

    def __post_init__(self) -> None:
        if self.lambda_identity and not self.arcface:
            raise TalkingError(
                "encoder.lambda_identity needs encoder.arcface, a file of ArcFace's weights: give it, or 0."
            )


@dataclass(frozen=True)
class Look:
    """The latent check: sizes of its figures."""

    clip: str | None
    steps: int = number(3)
    frames: int = number(2)
