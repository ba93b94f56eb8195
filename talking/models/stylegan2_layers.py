"""The layers of StyleGAN2 (Karras et al. 2020, sections 2 and 4) in plain torch, named as in its checkpoints."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = (1.0, 3.0, 3.0, 1.0)
LEAK = 0.2
EPSILON = 1e-8


def fir_kernel(gain: float) -> Tensor:
    """Return the (4, 4) low-pass kernel, its sum equal to `gain`."""
    taps = torch.tensor(TAPS)
    kernel = torch.outer(taps, taps)
    return kernel / kernel.sum() * gain


def blur(x: Tensor, kernel: Tensor, padding: int) -> Tensor:
    """Filter each channel of `x` (B, C, H, W) with a symmetric `kernel` (4, 4): (B, C, H + 2p - 3, W + 2p - 3).

    The padding is the convolution's own: a separate `F.pad` leaves the CPU's fast depthwise path and costs ten times
    more.
    """
    channels = x.shape[1]
    return F.conv2d(x, kernel.to(x.dtype).expand(channels, 1, 4, 4), padding=padding, groups=channels)


def upsample(x: Tensor, kernel: Tensor) -> Tensor:
    """Put zeros between the pixels of `x` (B, C, H, W) and filter with a symmetric `kernel` (4, 4): (B, C, 2H, 2W)."""
    channels = x.shape[1]
    return F.conv_transpose2d(x, kernel.to(x.dtype).expand(channels, 1, 4, 4), stride=2, padding=1, groups=channels)


class PixelNorm(nn.Module):
    """Scale each row of (B, D) to a mean square of one."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` divided by its root mean square over dimension 1."""
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + EPSILON)


class EqualLinear(nn.Module):
    """A linear layer at equalised learning rate: weights of unit variance, scaled by the fan-in as it runs.

    `activate` appends the leaky ReLU with gain sqrt(2). `lr_multiplier` is the mapping network's slower learning
    (0.01).
    """

    def __init__(
        self, n_in: int, n_out: int, *, bias: float = 0.0, lr_multiplier: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((n_out,), bias))
        self.lr_multiplier = lr_multiplier
        self.scale = lr_multiplier / math.sqrt(n_in)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """(..., n_in) -> (..., n_out)."""
        out = F.linear(x, self.weight * self.scale, self.bias * self.lr_multiplier)
        return F.leaky_relu(out, LEAK) * math.sqrt(2) if self.activate else out


class FirKernel(nn.Module):
    """Holds a low-pass kernel under the name that the checkpoints give it."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", fir_kernel(gain=4.0))


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by the style (section 2.2).

    Written as "scale the input, convolve, demodulate the output", which equals the scaled weights of the paper and
    lets a whole batch share one convolution.
    """

    def __init__(
        self, n_in: int, n_out: int, size: int, style_dim: int, *, demodulate: bool = True, up: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, n_out, n_in, size, size))
        self.modulation = EqualLinear(style_dim, n_in, bias=1.0)
        self.scale = 1 / math.sqrt(n_in * size * size)
        self.demodulate = demodulate
        if up:
            self.blur = FirKernel()
        self.up = up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x` (B, n_in, H, W) and `style` (B, style_dim) -> (B, n_out, H, W), twice the height and width with `up`."""
        weight = self.weight[0] * self.scale  # (n_out, n_in, size, size)
        scales = self.modulation(style)  # (B, n_in)
        x = x * scales[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = blur(x, self.blur.kernel, padding=1)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return x
        return x * demodulation(weight, scales)[:, :, None, None].to(x.dtype)


def demodulation(weight: Tensor, scales: Tensor) -> Tensor:
    """Return (B, n_out): what brings each output channel to unit variance, in float32 (section 2.2, eq. 3)."""
    with torch.autocast(scales.device.type, enabled=False):
        energy = weight.float().square().sum((2, 3))  # (n_out, n_in)
        return torch.rsqrt(scales.float().square() @ energy.T + EPSILON)


class NoiseInjection(nn.Module):
    """Adds a noise map, scaled by one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """`x` (B, C, H, W) plus `noise` (1 or B, 1, H, W)."""
        return x + (self.weight * noise).to(x.dtype)


class BiasedLeakyReLU(nn.Module):
    """Adds a bias per channel, then leaky ReLU with gain sqrt(2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return F.leaky_relu(x + self.bias[:, None, None].to(x.dtype), LEAK) * math.sqrt(2)


class ConstantInput(nn.Module):
    """The learned 4x4 map that synthesis begins with."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, n: int) -> Tensor:
        """Return the map `n` times: (n, C, 4, 4)."""
        return self.input.expand(n, -1, -1, -1)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU."""

    def __init__(self, n_in: int, n_out: int, style_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(n_in, n_out, 3, style_dim, up=up)
        self.noise = NoiseInjection()
        self.activate = BiasedLeakyReLU(n_out)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """`x` (B, n_in, H, W), `style` (B, style_dim), `noise` (1 or B, 1, H', W') or None -> (B, n_out, H', W')."""
        x = self.conv(x, style)
        if noise is not None:
            x = self.noise(x, noise)
        result: Tensor = self.activate(x)
        return result


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colours, added to the upsampled picture of the resolution below."""

    def __init__(self, n_in: int, style_dim: int, *, up: bool = True) -> None:
        super().__init__()
        if up:
            self.upsample = FirKernel()
        self.conv = ModulatedConv2d(n_in, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, style: Tensor, below: Tensor | None = None) -> Tensor:
        """`x` (B, n_in, H, W), `below` (B, 3, H/2, W/2) or None -> (B, 3, H, W), float32 even under autocast."""
        rgb: Tensor = self.conv(x, style) + self.bias
        if below is None:
            return rgb
        with torch.autocast(rgb.device.type, enabled=False):
            result: Tensor = rgb + upsample(below, self.upsample.kernel)
            return result
