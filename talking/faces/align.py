"""The align step for one clip: landmarks by tracking, quads, crops; in one pass that holds few frames at a time."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from talking.core.errors import Rejected, TalkingError
from talking.faces.alignment import crop, ffhq_quad, smooth_quads, smoothing_reach
from talking.faces.detectors import LandmarkDetector
from talking.faces.tracking import Tracker

Found = tuple[np.ndarray, np.ndarray]  # a frame (H, W, 3) and its landmarks (68, 2)


@dataclass(frozen=True)
class Aligned:
    """An aligned clip.

    crops: uint8 (T, size, size, 3). landmarks, quads: float32 (T, 68, 2) and (T, 4, 2), in pixels of the frames.
    faces: (T,) bool, which frames show a face; the landmarks and quads of the others were interpolated.
    detections: how often the detector ran.
    """

    crops: np.ndarray
    landmarks: np.ndarray
    quads: np.ndarray
    faces: np.ndarray
    detections: int

    @property
    def missing(self) -> int:
        """How many frames show no face."""
        return int(np.count_nonzero(~self.faces))


def align_clip(
    frames: Iterable[np.ndarray],
    detector: LandmarkDetector,
    *,
    size: int = 256,
    smoothing: float = 0.0,
    max_missing: float = 0.1,
    longest_gap: int = 25,
    redetect_every: int = 0,
    max_step: float = 0.1,
) -> Aligned:
    """Align the foremost face of a clip of frames uint8 (H, W, 3).

    smoothing: standard deviation, in frames, of the Gaussian over the quads; 0 leaves them alone, as the paper does.
    max_missing: the share of frames without a face that is allowed; theirs are interpolated from their neighbours.
    longest_gap: the most frames without a face on end; with `smoothing` it bounds how many frames are held in memory.
    redetect_every, max_step: see `Tracker`.

    Raises Rejected: `faceless` when more frames lack a face, `short` when there is no frame.
    """
    if not 0 <= max_missing <= 1 or longest_gap < 0 or size < 1:
        raise TalkingError(f"cannot align with size {size}, max_missing {max_missing}, longest_gap {longest_gap}")
    tracker = Tracker(detector, redetect_every=redetect_every, max_step=max_step)
    gaps = _Gaps(longest_gap)
    crops, landmarks, quads = [], [], []
    for frame, points, quad in _with_quads(gaps.fill(frames, tracker), smoothing):
        crops.append(crop(frame, quad, size))
        landmarks.append(points)
        quads.append(quad)
    if not crops:
        raise Rejected("short", "the clip has no frame")
    missing = len(gaps.faceless)
    if missing > max_missing * len(crops):
        raise Rejected("faceless", f"{missing} of {len(crops)} frames show no face; at most {max_missing:.0%} may")
    faces = np.ones(len(crops), bool)
    faces[gaps.faceless] = False
    return Aligned(np.stack(crops), np.stack(landmarks), np.stack(quads), faces, tracker.detections)


class _Gaps:
    """Fills the frames without a face; `faceless` are their numbers."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.faceless: list[int] = []

    def fill(self, frames: Iterable[np.ndarray], tracker: Tracker) -> Iterator[Found]:
        """Yield every frame with landmarks, those of a gap once its end is known."""
        last: np.ndarray | None = None
        waiting: list[np.ndarray] = []
        for number, frame in enumerate(frames):
            found = tracker.step(frame)
            if found is None:
                waiting.append(frame)
                self._check(len(waiting), number)
                continue
            yield from zip(waiting, _between(last, found, len(waiting)), strict=True)
            yield frame, found
            waiting, last = [], found
        if waiting and last is None:
            raise Rejected("faceless", f"none of the {len(waiting)} frames shows a face")
        yield from zip(waiting, _between(last, last, len(waiting)), strict=True)

    def _check(self, waiting: int, number: int) -> None:
        self.faceless.append(number)
        if waiting > self._longest:
            start = number - waiting + 1
            raise Rejected("faceless", f"frames {start} to {number} show no face; at most {self._longest} on end may")


def _between(before: np.ndarray | None, after: np.ndarray | None, count: int) -> list[np.ndarray]:
    """Return `count` landmarks in even steps from `before` to `after`; where one is None, the other's."""
    if before is None or after is None:
        before = after = after if before is None else before
    if before is None or after is None:
        return []
    shares = np.arange(1, count + 1, dtype=np.float32) / (count + 1)
    return [before + share * (after - before) for share in shares]


def _with_quads(found: Iterable[Found], smoothing: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield frame, landmarks and smoothed quad, as many frames late as the smoothing looks ahead."""
    reach = smoothing_reach(smoothing)
    waiting: deque[Found] = deque()
    quads: list[np.ndarray] = []
    for frame, landmarks in found:
        quads.append(ffhq_quad(landmarks))
        waiting.append((frame, landmarks))
        if len(waiting) > reach:
            yield *waiting.popleft(), _smoothed(quads, len(quads) - 1 - reach, smoothing)
    for index in range(len(quads) - len(waiting), len(quads)):
        yield *waiting.popleft(), _smoothed(quads, index, smoothing)


def _smoothed(quads: list[np.ndarray], index: int, smoothing: float) -> np.ndarray:
    """Return the smoothed quad at `index`, computed from those in reach alone."""
    reach = smoothing_reach(smoothing)
    first = max(index - reach, 0)
    result: np.ndarray = smooth_quads(np.stack(quads[first : index + reach + 1]), smoothing)[index - first]
    return result
