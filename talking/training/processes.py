"""What the processes of a training share when they average gradients themselves, and random numbers of each step.

Losses that are differentiated twice, and several losses in turn on two networks, do not fit DistributedDataParallel's
bookkeeping; averaging the gradients before each step of an optimizer needs none.
"""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn

from talking.data.share import Share


def mean_over_processes(value: Tensor, world_size: int) -> Tensor:
    """Return the mean of a tensor over all processes, or itself when there is one."""
    if world_size == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / world_size


def weighted_mean(value: Tensor, share: Share) -> Tensor:
    """Return the mean over all examples of a step of what is a mean over this process's share of them."""
    return value if share.world_size == 1 else mean_over_processes(share.weight * value, share.world_size)


def average_gradients(parameters: Iterable[nn.Parameter], world_size: int, weight: float = 1.0) -> None:
    """Replace each gradient by its mean over the processes, in one message; a missing one counts as zero.

    This process's gradients count `weight` times, see `Share.weight`.
    """
    if world_size == 1:
        return
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    mean = mean_over_processes(weight * torch.cat([gradient.flatten() for gradient in gradients]), world_size)
    parts = mean.split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter)


def step_generator(device: torch.device | None, *place: int) -> torch.Generator:
    """Return a source of random numbers that depends on `place` (seed, rank, step) alone: a resumed step repeats it.

    It draws on `device`; None is the CPU, which gives the same numbers to every kind of device.
    """
    digest = hashlib.sha256(repr(place).encode()).digest()
    generator = torch.Generator() if device is None else torch.Generator(device)
    return generator.manual_seed(int.from_bytes(digest[:8]) >> 1)


@torch.no_grad()
def move_ema(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move each number of `average` towards the model's, keeping the share `keep` of its own; counts are copied."""
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    for mine, its in pairs:
        mine.lerp_(its, 1 - keep) if mine.is_floating_point() else mine.copy_(its)


def half_life_decay(batch: int, half_life: float, seen: int, rampup: float | None) -> float:
    """Return the share that an average keeps after `batch` more images, for a half-life in images.

    Early on the half-life is at most `rampup` times the images `seen` so far, so that the average leaves the beginning
    behind (Karras et al. 2020 ADA, appendix C); None leaves it as it is.
    """
    life = half_life if rampup is None else min(half_life, max(seen, 1) * rampup)
    result: float = 0.5 ** (batch / max(life, 1e-8))
    return result
