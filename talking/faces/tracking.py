"""Tracking: the landmarks of every frame of a clip from few detections.

A detection costs several times a landmark prediction. So the face is detected once; afterwards its box follows its
landmarks, as they sat in the box when it was detected, and it is detected again only when it is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from talking.core.errors import TalkingError
from talking.faces.detectors import Box, LandmarkDetector
from talking.faces.landmarks import RIGID

# The side, in pixels, of the grey thumbnail by which a tracked face is compared with the one detected.
THUMBNAIL = 24
# The share of the landmarks that must lie in the picture.
LEAST_INSIDE = 0.75
# The share of its side by which the box may lag behind the face: a box that trembles after each frame's landmarks makes
# the next landmarks tremble, and a head at rest needs none of it.
SLACK = 0.04


@dataclass(frozen=True)
class Tracked:
    """What `track` found: per frame the landmarks float32 (68, 2) or None, and how many detections that took."""

    landmarks: list[np.ndarray | None]
    detections: int


@dataclass(frozen=True)
class _Anchor:
    """A detected face: its box, its landmarks there, and its thumbnail."""

    box: Box
    landmarks: np.ndarray
    thumbnail: np.ndarray | None


class Tracker:
    """Follows one face from frame to frame. Feed it a clip's frames in order; `detections` counts the detector's runs.

    redetect_every: frames after which the face is detected anew although it is not lost; 0 never does.
    max_step: the landmarks' mean way from one frame to the next, in sides of the box, beyond which the face is lost.
    min_likeness: the correlation of the face's thumbnail with that of its detection, below which it is lost.
    """

    def __init__(
        self, detector: LandmarkDetector, *, redetect_every: int = 0, max_step: float = 0.1, min_likeness: float = 0.5
    ) -> None:
        if redetect_every < 0 or max_step <= 0 or not -1 <= min_likeness <= 1:
            raise TalkingError(
                f"tracking cannot use redetect_every {redetect_every} (0 or more), max_step {max_step} (above 0), "
                f"min_likeness {min_likeness} (-1 to 1); correct them"
            )
        self._detector = detector
        self._every, self._max_step, self._min_likeness = redetect_every, max_step, min_likeness
        self._anchor: _Anchor | None = None
        self._last: np.ndarray | None = None
        self._box: Box | None = None
        self._age = 0
        self.detections = 0

    def step(self, frame: np.ndarray) -> np.ndarray | None:
        """Return the landmarks float32 (68, 2) of the next frame uint8 (H, W, 3), or None when it shows no face."""
        self._age += 1
        due = self._every > 0 and self._age >= self._every
        self._last = None if due else self._follow(frame)
        if self._last is None:
            self._last = self._detect(frame)
        return self._last

    def _follow(self, frame: np.ndarray) -> np.ndarray | None:
        anchor, last, box = self._anchor, self._last, self._box
        if anchor is None or last is None or box is None:
            return None
        landmarks = self._detector.landmarks(frame, box)
        moved, side = _moved_box(anchor, landmarks), box.right - box.left
        step = np.hypot(*(landmarks - last).T).mean() / side
        if step > self._max_step or _share_inside(landmarks, frame) < LEAST_INSIDE:
            return None
        if _likeness(anchor.thumbnail, _thumbnail(frame, moved)) < self._min_likeness:
            return None
        if np.abs(np.subtract(moved, box)).max() > SLACK * side:
            self._box = moved
        return landmarks

    def _detect(self, frame: np.ndarray) -> np.ndarray | None:
        self.detections += 1
        self._age = 0
        self._box = box = self._detector.detect(frame)
        if box is None:
            self._anchor = None
            return None
        landmarks = self._detector.landmarks(frame, box)
        self._anchor = _Anchor(box, landmarks, _thumbnail(frame, box))
        return landmarks


def track(
    frames: Iterable[np.ndarray],
    detector: LandmarkDetector,
    *,
    redetect_every: int = 0,
    max_step: float = 0.1,
    min_likeness: float = 0.5,
) -> Tracked:
    """Find the landmarks of every frame uint8 (H, W, 3) of one clip; see `Tracker` for the parameters."""
    tracker = Tracker(detector, redetect_every=redetect_every, max_step=max_step, min_likeness=min_likeness)
    landmarks = [tracker.step(frame) for frame in frames]
    return Tracked(landmarks, tracker.detections)


def _moved_box(anchor: _Anchor, landmarks: np.ndarray) -> Box:
    """Carry the anchor's box along with the similarity that carries its nose and eyes to those of `landmarks`."""
    source, target = _complex(anchor.landmarks[RIGID]), _complex(landmarks[RIGID])
    spread = source - source.mean()
    turn = np.vdot(spread, target - target.mean()) / max(np.vdot(spread, spread).real, 1e-6)
    box = anchor.box
    centre = complex(box.left + box.right, box.top + box.bottom) / 2
    moved = target.mean() + turn * (centre - source.mean())
    half = abs(turn) * np.array([box.right - box.left, box.bottom - box.top]) / 2
    return Box(moved.real - half[0], moved.imag - half[1], moved.real + half[0], moved.imag + half[1])


def _complex(points: np.ndarray) -> np.ndarray:
    return points[:, 0].astype(np.float64) + 1j * points[:, 1]


def _share_inside(landmarks: np.ndarray, frame: np.ndarray) -> float:
    height, width = frame.shape[:2]
    return float(np.all((landmarks >= 0) & (landmarks <= (width - 1, height - 1)), axis=1).mean())


def _thumbnail(frame: np.ndarray, box: Box) -> np.ndarray | None:
    """Return the box's content, grey, small, of mean 0 and length 1; None where it is uniform or outside the frame."""
    low = np.maximum(np.rint([box.left, box.top]).astype(int), 0)
    right, bottom = np.rint([box.right, box.bottom]).astype(int)
    part = frame[low[1] : max(bottom, 0), low[0] : max(right, 0)]
    if min(part.shape[:2]) < 2:
        return None
    small = cv2.resize(part, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float64).mean(-1)
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > THUMBNAIL else None


def _likeness(one: np.ndarray | None, other: np.ndarray | None) -> float:
    return -1.0 if one is None or other is None else float((one * other).sum())
