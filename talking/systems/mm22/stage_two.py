"""Stage two (MM'22 section 3.2.2): tune G on one speaker, codes fixed, as pivotal tuning does (Roich et al. 2021)."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile

import numpy as np
import torch
from torch import nn

from talking.core.errors import TalkingError
from talking.losses.perceptual import PerceptualLoss
from talking.losses.reconstruction import region_weights
from talking.media.pixels import resize_frames, to_tensor
from talking.models.generator import FrameGenerator
from talking.systems.mm22.params import StageTwo


@dataclass(frozen=True)
class Faces:
    """What a generator is tuned on.

    codes: pivots E_I(x_t), (T, L, 512);
    crops: the frames x_t, (T, R', R', 3) uint8, of any size;
    landmarks: (T, 68, 2) in pixels of the crops, or None: the mouth then counts no more than the rest.
    """

    codes: np.ndarray
    crops: np.ndarray
    landmarks: np.ndarray | None = None


def shares(frames: int, clips: int) -> list[int]:
    """Return how many frames to take of each clip, as alike as whole numbers allow, `frames` in all."""
    ends = [frames * number // clips for number in range(clips + 1)]
    return [end - begin for begin, end in pairwise(ends)]


def evenly(count: int, length: int) -> np.ndarray:
    """Return the indices of `count` frames spread over a clip of `length` frames; the first where it is one."""
    count = min(count, length)
    return np.arange(count) * length // max(count, 1)


def tune_generator(
    generator: FrameGenerator,
    faces: Faces,
    params: StageTwo,
    perceptual: PerceptualLoss,
    *,
    seed: int,
) -> tuple[FrameGenerator, list[float]]:
    """Return a tuned copy of the generator, and the loss of every step.

    It ends early when the losses' moving average has not reached a new low for `stop_after` steps.
    L = lambda_lpips LPIPS + lambda_l2 mean square (equations 5 and 6), where the square counts `mouth_weight` times in
    the mouth's box. Raises `TalkingError` when the loss is no number.
    """
    tuned = copy.deepcopy(generator).train().requires_grad_(True)
    device = next(tuned.parameters()).device
    pivots = torch.from_numpy(np.ascontiguousarray(faces.codes, dtype=np.float32)).to(device)  # (T, L, 512)
    frames = to_tensor(resize_frames(faces.crops, generator.resolution), device)  # (T, 3, R, R)
    weights = _weights(faces, generator.resolution, params.mouth_weight).to(device)  # (T, 1, R, R)
    optimizer = torch.optim.Adam(synthesis_parameters(tuned), lr=params.lr, betas=params.betas)
    draw = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    for _ in takewhile(lambda _: not settled(losses, params.stop_after, params.smooth), range(params.steps)):
        chosen = torch.randperm(len(pivots), generator=draw)[: params.batch]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=params.bf16):
            made = tuned(pivots[chosen])
            loss = params.lambda_lpips * perceptual(made, frames[chosen]).mean() if params.lambda_lpips else 0.0
        loss = loss + params.lambda_l2 * ((made.float() - frames[chosen]).square() * weights[chosen]).mean()
        if not torch.isfinite(loss):
            raise TalkingError("stage_two: the loss is not a number: lower stage_two.lr.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return tuned.eval().requires_grad_(False), losses


def settled(losses: Sequence[float], patience: int | None, smooth: float) -> bool:
    """Return whether the moving average of losses (decay `smooth`) was lowest at least `patience` steps ago."""
    if patience is None or len(losses) <= patience:
        return False
    averages = list(accumulate(losses, lambda average, loss: smooth * average + (1 - smooth) * loss))
    return len(averages) - 1 - averages.index(min(averages)) >= patience


def _weights(faces: Faces, resolution: int, mouth: float) -> torch.Tensor:
    """Weights (T, 1, R, R) of mean 1: `mouth` in the mouth's box, where the landmarks say where it is."""
    if faces.landmarks is None or mouth == 1:
        return torch.ones(len(faces.codes), 1, 1, 1)
    points = torch.from_numpy(faces.landmarks).float() * (resolution / faces.crops.shape[1])
    weights = region_weights(points, resolution, mouth=mouth, eyes=1.0)
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def synthesis_parameters(generator: nn.Module) -> list[nn.Parameter]:
    """Return what tuning changes: everything but the mapping network, which codes in W+ do not pass."""
    return [parameter for name, parameter in generator.named_parameters() if not name.startswith("style.")]
