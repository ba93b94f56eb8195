"""Count, mean and scatter of rows, exact and additive: what principal components and Fréchet distances are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Count, mean (D,) and scatter (D, D), the sum of outer products about the mean, in float64; they add up.

    The update of Chan, Golub & LeVeque 1979, which does not lose digits where the mean is far from zero: memory does
    not grow with the rows, and shards can be summed in any grouping.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> "Moments":
        """Moments of the rows of a matrix (N, D), N at least 1."""
        rows = rows.astype(np.float64)
        mean = rows.mean(axis=0)
        centred = rows - mean
        return cls(len(rows), mean, centred.T @ centred)

    @classmethod
    def total(cls, parts: Iterable["Moments"]) -> "Moments":
        """Moments of all the rows of the parts, one at least, together."""
        return reduce(add, parts)

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both sets of rows together."""
        count = self.count + other.count
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.count / count)
        between = np.outer(gap, gap) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (D, D); ValueError for fewer than two rows."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least two rows, not {self.count}")
        return self.scatter / (self.count - 1)
