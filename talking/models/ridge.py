"""Ridge regression in closed form, by moments that add up over shards: the `linear` row of every evaluation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg
from safetensors.numpy import save_file

from talking.core.errors import TalkingError
from talking.core.files import atomic_path
from talking.models.arrays import load_arrays


@dataclass(frozen=True)
class Normal:
    """The normal equations of a regression with intercept: X'X (F+1, F+1) and X'Y (F+1, K), which add up."""

    xx: np.ndarray
    xy: np.ndarray

    @classmethod
    def of(cls, inputs: np.ndarray, targets: np.ndarray) -> "Normal":
        """Normal equations of inputs (N, F) and targets (N, K)."""
        inputs = _with_one(inputs)
        return cls(inputs.T @ inputs, inputs.T @ targets.astype(np.float64))

    def __add__(self, other: "Normal") -> "Normal":
        return Normal(self.xx + other.xx, self.xy + other.xy)


@dataclass(frozen=True)
class Ridge:
    """Weights (F+1, K); the last row is the intercept."""

    weights: np.ndarray

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Predict targets (N, K) from inputs (N, F)."""
        result: np.ndarray = _with_one(inputs) @ self.weights
        return result

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        with atomic_path(path) as temporary:
            save_file({"weights": self.weights}, temporary)

    @classmethod
    def load(cls, path: Path) -> "Ridge":
        """Read what `save` wrote."""
        weights = load_arrays(path, ["weights"], "stage_one")["weights"]
        if weights.ndim != 2:
            raise TalkingError(f"{path} has weights of shape {weights.shape}: run the stage stage_one again.")
        return cls(weights)


def solve(normal: Normal, penalty: float) -> Ridge:
    """Minimise |XW - Y|^2 + N penalty sum_f var_f |W_f|^2: every input is penalised in units of its variance.

    The intercept is free, so neither the unit nor the zero of an input changes what is predicted.
    """
    total = normal.xx[-1]  # (F+1,), the inputs' sums, and last how many rows there are
    scale = np.maximum(np.diag(normal.xx) - total**2 / total[-1], 0.0)
    weights = scipy.linalg.solve(
        normal.xx + penalty * np.diag(scale) + 1e-9 * np.eye(len(scale)), normal.xy, assume_a="pos"
    )
    return Ridge(weights)


def _with_one(inputs: np.ndarray) -> np.ndarray:
    return np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1, dtype=np.float64)
