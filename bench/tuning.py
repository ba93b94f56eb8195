"""A step of stage two on one picture: mean square and a VGG16 distance with untrained weights, Adam."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.models.stylegan2 import Generator

# Simonyan and Zisserman 2015, configuration D, up to the fifth group: channels of the convolutions, 0 for pooling.
VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
LR = 3e-4


class Vgg16(nn.Module):
    """The trunk of LPIPS as the paper uses it, untrained: the five groups' last maps."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(n for n in VGG16 if n)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, R, R) -> per group (B, C, R', R'), each pixel of length one."""
        maps, convs = [], iter(self.convs)
        for n in (*VGG16, 0):
            if n:
                x = F.relu(next(convs)(x))
                continue
            maps.append(F.normalize(x, eps=1e-6))
            x = F.max_pool2d(x, 2)
        return maps


class TuningStep:
    """Calling it makes one step: draw the pivot, compare with the picture, change every weight but the mapping's."""

    def __init__(self, generator: Generator, *, half: bool, compiled: bool) -> None:
        device = next(generator.parameters()).device
        self.generator, self.half = generator, half
        self.trunk = Vgg16().to(device).requires_grad_(False)
        if half:
            self.trunk.to(memory_format=torch.channels_last)
        side = generator.resolution
        self.pivot = torch.randn(1, generator.n_styles, generator.style_dim, device=device)
        self.picture = torch.rand(1, 3, side, side, device=device) * 2 - 1
        with torch.no_grad():
            self.features = self.trunk(self.picture)
        self.optimizer = torch.optim.Adam(
            [weight for name, weight in generator.named_parameters() if not name.startswith("style.")], lr=LR
        )
        self.loss = torch.compile(self._loss, dynamic=False) if compiled else self._loss

    def _loss(self) -> Tensor:
        with torch.autocast(self.pivot.device.type, torch.bfloat16, enabled=self.half):
            made = self.generator(self.pivot)
            pairs = zip(self.trunk(made), self.features, strict=True)
            distance = sum((a.float() - b.float()).square().sum(1).mean() for a, b in pairs)
        result: Tensor = distance + F.mse_loss(made.float(), self.picture)
        return result

    def __call__(self) -> None:
        """Make a step; the device is not waited for."""
        self.optimizer.zero_grad(set_to_none=True)
        self.loss().backward()
        self.optimizer.step()
