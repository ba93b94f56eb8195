"""LPIPS as a training loss (MM'22 eq. 3): Zhang et al. 2018, with the parts of the `lpips` package and no download."""

import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.losses.trunk import read_trunk

NETS = ("squeeze", "vgg", "alex")
SMALLEST_SIDE = 64
TINY = 1e-16


class PerceptualLoss(nn.Module):
    """LPIPS of pairs of pictures, with a frozen trunk.

    `net` is the trunk: `vgg` (the paper's), `squeeze` (light) or `alex`. `trunk_weights` is a file of the trunk's
    ImageNet weights, as torchvision publishes them or of its `features` alone. Without it the trunk is untrained:
    random filters drawn from `seed`, a texture-sensitive distance that is *not* LPIPS; `published` tells which of the
    two it is. The global random state is left as it was. Raises TalkingError for an unknown net or a file that does
    not fit it.
    """

    lpips: Any

    def __init__(self, net: str, trunk_weights: Path | None = None, seed: int = 0) -> None:
        super().__init__()
        self.published = trunk_weights is not None
        self.lpips = _untrained(net, seed)
        if trunk_weights is not None:
            self.lpips.net.load_state_dict(read_trunk(trunk_weights, self.lpips.net.state_dict()))
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "PerceptualLoss":  # noqa: ARG002
        """Stay in evaluation mode whatever the model around it does: the heads' dropout would make the loss random."""
        return super().train(False)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the distance (B,) of `prediction` and `target`, (B, 3, R, R) in [-1, 1], differentiable in both."""
        return self.distance(self.features(prediction), self.features(target))

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Return the trunk's unit-length features of `pictures` (B, 3, R, R): per layer (B, C_l, R_l, R_l).

        For a target that is used more than once, or that needs no gradient, call this under `torch.no_grad()`.
        """
        layers = self.lpips.net(self.lpips.scaling_layer(_enlarged(pictures)))
        return [_unit(layer) for layer in layers]

    def distance(self, prediction: list[Tensor], target: list[Tensor]) -> Tensor:
        """Return LPIPS (B,) between two outcomes of `features`."""
        heads = [
            head((a - b) ** 2) for head, a, b in zip(self.lpips.lins, prediction, target, strict=True)
        ]  # (B, 1, R_l, R_l)
        return torch.stack([layer.mean(dim=(1, 2, 3)) for layer in heads]).sum(dim=0)


def _untrained(net: str, seed: int) -> Any:
    if net not in NETS:
        raise TalkingError(f"perceptual net '{net}' is not known; use one of {', '.join(NETS)}.")
    import lpips  # Here alone: with torchvision it takes seconds, which most processes that know of this loss can save.

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips asks torchvision in the words of an older version
        torch.default_generator.manual_seed(seed)
        return lpips.LPIPS(net=net, pnet_rand=True, verbose=False)


def _enlarged(pictures: Tensor) -> Tensor:
    """Enlarge pictures under 64 pixels by a whole factor: the trunks' pooling leaves nothing of smaller ones."""
    factor = -(-SMALLEST_SIDE // min(pictures.shape[-2:]))
    if factor <= 1:
        return pictures
    return F.interpolate(pictures, scale_factor=factor, mode="bilinear", align_corners=False)


def _unit(features: Tensor) -> Tensor:
    """Divide by the length over channels, in float32 at least; TINY keeps the gradient finite; lpips' own is NaN."""
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    return features * torch.rsqrt((features * features).sum(dim=1, keepdim=True) + TINY)
