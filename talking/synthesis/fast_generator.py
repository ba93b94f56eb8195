"""The StyleGAN2 generator prepared for drawing: the same pictures as the plain `Generator`, several times as fast."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from talking.models.stylegan2 import Generator
from talking.synthesis.fast_layers import FastStyledConv, FastToRGB, Upsampling


@dataclass(frozen=True)
class Settings:
    """How pictures are drawn.

    dtype: of weights and maps; styles, demodulation and the sum of the pictures stay in float32;
    channels_last: the maps' layout in memory;
    upsampling: `transposed` convolves, then blurs; `sliced` is the same for a compiler to fuse; `merged` does both with
        one 6x6 kernel and `polyphase` with four 3x3 ones: one pass less for four times the products;
    joined_shift: noise and bias are kept as one map, which pays where nothing fuses their sum.
    """

    dtype: torch.dtype = torch.float32
    channels_last: bool = True
    upsampling: Upsampling = "transposed"
    joined_shift: bool = True

    @property
    def layout(self) -> torch.memory_format:
        """The maps' layout in memory."""
        return torch.channels_last if self.channels_last else torch.contiguous_format


class FastGenerator(nn.Module):
    """The synthesis part of a `Generator` as it is now, on its device; a later change of its weights is not seen."""

    input: Tensor

    def __init__(self, plain: Generator, settings: Settings) -> None:
        super().__init__()
        self.settings, self.resolution = settings, plain.resolution
        self.n_styles, self.style_dim = plain.n_styles, plain.style_dim
        noises = list(plain.noises.buffers())
        self.register_buffer("input", plain.input.input.detach().to(settings.dtype))  # (1, C, 4, 4)
        prepared = [
            FastStyledConv(conv, noise, settings.dtype, settings.layout, settings.upsampling)
            for conv, noise in zip([plain.conv1, *plain.convs], noises, strict=True)
        ]
        self.convs = nn.ModuleList(prepared)
        self.to_rgbs = nn.ModuleList(FastToRGB(layer, settings.dtype) for layer in [plain.to_rgb1, *plain.to_rgbs])
        if settings.joined_shift:
            for conv in prepared:
                conv.join_shift()

    def forward(self, wplus: Tensor, constant: Collection[int] = ()) -> Tensor:
        """Draw the pictures of `wplus` (B, L, style_dim): (B, 3, R, R), about [-1, 1], float32.

        `constant` names styles that are the same in the whole batch: they are computed once, and so is every layer
        below the first style that changes.
        """
        styles = [style[:1] if i in constant else style for i, style in enumerate(wplus.unbind(1))]
        x = self.convs[0](self.input, styles[0])  # (B, C, 4, 4)
        image = self.to_rgbs[0](x, styles[1])  # (B, 3, 4, 4)
        for i, to_rgb in enumerate(self.to_rgbs[1:]):
            k = 2 * i + 1
            x = self.convs[k](x, styles[k])  # (B, C, 8 * 2**i, 8 * 2**i)
            x = self.convs[k + 1](x, styles[k + 1])
            image = to_rgb(x, styles[k + 2], image)
        result: Tensor = image.expand(len(wplus), -1, -1, -1)
        return result
