"""The StyleGAN2 generator G (Karras et al. 2020, config F), under the names of its PyTorch checkpoints (`g_ema`)."""

from typing import Any

import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.models.generator import FrameGenerator
from talking.models.stylegan2_layers import ConstantInput, EqualLinear, PixelNorm, StyledConv, ToRGB

BASE_CHANNELS = 512
MAPPING_LR = 0.01


def n_channels(resolution: int, multiplier: float, maximum: int) -> int:
    """Return the width of the layers at `resolution` pixels: 512 up to 32, then halving from 256 * multiplier at 64."""
    full = BASE_CHANNELS if resolution <= 32 else int(256 * multiplier * 64 / resolution)
    return min(full, maximum)


class Generator(FrameGenerator):
    """Maps W+ codes to pictures.

    `resolution` is a power of two from 8; there are L = 2 log2(resolution) - 2 styles. `channel_max` narrows every
    layer to at most that many channels: 512 is the published network.
    """

    def __init__(
        self,
        resolution: int,
        style_dim: int = 512,
        n_mlp: int = 8,
        channel_multiplier: float = 2,
        channel_max: int = 512,
    ) -> None:
        super().__init__()
        if resolution < 8 or resolution & (resolution - 1):
            raise TalkingError(f"A generator of {resolution} pixels cannot be built: choose a power of two from 8.")
        self.config: dict[str, Any] = {
            "resolution": resolution,
            "style_dim": style_dim,
            "n_mlp": n_mlp,
            "channel_multiplier": channel_multiplier,
            "channel_max": channel_max,
        }
        self.resolution = resolution
        self.style_dim = style_dim
        self.n_styles = 2 * (resolution.bit_length() - 1) - 2
        self._build_mapping(n_mlp)
        self._build_synthesis(channel_multiplier, channel_max)

    def _build_mapping(self, n_mlp: int) -> None:
        layers = [
            EqualLinear(self.style_dim, self.style_dim, lr_multiplier=MAPPING_LR, activate=True) for _ in range(n_mlp)
        ]
        self.style = nn.Sequential(PixelNorm(), *layers)

    def _build_synthesis(self, multiplier: float, maximum: int) -> None:
        width = n_channels(4, multiplier, maximum)
        self.input = ConstantInput(width)
        self.conv1 = StyledConv(width, width, self.style_dim)
        self.to_rgb1 = ToRGB(width, self.style_dim, up=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        self.noises.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        for i in range((self.n_styles - 2) // 2):
            size = 8 << i
            below, width = width, n_channels(size, multiplier, maximum)
            self.convs.append(StyledConv(below, width, self.style_dim, up=True))
            self.convs.append(StyledConv(width, width, self.style_dim))
            self.to_rgbs.append(ToRGB(width, self.style_dim))
            for k in (2 * i + 1, 2 * i + 2):
                self.noises.register_buffer(f"noise_{k}", torch.randn(1, 1, size, size))

    def map(self, z: Tensor) -> Tensor:
        """Map normal draws `z` (B, style_dim) to latents w (B, style_dim), without truncation."""
        result: Tensor = self.style(z)
        return result

    def forward(self, wplus: Tensor, noise: bool = True, resolution: int | None = None) -> Tensor:
        """Draw the pictures of `wplus` (B, L, style_dim): (B, 3, R, R), about [-1, 1].

        `noise` adds the stored noise maps, as the published pictures have them. `resolution` stops at a power of two
        from 8 below R, where the picture is what the layers up to there have drawn. Raises TalkingError on codes of
        another shape.
        """
        self._check(wplus)
        maps = list(self.noises.buffers()) if noise else [None] * (self.n_styles - 1)
        styles = wplus.unbind(1)
        x = self.conv1(self.input(len(wplus)), styles[0], maps[0])  # (B, C, 4, 4)
        image = self.to_rgb1(x, styles[1])  # (B, 3, 4, 4)
        for i, to_rgb in enumerate(self.to_rgbs[: self._n_doublings(resolution)]):
            k = 2 * i + 1
            x = self.convs[k - 1](x, styles[k], maps[k])  # (B, C, 8 * 2**i, 8 * 2**i)
            x = self.convs[k](x, styles[k + 1], maps[k + 1])
            image = to_rgb(x, styles[k + 2], image)
        result: Tensor = image
        return result

    def _n_doublings(self, resolution: int | None) -> int:
        resolution = resolution or self.resolution
        if resolution & (resolution - 1) or not 8 <= resolution <= self.resolution:
            raise TalkingError(
                f"A generator of {self.resolution} pixels cannot draw {resolution}: "
                "ask for a power of two from 8 to its own."
            )
        return resolution.bit_length() - 3

    def _check(self, wplus: Tensor) -> None:
        expected = self.code_shape
        if wplus.ndim != 3 or tuple(wplus.shape[1:]) != expected:
            raise TalkingError(
                f"Codes of shape {tuple(wplus.shape)} do not fit a generator of {self.resolution} pixels: "
                f"give (B, {expected[0]}, {expected[1]}), the codes of the same backbone."
            )
