"""The percentile bootstrap: how far a figure would move with other speakers and clips (Efron & Tibshirani 1993).

Speakers are drawn and, within them, clips: the two-stage draw of Davison & Hinkley 1997, section 3.8.
"""

from collections.abc import Sequence

import numpy as np

DRAWS = 2000
LEVEL = 0.95
FEW_SPEAKERS = 5


def resampled_sums(speakers: Sequence[str], values: np.ndarray, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return the sums (draws, K) of values (N, K) of N clips, float64, over clips drawn anew.

    `speakers` (N,) says whose each clip is. In each draw as many speakers as there are, are drawn with replacement,
    and of each one drawn as many of its clips as it has, again with replacement; a speaker that is drawn twice has
    its clips drawn twice over. Of one speaker only the clips are drawn; of speakers with one clip each only the
    speakers. All K columns see the same draws, so that their differences are paired.
    """
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(speakers))
    taken = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)  # (draws, speakers)
    sums = np.zeros((draws, values.shape[1]))
    for name, times in zip(names, taken.T, strict=True):
        own = values[[speaker == name for speaker in speakers]]  # (n, K)
        counts = rng.multinomial(times * len(own), np.full(len(own), 1 / len(own)))  # (draws, n)
        # einsum adds in one fixed order, whatever the number of threads; BLAS does not.
        sums += np.einsum("dn,nk->dk", counts.astype(np.float64), own)
    return sums


def percentile_interval(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float] | None:
    """Return the interval that holds the middle `level` of the draws (B,); NaN ones are left out, None without any."""
    there = draws[np.isfinite(draws)]
    if not len(there):
        return None
    low, high = np.quantile(there, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def scheme(speakers: int, draws: int = DRAWS) -> str:
    """Return the sentences that say how the intervals of a table were made and how far they reach."""
    start = f"{LEVEL:.0%} percentile bootstrap intervals of {draws} draws".replace("%", " %")
    if speakers == 1:
        return f"{start} of the one speaker's clips: they say what other clips of this speaker would give, not others."
    both = f"{start} of speakers and, within each, of clips."
    if speakers >= FEW_SPEAKERS:
        return both
    return f"{both} With only {speakers} speakers they say little of how other speakers would do, and are too narrow."
