"""How the codes that a model predicts become a face's: where it rests, and how strongly it moves away from there."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Rest = Literal["learned", "picture"]
AskedRest = Literal["auto", "learned", "picture"]
# The face of the first fifth of a second is at rest: speech begins after it. One frame alone would carry all of the
# image encoder's jitter into every frame.
REST_FRAMES = 5


@dataclass(frozen=True)
class Delivery:
    """`rest`: a face rests as the model predicts, or as the identity image shows it; `expression` scales its movement.

    What the decoder adds to w_I is a movement and where the face rests. Of a person that it never saw it guesses the
    second badly, which shifts every frame; the picture knows it, as long as its person is not speaking. Movement comes
    out too small, as that of every estimate of least squares does by how uncertain it is: an expression above 1 gives
    lips the reach of true ones at the price of some distance.
    """

    rest: Rest = "learned"
    expression: float = 1.0

    @classmethod
    def of(cls, rest: AskedRest, expression: float, *, known: bool) -> "Delivery":
        """Return what is asked for; with `auto` people of the training set (`known`) rest as learned, others not."""
        if rest == "auto":
            return cls("learned" if known else "picture", expression)
        return cls(rest, expression)

    def __call__(self, codes: np.ndarray, identity: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
        """Return the face's codes (T, L, 512) of predicted ones (T, L, 512), for the identity code (L, 512).

        `start` is `rest_of` the sound's beginning, for parts of a sound that come after it.
        """
        if self == AS_PREDICTED:
            return codes
        start = rest_of(codes) if start is None else start
        base = start if self.rest == "learned" else identity
        result: np.ndarray = base + self.expression * (codes - start)
        return result


AS_PREDICTED = Delivery()
AS_PICTURED = Delivery("picture")


def rest_of(codes: np.ndarray) -> np.ndarray:
    """Return the code (L, 512) of the face at rest, by the beginning of predicted codes (T, L, 512)."""
    result: np.ndarray = codes[:REST_FRAMES].mean(axis=0)
    return result
