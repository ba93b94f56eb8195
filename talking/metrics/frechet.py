"""The Fréchet distance of two sets of features (thesis eq. 5.5; Heusel et al. 2017), exact, from streamed moments."""

import numpy as np
from scipy.linalg import eigh

from talking.core.moments import Moments


def frechet_distance(target: Moments, prediction: Moments) -> float:
    """Return |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two Gaussians with these moments; not negative.

    The trace of (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of the symmetric R C2 R with R =
    C1^(1/2), so it is real and exact also where a covariance is singular, as with fewer frames than dimensions.
    """
    first, second = target.covariance, prediction.covariance
    values, vectors = eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(eigh(root @ second @ root, eigvals_only=True), 0)).sum()
    between = float(np.sum((target.mean - prediction.mean) ** 2))
    return max(between + float(np.trace(first) + np.trace(second) - 2 * shared), 0.0)
