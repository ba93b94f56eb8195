"""The layers of StyleGAN2 prepared for drawing alone: scaled, cast and laid out once, with fewer passes over the maps.

Beside the plain layers of `talking.models.stylegan2_layers`, which are the reference, these do the same with
- one shared weight: the style scales the input and the output, so that a batch is one convolution;
- one pass for demodulation, noise, bias and the activation's gain, which a leaky ReLU lets through;
- the colours' weights scaled instead of the maps, in one product of matrices;
- the picture below enlarged by the bilinear filter, whose taps are those of the low-pass kernel (1, 3, 3, 1).
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.models.stylegan2_layers import EPSILON, LEAK, TAPS, EqualLinear, StyledConv, ToRGB, blur, fir_kernel

Upsampling = Literal["transposed", "sliced", "merged", "polyphase"]
UPSAMPLINGS: tuple[Upsampling, ...] = ("transposed", "sliced", "merged", "polyphase")
GAIN = math.sqrt(2)


def enlarge(image: Tensor) -> Tensor:
    """Put zeros between the pixels of `image` (B, C, H, W) and filter with (1, 3, 3, 1): (B, C, 2H, 2W).

    The bilinear filter has these taps; a border of zeros makes its edges the same too.
    """
    larger = F.interpolate(F.pad(image, (1, 1, 1, 1)), scale_factor=2.0, mode="bilinear", align_corners=False)
    return larger[:, :, 2:-2, 2:-2]


def merged_kernel(weight: Tensor) -> Tensor:
    """Return the 3x3 `weight` (n_out, n_in, 3, 3) convolved with the low-pass kernel: (n_out, n_in, 6, 6)."""
    n_out, n_in = weight.shape[:2]
    kernel = fir_kernel(4.0).to(weight)[None, None]  # (1, 1, 4, 4)
    return F.conv2d(weight.reshape(-1, 1, 3, 3), kernel, padding=3).view(n_out, n_in, 6, 6)


def polyphase_kernel(weight: Tensor) -> Tensor:
    """Return four 3x3 kernels, one for each of the four pixels that a pixel becomes: (4 n_out, n_in, 3, 3).

    They are the merged kernel's even and odd rows and columns, in the order of `F.pixel_shuffle`.
    """
    merged = merged_kernel(weight)
    phases = [merged[:, :, y::2, x::2].flip(2, 3) for y in (0, 1) for x in (0, 1)]
    return torch.stack(phases, 1).flatten(0, 1)


def sliced_blur(x: Tensor) -> Tensor:
    """Do what `blur` with padding 1 does, as sums of shifted maps, which a compiler fuses with what follows."""
    taps = [2 * tap / sum(TAPS) for tap in TAPS]
    height, width = x.shape[2] - 1, x.shape[3] - 1
    x = F.pad(x, (1, 1, 1, 1))
    rows = _summed([tap * x[:, :, k : k + height] for k, tap in enumerate(taps)])
    return _summed([tap * rows[..., k : k + width] for k, tap in enumerate(taps)])


def _summed(maps: list[Tensor]) -> Tensor:
    first, second, third, fourth = maps
    return first + second + (third + fourth)


class Affine(nn.Module):
    """A style's scales, with the learning rate's scale multiplied in."""

    weight: Tensor
    bias: Tensor

    def __init__(self, plain: EqualLinear) -> None:
        super().__init__()
        self.register_buffer("weight", plain.weight.detach().float() * plain.scale)
        self.register_buffer("bias", plain.bias.detach().float() * plain.lr_multiplier)

    def forward(self, style: Tensor) -> Tensor:
        """(B, style_dim) -> (B, n_in), float32."""
        return F.linear(style, self.weight, self.bias)


class FastStyledConv(nn.Module):
    """`StyledConv` prepared: modulated 3x3 convolution, noise, bias and leaky ReLU.

    In float16 weights and styles are divided by their largest value first, which the demodulation takes back, so that
    no sum leaves the range (Karras et al. 2020, "mixed precision" of the published implementation).
    """

    weight: Tensor
    energy: Tensor
    kernel: Tensor
    noise: Tensor
    bias: Tensor

    def __init__(
        self, plain: StyledConv, noise: Tensor, dtype: torch.dtype, layout: torch.memory_format, upsampling: Upsampling
    ) -> None:
        super().__init__()
        self.dtype, self.layout = dtype, layout
        self.upsampling: Upsampling | None = upsampling if plain.conv.up else None
        self.affine = Affine(plain.conv.modulation)
        weight = plain.conv.weight.detach()[0].float() * plain.conv.scale  # (n_out, n_in, 3, 3)
        if dtype == torch.float16:
            weight = weight / weight.abs().amax((1, 2, 3), keepdim=True) / math.sqrt(weight[0].numel())
        self.register_buffer("energy", weight.square().sum((2, 3)).T.contiguous())  # (n_in, n_out)
        self.register_buffer("weight", self._laid_out(self._kernel_of(weight)))
        self.register_buffer("noise", (GAIN * plain.noise.weight.detach() * noise).to(dtype))  # (1, 1, H, W)
        self.register_buffer("bias", (GAIN * plain.activate.bias.detach()[:, None, None]).to(dtype))  # (n_out, 1, 1)
        self.register_buffer("kernel", fir_kernel(4.0).to(weight.device, dtype))

    def _kernel_of(self, weight: Tensor) -> Tensor:
        if self.upsampling == "polyphase":
            return polyphase_kernel(weight)
        if self.upsampling == "merged":
            return merged_kernel(weight).transpose(0, 1)
        return weight if self.upsampling is None else weight.transpose(0, 1)

    def _laid_out(self, weight: Tensor) -> Tensor:
        return weight.to(self.dtype).contiguous(memory_format=self.layout)

    def join_shift(self) -> None:
        """Add noise and bias up once: one map (1, n_out, H, W) to read instead of a pass more, where nothing fuses."""
        self.noise = (self.noise + self.bias).contiguous(memory_format=self.layout)
        self.bias = self.bias.new_zeros(())

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x` (B or 1, n_in, H, W), `style` (B or 1, style_dim) -> (B or 1, n_out, H', W')."""
        scales = self.affine(style)  # (B, n_in)
        if self.dtype == torch.float16:
            scales = scales / scales.abs().amax(1, keepdim=True).clamp(min=EPSILON)
        gain = GAIN * torch.rsqrt(scales.square() @ self.energy + self._epsilon())  # (B, n_out)
        x = self._convolved(x * scales[:, :, None, None].to(self.dtype))
        shift = self.noise + self.bias if self.bias.ndim else self.noise
        return F.leaky_relu_(torch.addcmul(shift, x, gain[:, :, None, None].to(self.dtype)), LEAK)

    def _epsilon(self) -> float:
        return EPSILON if self.dtype != torch.float16 else EPSILON / 1000

    def _convolved(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=self.layout)
        if self.upsampling is None:
            return F.conv2d(x, self.weight, padding=1)
        if self.upsampling == "polyphase":
            return F.pixel_shuffle(F.conv2d(x, self.weight, padding=1), 2)
        if self.upsampling == "merged":
            return F.conv_transpose2d(x, self.weight, stride=2, padding=2)
        x = F.conv_transpose2d(x, self.weight, stride=2)
        return sliced_blur(x) if self.upsampling == "sliced" else blur(x, self.kernel, padding=1)


class FastToRGB(nn.Module):
    """`ToRGB` prepared: the style scales the few weights instead of the map; the sum of the pictures is in float32."""

    weight: Tensor
    bias: Tensor

    def __init__(self, plain: ToRGB, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.affine = Affine(plain.conv.modulation)
        self.register_buffer("weight", plain.conv.weight.detach()[0, :, :, 0, 0].float() * plain.conv.scale)  # (3, C)
        self.register_buffer("bias", plain.bias.detach().float().flatten())  # (3,)

    def forward(self, x: Tensor, style: Tensor, below: Tensor | None = None) -> Tensor:
        """`x` (B or 1, C, H, W), `below` (B or 1, 3, H/2, W/2) or None -> (B or 1, 3, H, W), float32."""
        weight = (self.affine(style)[:, :, None] * self.weight.T).to(self.dtype)  # (B, C, 3)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H W, C)
        colours = torch.matmul(pixels, weight).float() + self.bias  # (B, H W, 3)
        image = colours.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last
        result: Tensor = image if below is None else image + enlarge(below)
        return result
