"""The reconstruction loss on which a backbone of our own is trained: squares, absolutes and edges, at two scales."""

import torch
import torch.nn.functional as F
from torch import Tensor

from talking.faces.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE

MARGIN = 0.25


def reconstruction_loss(
    prediction: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    *,
    l2: float = 1.0,
    l1: float = 1.0,
    gradient: float = 1.0,
    scales: int = 2,
) -> Tensor:
    """Return the weighted distance, a scalar, of pictures (B, 3, R, R) in [-1, 1].

    Per scale (the picture, then halved by averaging) it adds `l2` times the mean square, `l1` times the mean absolute
    value and `gradient` times the mean absolute difference of the horizontal and vertical neighbours' differences
    (edges, which a square blurs: Mathieu et al. 2016 eq. 6); the scales are averaged. `weights` (B, 1, R, R), not
    negative, says how much a pixel counts: each mean is a weighted one, so weights that are all alike change nothing.
    """
    weights = torch.ones_like(target[:, :1]) if weights is None else weights
    total = prediction.new_zeros(())
    for scale in range(scales):
        if scale:
            prediction, target, weights = (F.avg_pool2d(picture, 2) for picture in (prediction, target, weights))
        difference = prediction - target
        total = total + l2 * _mean(difference.square(), weights) + l1 * _mean(difference.abs(), weights)
        total = total + gradient * _edges(difference, weights)
    return total / scales


def _edges(difference: Tensor, weights: Tensor) -> Tensor:
    """The edges' difference is the difference's edges; an edge counts as the mean of its two pixels."""
    across = _mean(difference.diff(dim=3).abs(), (weights[..., 1:] + weights[..., :-1]) / 2)
    down = _mean(difference.diff(dim=2).abs(), (weights[..., 1:, :] + weights[..., :-1, :]) / 2)
    return (across + down) / 2


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over pixels of values (B, C, H, W) under weights (B, 1, H, W)."""
    return (values.mean(dim=1, keepdim=True) * weights).sum() / weights.sum()


def region_weights(landmarks_in_crop: Tensor, size: int, mouth: float = 4.0, eyes: float = 2.0) -> Tensor:
    """Return weights (B, 1, size, size): `mouth` in the mouth's box, `eyes` in each eye's, 1 elsewhere.

    Where two overlap the larger counts, and none is under 1. `landmarks_in_crop` (B, 68, 2) are x, y in pixels of a
    crop of `size` pixels. A box spans its points and a margin of a quarter of its width on every side, so that lips
    which open further stay within. A face that was not found (NaN) gets 1 everywhere.
    """
    boxes = [(MOUTH, mouth), (RIGHT_EYE, eyes), (LEFT_EYE, eyes)]
    layers = [torch.where(_inside(landmarks_in_crop[:, part], size), weight, 1.0) for part, weight in boxes]
    return torch.stack(layers).amax(dim=0)[:, None].to(landmarks_in_crop.dtype)


def _inside(points: Tensor, size: int) -> Tensor:
    """Which pixels (B, size, size) lie in the widened box of points (B, P, 2); none for NaN, which is never inside."""
    low, high = points.amin(dim=1), points.amax(dim=1)  # (B, 2)
    margin = MARGIN * (high - low)[:, :1]
    grid = torch.arange(size, device=points.device, dtype=points.dtype)
    inside = (grid >= (low - margin)[..., None]) & (grid <= (high + margin)[..., None])  # (B, 2, size)
    return inside[:, 1, :, None] & inside[:, 0, None, :]
