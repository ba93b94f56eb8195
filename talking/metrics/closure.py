"""Closed lips at the bilabials /p b m/ (thesis 5.3): recall and precision of the made lips against the true ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

import numpy as np

from talking.corpora.clip import Segment
from talking.metrics.unavailable import Unavailable

# The closures and the syllabic m are TIMIT's names; the corpora's other labels are p, b and m themselves.
BILABIALS = frozenset({"p", "b", "m", "pcl", "bcl", "em"})
SILENCES = frozenset({"sil", "sp", "pau", "epi", "h#"})
# Lips are closed in the lowest quarter of what the true mouth does in the clip, from its 5th to its 95th percentile.
CLOSED = 0.25


@dataclass(frozen=True)
class Closure:
    """Counts of one clip or, added up, of many.

    `expected` frames lie in a bilabial and are closed in truth, `recalled` of them are closed in the made video;
    `closed` frames of the speech are closed in the made video, `right` of them in truth as well.
    """

    recalled: int = 0
    expected: int = 0
    right: int = 0
    closed: int = 0

    def __add__(self, other: "Closure") -> "Closure":
        counts = (self.recalled + other.recalled, self.expected + other.expected)
        return Closure(*counts, self.right + other.right, self.closed + other.closed)

    @property
    def recall(self) -> float | None:
        """The share of the bilabials' closed frames that the made lips close; None without any."""
        return self.recalled / self.expected if self.expected else None

    @property
    def precision(self) -> float | None:
        """The share of the made closed frames, in speech, that are closed in truth; None for lips that never close."""
        return self.right / self.closed if self.closed else None


def closure(
    true_opening: np.ndarray,
    made_opening: np.ndarray,
    phones: Sequence[Segment],
    *,
    rate: float = 25.0,
    tolerance: int = 1,
) -> Closure | Unavailable:
    """Count closed lips in one clip, from the openings (T,) in pixels (NaN: no face) and the clip's labelled phones.

    Both mouths are held to one threshold, which the true one sets. A closed frame is matched by one at most
    `tolerance` frames away: 40 ms, the error of the labels' rounding to frames. A frame without a face is never
    closed, so it costs recall. Silence is left out: lips at rest are closed in any video, and would make the
    precision of a frozen one. Unavailable, with the reason, where the clip has no phone labels or no frame with a
    true face.
    """
    if true_opening.shape != made_opening.shape:
        raise ValueError(f"openings of shapes {true_opening.shape} and {made_opening.shape} cannot be compared")
    spoken = [phone for phone in phones if phone.text.lower() not in SILENCES and _plain(phone.text)]
    if not spoken:
        return Unavailable("the corpus labels no phones, so it is not known where the lips must close")
    if not np.isfinite(true_opening).any():
        return Unavailable("no face was found in the true frames")
    true, made = _closed(true_opening, true_opening), _closed(made_opening, true_opening)
    length = len(true)
    speech = frames_of(spoken, length, rate)
    expected = true & frames_of([phone for phone in spoken if _plain(phone.text) in BILABIALS], length, rate)
    closed = made & speech
    recalled, right = expected & _widened(made, tolerance), closed & _widened(true, tolerance)
    return Closure(*(int(np.count_nonzero(frames)) for frames in (recalled, expected, right, closed)))


def frames_of(segments: Sequence[Segment], length: int, rate: float) -> np.ndarray:
    """Return which frames, bool (length,), the segments touch; frame t lasts from t / rate to (t + 1) / rate."""
    touched = np.zeros(length, bool)
    for segment in segments:
        first = int(np.floor(segment.start_s * rate + 1e-6))
        touched[max(first, 0) : int(np.ceil(segment.end_s * rate - 1e-6))] = True
    return touched


def _closed(opening: np.ndarray, true_opening: np.ndarray) -> np.ndarray:
    """Compare with the true mouth's threshold; NaN compares as false."""
    low, high = np.nanpercentile(true_opening, (5, 95))
    return opening <= low + CLOSED * (high - low)


def _widened(frames: np.ndarray, tolerance: int) -> np.ndarray:
    return np.convolve(frames, np.ones(2 * tolerance + 1), mode="same") > 0.5


def _plain(text: str) -> str:
    """A label without stress, length, modifiers and digits: `P1` is p, `m:` and `mʲ` are m, `_:` is silence."""
    return "".join(letter for letter in text.lower() if category(letter) == "Ll")
