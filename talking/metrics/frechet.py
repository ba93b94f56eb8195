"""The Fréchet distance of two sets of features (thesis eq. 5.5; Heusel et al. 2017), exact, from streamed moments."""

from typing import Self

import numpy as np
from scipy.linalg import eigh


class Moments:
    """Count, mean and covariance of features (N, D) that arrive in pieces, in float64, in memory that N does not grow.

    Pieces are merged by the update of Chan et al. 1979, which does not lose digits where the mean is far from zero.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = np.zeros(size)
        self._scatter = np.zeros((size, size))

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """Return the moments of features (N, D)."""
        moments = cls(features.shape[1])
        moments.count = len(features)
        moments.mean = features.mean(axis=0, dtype=np.float64)
        centred = features - moments.mean
        moments._scatter = centred.T @ centred
        return moments

    def add(self, features: np.ndarray) -> None:
        """Take in features (N, D)."""
        if len(features):
            self.merge(Moments.of(features))

    def merge(self, other: "Moments") -> None:
        """Take in what another has taken in, such as another worker's share."""
        count = self.count + other.count
        if not count:
            return
        shift = other.mean - self.mean
        self._scatter += other._scatter + np.outer(shift, shift) * (self.count * other.count / count)
        self.mean = self.mean + shift * (other.count / count)
        self.count = count

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (D, D); ValueError for fewer than two features."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least two features, not {self.count}")
        return self._scatter / (self.count - 1)


def frechet_distance(true: Moments, made: Moments) -> float:
    """Return |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two Gaussians with these moments; not negative.

    The trace of (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of the symmetric R C2 R with R =
    C1^(1/2), so it is real and exact also where a covariance is singular, as with fewer frames than dimensions.
    """
    first, second = true.covariance, made.covariance
    values, vectors = eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(eigh(root @ second @ root, eigvals_only=True), 0)).sum()
    between = float(np.sum((true.mean - made.mean) ** 2))
    return max(between + float(np.trace(first) + np.trace(second) - 2 * shared), 0.0)
