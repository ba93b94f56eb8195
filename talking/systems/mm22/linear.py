"""The linear model of the displacement's coefficients: a floor for evaluations, the measure of what sound predicts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from talking.core.files import atomic_path
from talking.data.clips import ClipArrays
from talking.models.arrays import load_arrays
from talking.models.basis import Projector
from talking.models.ridge import Normal, Ridge, solve

TINY = 1e-12
PENALTIES = tuple(10.0**power for power in range(-6, 4))


@dataclass(frozen=True)
class LinearFit:
    """The regression, what it explains on the validation clips, and the windows' statistics.

    ridge maps [audio window (336,), w_I projected on V (K,)] to the coefficients (K,) of w_t - w_I; explained (K,) in
    0..1 is the share of each coefficient's variance over time that it predicts, clip by clip, so that knowing where a
    face rests counts for nothing; window_mean, window_std (12,) and identity_mean, identity_std (K,) over the training
    clips; penalty is the one of `PENALTIES` that explains most of what sound moves.
    """

    ridge: Ridge
    explained: np.ndarray
    window_mean: np.ndarray
    window_std: np.ndarray
    identity_mean: np.ndarray
    identity_std: np.ndarray
    penalty: float

    def save(self, folder: Path) -> None:
        """Write the regression and the statistics as safetensors."""
        self.ridge.save(folder / "linear.safetensors")
        statistics = {name: np.atleast_1d(value) for name, value in vars(self).items() if name != "ridge"}
        with atomic_path(folder / "statistics.safetensors") as temporary:
            save_file(statistics, temporary)

    @classmethod
    def load(cls, folder: Path) -> "LinearFit":
        """Read what `save` wrote."""
        ridge, names = Ridge.load(folder / "linear.safetensors"), [each.name for each in fields(cls)]
        names.remove("ridge")
        statistics = load_arrays(folder / "statistics.safetensors", names, "stage_one")
        penalty = float(statistics.pop("penalty").flat[0])
        return cls(ridge, **statistics, penalty=penalty)

    @property
    def warning(self) -> str:
        """A sentence where the penalty lies at an end of those that were tried; nothing where it lies between."""
        if PENALTIES[0] < self.penalty < PENALTIES[-1]:
            return ""
        return (
            f"warning: the linear floor's penalty {self.penalty:g} is an end of those tried ({PENALTIES[0]:g} to "
            f"{PENALTIES[-1]:g}), and a better one may lie beyond it: widen PENALTIES in {__name__}."
        )


def fit_linear(train: Iterable[ClipArrays], validation: Iterable[ClipArrays], projector: Projector) -> LinearFit:
    """Fit on the training clips, one pass and flat memory; choose the penalty on the validation clips.

    Of penalties that explain alike, as where nothing is explained, the largest is taken.
    """
    windows, identities, normal = _Statistics(), _Statistics(), None
    for whole in train:
        clip = whole.of_faces()
        windows.add(clip.windows.transpose(0, 2, 1).reshape(-1, clip.windows.shape[1]))
        identities.add(projector.identity(torch.from_numpy(clip.codes)).numpy())
        for identity in (0, len(clip.codes) // 2):
            part = Normal.of(*regression_rows(clip, identity, projector))
            normal = part if normal is None else normal + part
    if normal is None:
        raise ValueError("no training clips")
    fits = [solve(normal, penalty) for penalty in PENALTIES]
    shares = explained_over_time(fits, (regression_rows(clip.of_faces(), 0, projector) for clip in validation))
    # Squared, for sound does not move most components: the penalty that silences them all wins their plain mean
    # (lips included), and a floor chosen so would be too low to be one.
    best = max(range(len(fits)), key=lambda index: (np.square(shares[index]).mean(), index))
    return LinearFit(
        fits[best],
        shares[best].astype(np.float32),
        *(windows.mean, windows.std),
        *(identities.mean, identities.std),
        penalty=PENALTIES[best],
    )


def explained_over_time(
    fits: Sequence[Callable[[np.ndarray], np.ndarray]], clips: Iterable[tuple[np.ndarray, np.ndarray]]
) -> list[np.ndarray]:
    """Return, per fit, the share (K,) of the targets' variance about each clip's own mean that it explains, at least 0.

    `clips` yields inputs (T, F) and targets (T, K); they are gone through once, in flat memory.
    """
    total, residuals = np.zeros(1), [np.zeros(1) for _ in fits]
    for inputs, targets in clips:
        centred = targets - targets.mean(axis=0)
        total = total + (centred**2).sum(axis=0)
        for index, fit in enumerate(fits):
            predicted = fit(inputs)
            error = centred - (predicted - predicted.mean(axis=0))
            residuals[index] = residuals[index] + (error**2).sum(axis=0)
    return [
        np.where(total > TINY, np.clip(1.0 - residual / np.maximum(total, TINY), 0.0, 1.0), 0.0)
        for residual in residuals
    ]


def regression_rows(clip: ClipArrays, identity: int, projector: Projector) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (T, 336 + K) and targets (T, K) of a clip, with frame `identity` as the identity image."""
    codes = torch.from_numpy(clip.codes)
    coefficients = projector.coefficients((codes - codes[identity])[None])[0]
    inputs = linear_inputs(clip.windows, projector.identity(codes[identity][None])[0].numpy())
    return inputs, coefficients.numpy()


def linear_inputs(windows: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Join windows (T, 12, 28) and a projected identity code (K,) to inputs (T, 336 + K)."""
    flat = windows.reshape(len(windows), -1)
    return np.concatenate([flat, np.broadcast_to(identity, (len(flat), len(identity)))], axis=1)


class _Statistics:
    """Mean and standard deviation per column, summed clip by clip."""

    def __init__(self) -> None:
        self.count, self.sum, self.squares = 0, 0.0, 0.0

    def add(self, rows: np.ndarray) -> None:
        rows = rows.astype(np.float64)
        self.count, self.sum, self.squares = (
            self.count + len(rows),
            self.sum + rows.sum(0),
            self.squares + (rows**2).sum(0),
        )

    @property
    def mean(self) -> np.ndarray:
        return np.asarray(self.sum / self.count, np.float32)

    @property
    def std(self) -> np.ndarray:
        variance = self.squares / self.count - (self.sum / self.count) ** 2
        result: np.ndarray = np.sqrt(np.maximum(variance, 1e-8)).astype(np.float32)
        return result
