"""The Inception network of the TensorFlow release of 2015, which FID is defined by (Heusel et al. 2017).

It differs from torchvision's in how some blocks pool; names and numbers are those of its published port to torch,
`pt_inception-2015-12-05-6726825d.pth`.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.inception import Inception3, InceptionA, InceptionC, InceptionE


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


class _A(InceptionA):  # type: ignore[misc]
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average(x))]


class _C(InceptionC):  # type: ignore[misc]
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average(x))]


class _E(InceptionE):  # type: ignore[misc]
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average(x))]


class _LastE(InceptionE):  # type: ignore[misc]
    """The last block takes the largest value where the others average: an oddity of the release."""

    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(F.max_pool2d(x, kernel_size=3, stride=1, padding=1))]


def build_inception() -> nn.Module:
    """Return the network without weights, its state dict named as in the published file."""
    network = Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    network.Mixed_5b, network.Mixed_5c, network.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
    network.Mixed_6b, network.Mixed_6c = _C(768, 128), _C(768, 160)
    network.Mixed_6d, network.Mixed_6e = _C(768, 160), _C(768, 192)
    network.Mixed_7b, network.Mixed_7c = _E(1280), _LastE(2048)
    result: nn.Module = network.eval().requires_grad_(False)
    return result
