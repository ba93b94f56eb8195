"""The fast way to draw with a generator, by its kind: itself, until its kind registers a faster one."""

from collections.abc import Collection
from functools import singledispatch
from typing import Protocol

from torch import Tensor, nn

from talking.models.stylegan2 import Generator
from talking.synthesis.fast_generator import FastGenerator, Settings


class Drawing(Protocol):
    """Draws pictures (B, 3, R, R), about [-1, 1], of codes (B, L, D).

    `constant` names styles that are the same in the whole batch, which some can compute once.
    """

    def __call__(self, codes: Tensor, constant: Collection[int] = ()) -> Tensor:
        """Draw."""


class Plain(nn.Module):
    """A generator as it is."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, codes: Tensor, constant: Collection[int] = ()) -> Tensor:
        """Draw the pictures of codes (B, L, D); it makes no difference which are constant."""
        del constant
        result: Tensor = self.generator(codes)
        return result


@singledispatch
def fast_path(generator: nn.Module, settings: Settings) -> Drawing:
    """Return what draws a generator's pictures as its weights are now, as fast as its kind knows how."""
    del settings
    return Plain(generator).eval()


@fast_path.register
def _(generator: Generator, settings: Settings) -> Drawing:
    return FastGenerator(generator, settings).eval()
