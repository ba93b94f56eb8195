"""Faces of a still, however small a part of it they are: the whole picture first, then more finely, in tiles."""

from collections.abc import Iterator

import cv2
import numpy as np

from talking.faces.detectors import SCANNED_SIDE, Box, LandmarkDetector

# The look at the whole picture finds faces of 80 pixels and more in it, were it twice SCANNED_SIDE large. Each further
# look is FINER times as fine, up to the picture's own pixels, and finds faces of 80 pixels again. One that the look
# before missed has less than FINER times 80 pixels now: neighbouring tiles share that much, so one has it whole.
FINER = 4
SHARED = 384
TILE = 1600
# Boxes that have so much of their union in common are one face, in two tiles.
SAME = 0.3


def still_faces(picture: np.ndarray, detector: LandmarkDetector) -> list[Box]:
    """Return the boxes of the faces of a picture uint8 (H, W, 3), in its pixels; none where there is none.

    It is looked at more finely until faces are found, so that small ones in the background of a large one are left out.
    """
    found = detector.faces(picture)
    side, longest = 2 * SCANNED_SIDE, max(picture.shape[:2])
    while not found and side < longest:
        side = min(FINER * side, longest)
        found = _in_tiles(picture, side / longest, detector)
    return found


def _in_tiles(picture: np.ndarray, scale: float, detector: LandmarkDetector) -> list[Box]:
    """Scan the picture at `scale`, tile by tile: memory does not grow with it."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    boxes: list[Box] = []
    for top in _starts(height):
        for left in _starts(width):
            for box in detector.scan(np.ascontiguousarray(picture[top : top + TILE, left : left + TILE])):
                there = Box(box.left + left, box.top + top, box.right + left, box.bottom + top)
                if not any(_likeness(there, other) > SAME for other in boxes):
                    boxes.append(there)
    return [Box(*((np.array(box) + 0.5) / scale - 0.5).tolist()) for box in boxes]


def _starts(length: int) -> Iterator[int]:
    """Yield where tiles begin that cover `length` pixels evenly and share SHARED pixels at least."""
    count = 1 + max(0, -(-(length - TILE) // (TILE - SHARED)))
    yield from np.linspace(0, max(0, length - TILE), count).astype(int).tolist()


def _likeness(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(width, 0) * max(height, 0)
    return common / (area(one) + area(other) - common)


def area(box: Box) -> float:
    """Return how many pixels a box covers."""
    return (box.right - box.left) * (box.bottom - box.top)
