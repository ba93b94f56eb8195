"""Intervals of every metric of every row, and of every row's difference from one reference row, clip by clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from talking.evaluation.evaluate import AVERAGED, ClipScores, Value
from talking.metrics.bootstrap import DRAWS, percentile_interval, resampled_sums
from talking.metrics.closure import Closure

RATIOS = (*AVERAGED, *Closure().parts)
# What is made of ratios, after them: closure_j is sensitivity + specificity - 1.
SUMMED = [RATIOS.index(name) for name in ("closure_sensitivity", "closure_specificity")]
METRICS = (*RATIOS, "closure_j")
LOW, HIGH = "_low", "_high"
Intervals = dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Tally:
    """Every metric as a ratio of sums over clips: a mean is the sum of the values over the number of clips.

    speakers: whose each of the N clips is. above, below: (N, R, M) for R rows and the M metrics of `RATIOS`, 0 where
    a clip has no number. measured: (N, R), whether the row has the clip.
    """

    rows: tuple[str, ...]
    speakers: tuple[str, ...]
    above: np.ndarray
    below: np.ndarray
    measured: np.ndarray

    @classmethod
    def of(cls, scores: Sequence[ClipScores]) -> "Tally":
        """Return the tally of scores in any order; clips and rows stand in order of appearance."""
        clips = {score.key: score.speaker for score in scores}
        rows = tuple(dict.fromkeys(score.row for score in scores))
        places = {key: place for place, key in enumerate(clips)}
        above, below = np.zeros((2, len(clips), len(rows), len(RATIOS)))
        measured = np.zeros((len(clips), len(rows)), bool)
        for score in scores:
            place = places[score.key], rows.index(score.row)
            above[place], below[place] = _parts(score)
            measured[place] = True
        return cls(rows, tuple(clips.values()), above, below, measured)

    def draws(self, above: np.ndarray, below: np.ndarray, *, seed: int, draws: int) -> np.ndarray:
        """Return the `METRICS` (draws, R, M + 1) of resampled sums of (N, R, M), NaN where they are not defined."""
        parts = np.stack([above, below], axis=1)  # (N, 2, R, M)
        sums = resampled_sums(self.speakers, parts.reshape(len(parts), -1), seed=seed, draws=draws)
        return _metrics(*np.moveaxis(sums.reshape(draws, *parts.shape[1:]), 1, 0))


def intervals(scores: Sequence[ClipScores], *, seed: int, draws: int = DRAWS) -> Intervals:
    """Return `{row: {"psnr_low": ..., "psnr_high": ...}}` for every metric of `METRICS` and, always None, for FID.

    The interval is None where fewer than two clips have a number. FID has none: it is a distance of sets and grows
    as they shrink, so that drawing frames anew shifts it.
    """
    tally = Tally.of(scores)
    ratios = tally.draws(tally.above, tally.below, seed=seed, draws=draws)
    numbered = _numbered(tally.below)  # (R, M + 1)
    none: dict[str, Value] = {"fid" + LOW: None, "fid" + HIGH: None}
    return {row: _bounds(ratios[:, r], numbered[r]) | none for r, row in enumerate(tally.rows)}


def differences(scores: Sequence[ClipScores], reference: str, *, seed: int, draws: int = DRAWS) -> Intervals:
    """Return `{row: {"psnr": ..., "psnr_low": ..., "psnr_high": ...}}`: row less `reference`, the same clips in both.

    For a mean it is the mean of the clips' differences, over clips with a number in both; for closure the difference
    of the two ratios over the clips of both. Both rows see the same draws, so what makes a clip hard for both cancels.
    Empty when no score is of `reference`.
    """
    tally = Tally.of(scores)
    if reference not in tally.rows:
        return {}
    place = tally.rows.index(reference)
    common = _common(tally, place)  # (N, R, M)
    own = tally.above * common, tally.below * common
    other = tally.above[:, [place]] * common, tally.below[:, [place]] * common
    whole = _metrics(*(part.sum(axis=0) for part in own)) - _metrics(*(part.sum(axis=0) for part in other))
    resampled = [tally.draws(*parts, seed=seed, draws=draws) for parts in (own, other)]
    numbered = np.minimum(_numbered(own[1]), _numbered(other[1]))  # (R, M + 1)
    return {
        row: _named(whole[r]) | _bounds(resampled[0][:, r] - resampled[1][:, r], numbered[r])
        for r, row in enumerate(tally.rows)
        if row != reference
    }


def with_intervals(table: Mapping[str, Mapping[str, Value]], bounds: Intervals) -> Intervals:
    """Return the table with each row's bounds added to its own keys."""
    return {row: {**values, **bounds.get(row, {})} for row, values in table.items()}


def _parts(score: ClipScores) -> tuple[list[float], list[float]]:
    values = [getattr(score, name) for name in AVERAGED]
    above, below = [value or 0.0 for value in values], [float(value is not None) for value in values]
    parts, wholes = zip(*(score.closure or Closure()).parts.values(), strict=True)
    return [*above, *parts], [*below, *wholes]


def _common(tally: Tally, place: int) -> np.ndarray:
    """Which clips count in a comparison: a mean needs the number in both rows, closure's counts only the clip."""
    common = (tally.below > 0) & (tally.below[:, [place]] > 0)
    both = tally.measured & tally.measured[:, [place]]
    common[:, :, len(AVERAGED) :] = both[:, :, None]
    return common


def _metrics(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The `METRICS` (..., M + 1) of sums (..., M)."""
    ratios = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return np.concatenate([ratios, ratios[..., SUMMED].sum(axis=-1, keepdims=True) - 1], axis=-1)


def _numbered(below: np.ndarray) -> np.ndarray:
    """How many of the clips have a number, (R, M + 1), of (N, R, M)."""
    counts = (below > 0).sum(axis=0)
    return np.concatenate([counts, counts[:, SUMMED].min(axis=1, keepdims=True)], axis=1)


def _bounds(ratios: np.ndarray, numbered: np.ndarray) -> dict[str, Value]:
    """Bounds by name of ratios (draws, M); None for a metric that fewer than two clips have."""
    named: dict[str, Value] = {}
    for m, name in enumerate(METRICS):
        bounds = percentile_interval(ratios[:, m]) if numbered[m] > 1 else None
        named |= dict(zip((name + LOW, name + HIGH), bounds or (None, None), strict=True))
    return named


def _named(values: np.ndarray) -> dict[str, Value]:
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(METRICS, values, strict=True)}
