"""The pSp image encoder E_I (Richardson et al. 2021, section 3, figure 2), under the names of its published checkpoint.

A ResNet-50 with squeeze and excitation (IR-SE50, from ArcFace) gives maps at three resolutions; a feature pyramid
joins them; and a small network per style, `map2style`, turns the coarse map into styles 0 to 2, the middle one into 3
to 6, the fine one into the rest.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.models.stylegan2_layers import EqualLinear

STAGES = ((64, 64, 3), (64, 128, 4), (128, 256, 14), (256, 512, 3))
FINE_BLOCK, MIDDLE_BLOCK = 6, 20
N_COARSE, N_MIDDLE = 3, 7
STYLE_DIM = 512


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate computed from all channels' means."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        means = x.mean((2, 3), keepdim=True)  # (B, C, 1, 1)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(means))))


class Bottleneck(nn.Module):
    """A block of IR-SE50; the shortcut is a strided copy where the width stays."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        if n_in == n_out:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(n_in),
            nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False),
            nn.PReLU(n_out),
            nn.Conv2d(n_out, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            SqueezeExcitation(n_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        result: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return result


class MapToStyle(nn.Module):
    """Strided convolutions down to one pixel, then a linear layer: one style."""

    def __init__(self, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(size.bit_length() - 1):
            layers += [nn.Conv2d(STYLE_DIM, STYLE_DIM, 3, 2, 1), nn.LeakyReLU()]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(STYLE_DIM, STYLE_DIM)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 512, size, size) -> (B, 512)."""
        result: Tensor = self.linear(self.convs(x).flatten(1))
        return result


class GradualStyleEncoder(nn.Module):
    """Maps 256-pixel crops to offsets from the mean latent, `n_styles` of 512 numbers."""

    def __init__(self, n_styles: int) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"n_styles": n_styles}
        self.n_styles = n_styles
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        self.body = nn.Sequential(*_blocks())
        sizes = [16] * N_COARSE + [32] * (N_MIDDLE - N_COARSE) + [64] * (n_styles - N_MIDDLE)
        self.styles = nn.ModuleList(MapToStyle(size) for size in sizes[:n_styles])
        self.latlayer1 = nn.Conv2d(256, STYLE_DIM, 1)
        self.latlayer2 = nn.Conv2d(128, STYLE_DIM, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """`crops` (B, 3, 256, 256) in [-1, 1] -> offsets (B, L, 512), to which the mean latent is added."""
        x = self.input_layer(crops)
        fine = self.body[: FINE_BLOCK + 1](x)  # (B, 128, 64, 64)
        middle = self.body[FINE_BLOCK + 1 : MIDDLE_BLOCK + 1](fine)  # (B, 256, 32, 32)
        coarse = self.body[MIDDLE_BLOCK + 1 :](middle)  # (B, 512, 16, 16)
        middle = _enlarge_and_add(coarse, self.latlayer1(middle))  # (B, 512, 32, 32)
        fine = _enlarge_and_add(middle, self.latlayer2(fine))  # (B, 512, 64, 64)
        maps = [coarse] * N_COARSE + [middle] * (N_MIDDLE - N_COARSE) + [fine] * (self.n_styles - N_MIDDLE)
        return torch.stack([style(x) for style, x in zip(self.styles, maps, strict=False)], dim=1)


def _blocks() -> list[Bottleneck]:
    return [
        Bottleneck(n_in if i == 0 else n_out, n_out, 2 if i == 0 else 1)
        for n_in, n_out, count in STAGES
        for i in range(count)
    ]


def _enlarge_and_add(small: Tensor, large: Tensor) -> Tensor:
    return F.interpolate(small, size=large.shape[2:], mode="bilinear", align_corners=True) + large
