"""Stage two (MM'22 section 3.2.2): tune G on one speaker, codes fixed, as pivotal tuning does (Roich et al. 2021)."""

import copy

import numpy as np
import torch
from torch import nn

from talking.config import StageTwo
from talking.errors import TalkingError
from talking.losses.perceptual import PerceptualLoss
from talking.models.stylegan2 import Generator
from talking.synthesis.codes import resize_frames, to_tensor


def tune_generator(
    generator: Generator,
    codes: np.ndarray,
    crops: np.ndarray,
    params: StageTwo,
    perceptual: PerceptualLoss,
    *,
    seed: int,
) -> tuple[Generator, list[float]]:
    """Return a tuned copy of the generator, and the loss of every step.

    codes: pivots E_I(x_t), (T, L, 512);
    crops: the frames x_t, (T, R', R', 3) uint8, resized to the generator's resolution.
    L = lambda_lpips LPIPS + lambda_l2 mean square (equations 5 and 6).
    Raises `TalkingError` when the loss is no number.
    """
    tuned = copy.deepcopy(generator).train().requires_grad_(True)
    device = next(tuned.parameters()).device
    pivots = torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32)).to(device)  # (T, L, 512)
    frames = to_tensor(resize_frames(crops, generator.resolution), device)  # (T, 3, R, R)
    optimizer = torch.optim.Adam(synthesis_parameters(tuned), lr=params.lr)
    draw = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(params.steps):
        chosen = torch.randperm(len(pivots), generator=draw)[: params.batch]
        made = tuned(pivots[chosen])
        loss = params.lambda_l2 * nn.functional.mse_loss(made, frames[chosen])
        if params.lambda_lpips:
            loss = loss + params.lambda_lpips * perceptual(made, frames[chosen]).mean()
        if not torch.isfinite(loss):
            raise TalkingError("stage_two: the loss is not a number: lower stage_two.lr.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return tuned.eval().requires_grad_(False), losses


def synthesis_parameters(generator: nn.Module) -> list[nn.Parameter]:
    """Return what tuning changes: everything but the mapping network, which codes in W+ do not pass."""
    return [parameter for name, parameter in generator.named_parameters() if not name.startswith("style.")]
