"""Adaptive discriminator augmentation (Karras et al. 2020, "Training GANs with Limited Data", sections 2 and 3).

Real and made pictures are changed alike, each with probability p per kind of change, before D sees them; p follows how
sure D is of real pictures. Moves are resampled once, bilinearly, where the paper filters with wavelets.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Strengths:
    """How far each change goes (appendix B): standard deviations, of normal or log-normal (base 2) draws."""

    whole_shift: float = 0.125  # of the side, uniform to either side, in whole pixels
    shift: float = 0.125  # of the side
    scale: float = 0.2  # of the binary logarithm
    brightness: float = 0.2
    contrast: float = 0.5  # of the binary logarithm
    saturation: float = 1.0  # of the binary logarithm


class _Draw:
    """Random numbers for `count` pictures, on `device`; each change takes place with probability p."""

    def __init__(self, count: int, p: float, draw: torch.Generator, device: torch.device) -> None:
        self.count, self.p, self.draw, self.device = count, p, draw, device

    def happens(self, p: float | None = None) -> Tensor:
        return torch.rand(self.count, generator=self.draw, device=self.device) < (self.p if p is None else p)

    def normal(self) -> Tensor:
        return torch.randn(self.count, generator=self.draw, device=self.device)

    def uniform(self) -> Tensor:
        """Return random numbers between -1 and 1."""
        return 2 * torch.rand(self.count, generator=self.draw, device=self.device) - 1


def adaptively_augmented(pictures: Tensor, p: float, draw: torch.Generator, how: Strengths | None = None) -> Tensor:
    """Return `pictures` (B, 3, R, R) changed with probability `p` in each way: mirrored, moved, scaled, turned, relit.

    Differentiable in the pictures, once. `draw` is a generator of their device. With p = 0 they are returned as they
    are; a picture that no change fell on is the same to the last bit.
    """
    if p <= 0:
        return pictures
    how, chance = how or Strengths(), _Draw(len(pictures), p, draw, pictures.device)
    moves, moved = _moves(chance, pictures.shape[-1], how)
    grid = F.affine_grid(moves, list(pictures.shape), align_corners=False).to(pictures.dtype)
    resampled = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return _relit(torch.where(moved[:, None, None, None], resampled, pictures), chance, how)


def _moves(chance: _Draw, side: int, how: Strengths) -> tuple[Tensor, Tensor]:
    """Draw maps (B, 2, 3) from a changed picture's coordinates in [-1, 1] to the original's, and which are none."""
    flips, shifts, scales = chance.happens(0.5) & chance.happens(), chance.happens(), chance.happens()
    turn_chance = 1 - math.sqrt(1 - min(chance.p, 1.0))  # before and after the scaling: together p
    turns, drifts = (chance.happens(turn_chance), chance.happens(turn_chance)), chance.happens()
    first, second = (torch.where(turn, chance.uniform(), 0.0) for turn in turns)
    angle = math.pi * (first + second)
    scale = torch.exp2(torch.where(scales, how.scale * chance.normal(), 0.0))
    flip = torch.where(flips, -1.0, 1.0)
    shift = [_shift(chance, side, how, shifts, drifts) for _ in range(2)]
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = [torch.stack([flip * cosine, -flip * sine, shift[0]], 1), torch.stack([sine, cosine, shift[1]], 1)]
    return torch.stack(rows, 1), flips | shifts | scales | turns[0] | turns[1] | drifts


def _shift(chance: _Draw, side: int, how: Strengths, shifts: Tensor, drifts: Tensor) -> Tensor:
    """Draw shifts (B,) along one axis in units of half the side: whole pixels and, apart from them, any."""
    whole = torch.where(shifts, (chance.uniform() * how.whole_shift * side).round() / side, 0.0)
    return 2 * (whole + torch.where(drifts, how.shift * chance.normal(), 0.0))


def _relit(pictures: Tensor, chance: _Draw, how: Strengths) -> Tensor:
    """Change brightness, contrast and saturation; values may leave [-1, 1], as in the paper."""

    def per_picture(values: Tensor) -> Tensor:
        return values[:, None, None, None].to(pictures.dtype)

    light = per_picture(torch.where(chance.happens(), how.brightness * chance.normal(), 0.0))
    contrast = per_picture(torch.exp2(torch.where(chance.happens(), how.contrast * chance.normal(), 0.0)))
    saturated = chance.happens()
    saturation = per_picture(torch.exp2(how.saturation * chance.normal()))
    lit = (pictures + light) * contrast
    grey = lit.mean(dim=1, keepdim=True)
    return torch.where(saturated[:, None, None, None], grey + (lit - grey) * saturation, lit)


class AdaptiveProbability:
    """p, moved so that r_t = E[sign D(x)] of real pictures x stays at `target` (section 3, 0.6).

    r_t is 0 where D cannot tell and 1 where it has learned the training pictures by heart. From 0 to 1 p takes
    `images` real pictures at least (500,000 in the paper).
    """

    def __init__(self, target: float, images: float) -> None:
        self.target, self.images = target, images
        self.p, self._signs, self._seen = 0.0, 0.0, 0

    def observe(self, scores: Tensor) -> None:
        """Take D's scores (B, 1) of real, augmented pictures."""
        self._signs += float(scores.detach().sign().sum())
        self._seen += len(scores)

    @property
    def overfitting(self) -> float:
        """r_t over the pictures observed since p was last moved; 0 for none."""
        return self._signs / self._seen if self._seen else 0.0

    def adapt(self, overfitting: float, shown: int) -> None:
        """Move p by the `shown` real pictures of all processes since the last time, given r_t over all processes."""
        direction = (overfitting > self.target) - (overfitting < self.target)
        self.p = min(max(self.p + direction * shown / self.images, 0.0), 1.0)
        self._signs, self._seen = 0.0, 0

    def state(self) -> dict[str, float]:
        """Return what a checkpoint keeps of the probability."""
        return {"p": self.p, "signs": self._signs, "seen": float(self._seen)}

    def take(self, state: dict[str, float]) -> None:
        """Take up what a checkpoint kept."""
        self.p, self._signs, self._seen = state["p"], state["signs"], int(state["seen"])
