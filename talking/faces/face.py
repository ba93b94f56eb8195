"""The face in a picture that says who speaks."""

from dataclasses import dataclass

import numpy as np

from talking.core.errors import Rejected, TalkingError
from talking.faces.alignment import crop, ffhq_quad
from talking.faces.detectors import Box, LandmarkDetector

CROP_SIZE = 256


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
    """Return the largest face of a picture uint8 (H, W, 3) RGB; raises `Rejected` ("faceless") where there is none."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise TalkingError(f"{name} is {picture.dtype} {picture.shape}: give RGB, uint8 (H, W, 3).")
    boxes = detector.faces(picture)
    if not boxes:
        raise Rejected("faceless", f"{name}: no face was found: give a picture that shows one from the front.")
    landmarks = detector.landmarks(picture, max(boxes, key=_area))
    quad = ffhq_quad(landmarks)
    return Face(picture, landmarks, quad, crop(picture, quad, CROP_SIZE), len(boxes) - 1)


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
