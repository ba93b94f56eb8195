"""The face in a picture that says who speaks."""

from dataclasses import dataclass

import numpy as np

from talking.core.errors import Rejected, TalkingError
from talking.faces.alignment import crop, ffhq_quad
from talking.faces.detectors import LandmarkDetector, shrunk
from talking.faces.search import area, still_faces

CROP_SIZE = 256
# The longest side, in pixels, of the picture that is looked at three more ways up: that look need not be fine.
SMALL = 1280


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    picture: uint8 (H, W, 3); landmarks: float32 (68, 2), pixels of it; quad: of the FFHQ crop, float32 (4, 2);
    crop: uint8 (256, 256, 3); others: how many more faces there are, all smaller.
    """

    picture: np.ndarray
    landmarks: np.ndarray
    quad: np.ndarray
    crop: np.ndarray
    others: int


def find_face(picture: np.ndarray, detector: LandmarkDetector, name: str = "the picture") -> Face:
    """Return the largest face of a picture uint8 (H, W, 3) RGB.

    Raises `Rejected` ("faceless") where there is none that looks this way, and says whether one looks another.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise TalkingError(f"{name} is {picture.dtype} {picture.shape}: give RGB, uint8 (H, W, 3).")
    boxes = still_faces(picture, detector)
    if not boxes:
        raise Rejected("faceless", f"{name}: {_what_else(picture, detector)}")
    landmarks = detector.landmarks(picture, max(boxes, key=area))
    quad = ffhq_quad(landmarks)
    return Face(picture, landmarks, quad, crop(picture, quad, CROP_SIZE), len(boxes) - 1)


def _what_else(picture: np.ndarray, detector: LandmarkDetector) -> str:
    """Return what a picture shows in which no face looks straight out of it."""
    small, _ = shrunk(picture, SMALL)
    if any(detector.scan(np.ascontiguousarray(np.rot90(small, turns))) for turns in (1, 2, 3)):
        return "its face lies on its side or stands on its head: turn the picture upright."
    if detector.turned_away(picture):
        return "its face is turned aside, tilted or half hidden: give a picture that shows it upright from the front."
    return "no face was found: give a picture that shows one from the front."
