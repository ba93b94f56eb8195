"""Augmentation of aligned pictures: mirrored, a little moved, and under another light, with their landmarks."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from talking.faces.landmarks import MIRRORED


@dataclass(frozen=True)
class Augmentation:
    """How much a picture is changed: standard deviations, normal, and the share of pictures that are mirrored."""

    mirrored: float = 0.5
    shift: float = 0.01  # of the picture's side
    scale: float = 0.015  # of the natural logarithm
    turn: float = 0.02  # rad
    gain: float = 0.08  # of the natural logarithm, each colour's own
    offset: float = 0.04  # of [-1, 1], of all colours together


def augmented(
    pictures: Tensor, landmarks: Tensor, draw: torch.Generator, how: Augmentation | None = None
) -> tuple[Tensor, Tensor]:
    """Return pictures (B, 3, R, R) in [-1, 1] and landmarks (B, 68, 2), in their pixels, both changed alike.

    `draw` is a generator of the CPU: the same state gives the same changes on every device. What a move uncovers is
    filled by reflection.
    """
    how = how or Augmentation()
    moves = _moves(len(pictures), draw, how).to(pictures.device)  # (B, 2, 3)
    grid = F.affine_grid(moves, list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return _relit(moved, draw, how), _moved_points(landmarks, moves, pictures.shape[-1])


def _moves(count: int, draw: torch.Generator, how: Augmentation) -> Tensor:
    """Draw maps (B, 2, 3) from a changed picture's coordinates in [-1, 1] to the original's."""
    flip = torch.where(torch.rand(count, generator=draw) < how.mirrored, -1.0, 1.0)
    angle = how.turn * torch.randn(count, generator=draw)
    scale = torch.exp(how.scale * torch.randn(count, generator=draw))
    shift = 2 * how.shift * torch.randn(count, 2, generator=draw)
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = torch.stack([torch.stack([flip * cosine, -flip * sine], 1), torch.stack([sine, cosine], 1)], 1)
    return torch.cat([rows, shift[:, :, None]], dim=2)


def _moved_points(landmarks: Tensor, moves: Tensor, size: int) -> Tensor:
    """Where the points (B, 68, 2) lie after `moves`; those of a mirrored face exchange their sides."""
    centred = (2 * landmarks + 1) / size - 1
    back = torch.linalg.inv(moves[:, :, :2].float())
    points = ((centred - moves[:, None, :, 2]) @ back.transpose(1, 2) + 1) * size / 2 - 0.5
    flipped = torch.linalg.det(moves[:, :, :2]) < 0
    return torch.where(flipped[:, None, None], points[:, MIRRORED], points)


def _relit(pictures: Tensor, draw: torch.Generator, how: Augmentation) -> Tensor:
    """Scale the light (0 is black) of each colour, shift it, and keep the range [-1, 1]."""
    count = len(pictures)
    gain = torch.exp(how.gain * torch.randn(count, 3, 1, 1, generator=draw)).to(pictures.device)
    offset = (how.offset * torch.randn(count, 1, 1, 1, generator=draw)).to(pictures.device)
    return ((pictures + 1) * gain - 1 + offset).clamp(-1, 1)
