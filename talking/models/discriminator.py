"""The StyleGAN2 discriminator D (Karras et al. 2020, config F: residual), named as in the PyTorch checkpoints (`d`)."""

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.models.stylegan2 import n_channels
from talking.models.stylegan2_layers import EPSILON, BiasedLeakyReLU, EqualLinear, blur, fir_kernel

GROUP = 4


class EqualConv2d(nn.Module):
    """Convolution without bias at equalised learning rate: weights of unit variance, scaled by the fan-in."""

    def __init__(self, n_in: int, n_out: int, size: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, size, size))
        self.scale = 1 / math.sqrt(n_in * size * size)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H', W')."""
        return F.conv2d(x, self.weight * self.scale, stride=self.stride, padding=self.padding)


class Blur(nn.Module):
    """Low-pass filter before a strided convolution; holds its kernel under the name that the checkpoints give it."""

    kernel: Tensor

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.register_buffer("kernel", fir_kernel(gain=1.0))
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H + 2 padding - 3, W + 2 padding - 3)."""
        return blur(x, self.kernel, self.padding)


def conv_layer(n_in: int, n_out: int, size: int) -> nn.Sequential:
    """Convolution that keeps the size, bias, leaky ReLU: members `0.weight` and `1.bias`."""
    return nn.Sequential(EqualConv2d(n_in, n_out, size, padding=size // 2), BiasedLeakyReLU(n_out))


class ResidualBlock(nn.Module):
    """Two convolutions, of which the second halves the size, with a 1x1 shortcut (section 4.1, figure 7c)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = conv_layer(n_in, n_in, 3)
        self.conv2 = nn.Sequential(Blur(2), EqualConv2d(n_in, n_out, 3, stride=2), BiasedLeakyReLU(n_out))
        self.skip = nn.Sequential(Blur(1), EqualConv2d(n_in, n_out, 1, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / 2, W / 2)."""
        result: Tensor = (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)
        return result


class Discriminator(nn.Module):
    """Maps pictures to scores: high for real ones.

    Sizes are those of the generator of the same `resolution`, `channel_multiplier` and `channel_max`.
    """

    def __init__(self, resolution: int, channel_multiplier: float = 2, channel_max: int = 512) -> None:
        super().__init__()
        if resolution < 8 or resolution & (resolution - 1):
            raise TalkingError(f"A discriminator of {resolution} pixels cannot be built: choose a power of two from 8.")
        self.config: dict[str, Any] = {
            "resolution": resolution,
            "channel_multiplier": channel_multiplier,
            "channel_max": channel_max,
        }
        self.resolution = resolution
        sizes = [resolution >> k for k in range(resolution.bit_length() - 2)]  # R, R / 2, ..., 4
        widths = [n_channels(size, channel_multiplier, channel_max) for size in sizes]
        blocks = [ResidualBlock(n_in, n_out) for n_in, n_out in pairwise(widths)]
        self.convs = nn.Sequential(conv_layer(3, widths[0], 1), *blocks)
        last = widths[-1]
        self.final_conv = conv_layer(last + 1, last, 3)
        self.final_linear = nn.Sequential(EqualLinear(last * 4 * 4, last, activate=True), EqualLinear(last, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Score `pictures` (B, 3, R, R), about [-1, 1]: (B, 1), float32 even under autocast."""
        if pictures.ndim != 4 or tuple(pictures.shape[1:]) != (3, self.resolution, self.resolution):
            raise TalkingError(
                f"Pictures of shape {tuple(pictures.shape)} do not fit a discriminator of {self.resolution} pixels."
            )
        x = self.convs(pictures)  # (B, C, 4, 4)
        with torch.autocast(x.device.type, enabled=False):
            x = self.final_conv(with_group_deviation(x.to(torch.promote_types(x.dtype, torch.float32))))
            result: Tensor = self.final_linear(x.flatten(1))
            return result


def with_group_deviation(x: Tensor) -> Tensor:
    """Append a map of how much the pictures of a group differ: (B, C, H, W) -> (B, C + 1, H, W).

    Groups are of four pictures, or of the largest number below that divides B; picture i is in group i mod (B / size),
    as in the published code (Karras et al. 2018, section 3: the minibatch standard deviation).
    """
    count, channels, height, width = x.shape
    size = next(size for size in range(min(GROUP, count), 0, -1) if count % size == 0)
    groups = x.view(size, count // size, channels, height, width)
    deviation = (groups.var(dim=0, unbiased=False) + EPSILON).sqrt().mean(dim=(1, 2, 3))  # (B / size,)
    return torch.cat([x, deviation.repeat(size)[:, None, None, None].expand(count, 1, height, width)], dim=1)
