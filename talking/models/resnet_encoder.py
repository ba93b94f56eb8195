"""The image encoder E_I of the thesis (Table 3.1): a ResNet-18 that gives the offset of a W+ code from the mean."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS_PER_LAYER = 2


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016, figure 2), under torchvision's names."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class ResNetEncoder(nn.Module):
    """Maps square crops of any size from 32 pixels to offsets from the mean latent.

    `width` is the number of channels of the first block, 64 in the thesis. `stem` is `imagenet` (7x7 stride 2, then
    max-pool stride 2: 256 pixels become 64) or `small` (3x3 with `stem_stride`, no pooling), which keeps the
    resolution of small crops. `pool` is the side of the grid that the last map is averaged to: 1 as in the thesis; 4
    keeps where things are. Convolutions and norms have torchvision's names, so that ImageNet weights of `conv1`,
    `bn1` and `layer1` to `layer4` load.
    """

    def __init__(
        self,
        n_styles: int,
        style_dim: int = 512,
        *,
        width: int = 64,
        stem: Literal["imagenet", "small"] = "imagenet",
        stem_stride: int = 1,
        pool: int = 1,
    ) -> None:
        super().__init__()
        if stem not in ("imagenet", "small"):
            raise ValueError(f"stem {stem!r} is not known: choose imagenet or small")
        self.config: dict[str, Any] = {
            "n_styles": n_styles,
            "style_dim": style_dim,
            "width": width,
            "stem": stem,
            "stem_stride": stem_stride,
            "pool": pool,
        }
        self.n_styles = n_styles
        self.style_dim = style_dim
        self._build_stem(width, stem, stem_stride)
        self.layer1 = _layer(width, width, 1)
        self.layer2 = _layer(width, 2 * width, 2)
        self.layer3 = _layer(2 * width, 4 * width, 2)
        self.layer4 = _layer(4 * width, 8 * width, 2)
        self.pool = nn.AdaptiveAvgPool2d(pool)
        self.linear = nn.Linear(8 * width * pool * pool, n_styles * style_dim)

    def _build_stem(self, width: int, stem: str, stride: int) -> None:
        self.maxpool: nn.Module = nn.Identity()
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
        else:
            self.conv1 = nn.Conv2d(3, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, crops: Tensor) -> Tensor:
        """`crops` (B, 3, H, H) in [-1, 1] -> offsets (B, L, style_dim), to which the mean latent is added."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(crops))))  # (B, width, H/4, H/4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (B, 8 width, H/32, H/32)
        x = torch.flatten(self.pool(x), 1)  # (B, 8 width pool^2)
        result: Tensor = self.linear(x).view(-1, self.n_styles, self.style_dim)
        return result


def _layer(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    rest = [BasicBlock(n_out, n_out, 1) for _ in range(BLOCKS_PER_LAYER - 1)]
    return nn.Sequential(BasicBlock(n_in, n_out, stride), *rest)
