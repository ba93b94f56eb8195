"""The sections `stage_one` and `stage_two` of params. params.yaml says units and sources."""

from dataclasses import dataclass
from typing import Literal

from talking.core.typed import number


@dataclass(frozen=True)
class StageOne:
    """E_A and D: networks, losses, optimisation."""

    target: Literal["codes", "whitened"]
    component_weights: Literal["none", "predictability", "predictability_squared"]
    latent_norm: Literal["mean_square", "norm"]
    lpips_net: Literal["squeeze", "alex", "vgg"]
    lpips_trunk: str | None
    hearing: str | None
    identity: Literal["outside", "anywhere"]
    best_by: Literal["moving", "latent"]
    lips_detector: Literal["dlib", "face_alignment"]
    bf16: bool
    lambda_latent: float = number(0)
    lambda_lpips: float = number(0)
    lpips_frames: int = number(0)
    width: int = number(4)
    lstm_layers: int = number(1)
    code_dim: int = number(8)
    hidden: int = number(8)
    members: int = number(1)
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
    ema: float = number(0, 0.9999)
    lambda_speed: float = number(0)
    lpips_from: int = number(0)
    lpips_every: int = number(1)
    lips_share: float = number(0, 1)
    lambda_mouth: float = number(0)
    smooth_codes: float = number(0)
    audio_speed: float = number(0, 0.5)
    altered_share: float = number(0, 1)
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
