"""What a generator is to everything that draws with it: codes or motions in, pictures out, of one size."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from talking.core.errors import TalkingError


class FrameGenerator(nn.Module, ABC):
    """Draws a picture of every code.

    A subclass sets `resolution`, the side of its pictures in pixels; `n_styles` and `style_dim`, the shape of a frame's
    code: L styles of D numbers, or as many key points of so many; and `config`, which suffices to build it again.
    Where it can draw faster than by `forward`, it registers how with `talking.synthesis.fast.fast_path`.
    """

    config: dict[str, Any]
    resolution: int
    n_styles: int
    style_dim: int

    @property
    def code_shape(self) -> tuple[int, int]:
        """The shape (L, D) of one frame's code."""
        return self.n_styles, self.style_dim

    def map(self, z: Tensor) -> Tensor:
        """Map normal draws `z` (B, D) to latents (B, D). Raises `TalkingError` where a generator has no such prior."""
        raise TalkingError(
            f"A {type(self).__name__} draws no pictures of random numbers and was given {tuple(z.shape)}: take "
            "codes of pictures (pca.source: codes)."
        )

    @abstractmethod
    def forward(self, codes: Tensor) -> Tensor:
        """Draw the pictures (B, 3, R, R), about [-1, 1], of codes (B, L, D)."""
