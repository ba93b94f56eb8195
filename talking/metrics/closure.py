"""Closed lips at the bilabials /p b m/ (thesis 5.3): the made lips against the true ones, and against the labels."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
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
    """Counts of frames of one clip or, added up, of many.

    `expected` frames lie in a bilabial and are closed in truth, `recalled` of them are closed in the made video;
    `closed` frames of the speech are closed in the made video, `right` of them in truth as well. `bilabials` frames are
    touched by a bilabial's label, whatever the true lips do, and `shut` of them are closed in the made video; `others`
    are all other frames of the speech, and `parted` of them are not.
    """

    recalled: int = 0
    expected: int = 0
    right: int = 0
    closed: int = 0
    shut: int = 0
    bilabials: int = 0
    parted: int = 0
    others: int = 0

    def __add__(self, other: "Closure") -> "Closure":
        return Closure(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    @property
    def parts(self) -> dict[str, tuple[int, int]]:
        """The counts that each ratio is made of, by the name of the metric."""
        return {
            "closure_recall": (self.recalled, self.expected),
            "closure_precision": (self.right, self.closed),
            "closure_sensitivity": (self.shut, self.bilabials),
            "closure_specificity": (self.parted, self.others),
        }

    @property
    def ratios(self) -> dict[str, float | None]:
        """The metrics by name; None where there is nothing to divide by.

        Recall is the share of the bilabials' truly closed frames that the made lips close, precision that of the made
        closed frames that are closed in truth. `closure_j` is sensitivity + specificity - 1 (Youden 1950): 1 for lips
        that close at bilabials and nowhere else, 0 for lips that do the same at all times, closed or open.
        """
        ratios = {name: part / whole if whole else None for name, (part, whole) in self.parts.items()}
        return ratios | {"closure_j": youden(ratios["closure_sensitivity"], ratios["closure_specificity"])}


def youden(sensitivity: float | None, specificity: float | None) -> float | None:
    """Return Youden's J; None where either is missing."""
    return None if sensitivity is None or specificity is None else sensitivity + specificity - 1


def closure(
    target_opening: np.ndarray,
    predicted_opening: np.ndarray,
    phones: Sequence[Segment],
    *,
    measured: np.ndarray | None = None,
    rate: float = 25.0,
    tolerance: int = 1,
) -> Closure | Unavailable:
    """Count closed lips in one clip, from the openings (T,) in pixels (NaN: no face) and the clip's labelled phones.

    Only frames of `measured` (T,) bool with a true face count, by default all of these; time stays that of the whole
    clip. Both mouths are held to one threshold, which the true one sets.

    For recall and precision a closed frame is matched by one at most `tolerance` frames away: 40 ms, the error of the
    labels' rounding to frames. Sensitivity and specificity go by the labels alone, frame by frame, with no tolerance. A
    label touches frames in which the lips are on their way, so the true lips themselves have no J of 1.

    A made frame without a face counts as wrong in every ratio: open in a bilabial, closed elsewhere. Silence is left
    out: lips at rest are closed in any video, and would make the precision of a frozen one. Unavailable, with the
    reason, where the clip has no phone labels or no measured frame with a true face.
    """
    if target_opening.shape != predicted_opening.shape:
        raise ValueError(f"openings of shapes {target_opening.shape} and {predicted_opening.shape} cannot be compared")
    spoken = [phone for phone in phones if phone.text.lower() not in SILENCES and _plain(phone.text)]
    if not spoken:
        return Unavailable("the corpus labels no phones, so it is not known where the lips must close")
    counted = np.isfinite(target_opening) if measured is None else np.isfinite(target_opening) & measured
    if not counted.any():
        return Unavailable("no face was found in the true frames")
    low, high = np.percentile(target_opening[counted], (5, 95))
    target, prediction = (
        counted & (opening <= low + CLOSED * (high - low)) for opening in (target_opening, predicted_opening)
    )
    missed = counted & np.isnan(predicted_opening)
    labels = spoken, [phone for phone in spoken if _plain(phone.text) in BILABIALS]
    speech, bilabial = (counted & frames_of(segments, len(target), rate) for segments in labels)
    expected, closed, other = target & bilabial, prediction & speech, speech & ~bilabial
    recalled, right = expected & _widened(prediction, tolerance), closed & _widened(target, tolerance)
    against_truth = recalled, expected, right, closed | (missed & speech)
    by_labels = prediction & bilabial, bilabial, other & ~prediction & ~missed, other
    return Closure(*(int(np.count_nonzero(frames)) for frames in (*against_truth, *by_labels)))


def frames_of(segments: Sequence[Segment], length: int, rate: float) -> np.ndarray:
    """Return which frames, bool (length,), the segments touch; frame t lasts from t / rate to (t + 1) / rate."""
    touched = np.zeros(length, bool)
    for segment in segments:
        first = int(np.floor(segment.start_s * rate + 1e-6))
        touched[max(first, 0) : int(np.ceil(segment.end_s * rate - 1e-6))] = True
    return touched


def _widened(frames: np.ndarray, tolerance: int) -> np.ndarray:
    return np.convolve(frames, np.ones(2 * tolerance + 1), mode="same") > 0.5


def _plain(text: str) -> str:
    """A label without stress, length, modifiers and digits: `P1` is p, `m:` and `mʲ` are m, `_:` is silence."""
    return "".join(letter for letter in text.lower() if category(letter) == "Ll")
