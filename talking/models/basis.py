"""The basis V: principal components of W+ (MM'22 section 3.1.4), exact, by moments that add up over shards."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from safetensors.numpy import save_file

from talking.core.errors import TalkingError
from talking.core.files import atomic_path
from talking.core.moments import Moments
from talking.models.arrays import load_arrays


def displacement_rows(codes: np.ndarray) -> np.ndarray:
    """Return a clip's codes (T, L, 512) as displacements (T, L*512) from the clip's mean code."""
    rows = codes.reshape(len(codes), -1).astype(np.float64)
    result: np.ndarray = rows - rows.mean(axis=0)
    return result


def code_rows(codes: np.ndarray) -> np.ndarray:
    """Return a clip's codes (T, L, 512) as rows (T, L*512)."""
    return codes.reshape(len(codes), -1)


@dataclass(frozen=True)
class Basis:
    """V (K, L*512) with orthonormal rows, the mean (L*512,), the variance along each row (K,) and the total one."""

    components: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    total_variance: float
    n_styles: int

    @property
    def explained(self) -> float:
        """Share of the total variance that the basis spans, 0 to 1."""
        return float(self.variance.sum() / self.total_variance)

    def save(self, path: Path) -> None:
        """Write the basis as safetensors."""
        tensors = {"components": self.components, "mean": self.mean, "variance": self.variance}
        tensors["total_variance"] = np.array([self.total_variance])
        tensors["n_styles"] = np.array([self.n_styles])
        with atomic_path(path) as temporary:
            save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, temporary)

    @classmethod
    def load(cls, path: Path) -> "Basis":
        """Read what `save` wrote."""
        tensors = load_arrays(path, ("components", "mean", "variance", "total_variance", "n_styles"), "pca")
        shapes = [tensors[name].shape for name in ("components", "mean", "variance", "total_variance", "n_styles")]
        styles = int(tensors["n_styles"].flat[0]) if tensors["n_styles"].size else 0
        k, size = shapes[0] if len(shapes[0]) == 2 else (0, 0)
        if shapes[1:] != [(size,), (k,), (1,), (1,)] or styles < 1 or not size or size % styles:
            raise TalkingError(f"{path} holds parts of different bases: run the stage pca again.")
        return cls(
            components=tensors["components"],
            mean=tensors["mean"],
            variance=tensors["variance"],
            total_variance=float(tensors["total_variance"][0]),
            n_styles=styles,
        )


def fit_basis(moments: Moments, components: int, n_styles: int) -> Basis:
    """Return the leading principal components of the moments; the sign of each makes its largest entry positive.

    Raises `TalkingError` when the moments span fewer directions than asked for.
    """
    size = len(moments.mean)
    if components > min(size, moments.count - 1):
        raise TalkingError(
            f"pca.components is {components}, but {moments.count} codes of {size} numbers span at most "
            f"{min(size, moments.count - 1)} directions: ask for fewer."
        )
    covariance = moments.covariance
    values, vectors = _leading(covariance, moments.count - 1, components)
    rows = vectors.T[::-1]
    rows = rows * np.sign(rows[np.arange(components), np.abs(rows).argmax(axis=1)])[:, None]
    return Basis(
        components=rows.astype(np.float32),
        mean=moments.mean.astype(np.float32),
        variance=np.maximum(values[::-1], 0.0).astype(np.float32),
        total_variance=float(np.trace(covariance)),
        n_styles=n_styles,
    )


def _leading(covariance: np.ndarray, rank: int, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues (K,), ascending, and their eigenvectors (D, K) of a covariance (D, D).

    Of few rows the covariance has a `rank` well below D. Its product with random vectors then spans all that it
    spans (Halko, Martinsson & Tropp 2011, section 1.3: nothing is left out when the rank is known), and the problem
    is solved there, in half the time for K = 2500 of 3,000 rows.
    """
    size = len(covariance)
    if 2 * rank > size:
        values, vectors = scipy.linalg.eigh(covariance, subset_by_index=(size - components, size - 1))
        return values, vectors
    probe = np.random.default_rng(0).standard_normal((size, rank))  # (D, R)
    span, _ = scipy.linalg.qr(covariance @ probe, mode="economic", overwrite_a=True)  # (D, R)
    small = span.T @ (covariance @ span)  # (R, R)
    values, vectors = scipy.linalg.eigh(small, subset_by_index=(rank - components, rank - 1))
    return values, span @ vectors


class Projector(torch.nn.Module):
    """V as a module: codes to coefficients and back, each coefficient divided by its standard deviation when whitened.

    The mean is left out of displacements, which are differences, and taken off identity codes.
    """

    components: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, basis: Basis, *, whiten: bool) -> None:
        super().__init__()
        scale = np.sqrt(np.maximum(basis.variance, 1e-12)) if whiten else np.ones_like(basis.variance)
        self.n_styles = basis.n_styles
        self.register_buffer("components", torch.from_numpy(basis.components))  # (K, L*512)
        self.register_buffer("mean", torch.from_numpy(basis.mean))  # (L*512,)
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))  # (K,)

    def identity(self, codes: torch.Tensor) -> torch.Tensor:
        """Return coefficients (B, K) of identity codes (B, L, 512)."""
        return (codes.flatten(1) - self.mean) @ self.components.T / self.scale

    def coefficients(self, displacements: torch.Tensor) -> torch.Tensor:
        """Return coefficients (B, T, K) of displacements (B, T, L, 512)."""
        return displacements.flatten(2) @ self.components.T / self.scale

    def displacements(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Return displacements (B, T, L, 512) of coefficients (B, T, K): equation 1, d_t = h_t V."""
        flat = (coefficients * self.scale) @ self.components  # (B, T, L*512)
        result: torch.Tensor = flat.unflatten(2, (self.n_styles, -1))
        return result
