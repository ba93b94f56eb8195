"""One square for a whole clip, in which the head moves: the crops of the first order motion model.

Siarohin et al. 2019 cut each video by the union of its face boxes, made square and widened by a tenth of the box
(their script `crop-video`). The FFHQ crop follows the face in every frame, so that the head's motion is gone from it.
"""

import cv2
import numpy as np

from talking.core.errors import TalkingError

# A detector's face box begins at the forehead, the 68 points at the brows: so much of the points' height lies between.
FOREHEAD = 0.35


def face_bounds(landmarks: np.ndarray) -> np.ndarray:
    """Return the box (4,) left, top, right, bottom around the faces of landmarks (T, 68, 2), forehead included."""
    points = np.asarray(landmarks, np.float64).reshape(-1, 68, 2)
    heights = np.ptp(points[..., 1], axis=1)  # (T,)
    top = (points[..., 1].min(axis=1) - FOREHEAD * heights).min()
    left, right = points[..., 0].min(), points[..., 0].max()
    return np.array([left, top, right, points[..., 1].max()])


def clip_square(landmarks: np.ndarray, height: int, width: int, margin: float = 0.1) -> np.ndarray:
    """Return the square (3,) float32 left, top, side, in whole pixels of frames `height` by `width`, of a clip's face.

    It holds the face boxes of all landmarks (T, 68, 2), widened on each side by the share `margin` of the longer side.
    Where it would leave the frame it is moved inside; one that is larger than the frame is as large as that allows, for
    nothing is made up at its borders. Raises `TalkingError` where the points span no face.
    """
    left, top, right, bottom = face_bounds(landmarks)
    longer = max(right - left, bottom - top)
    if not np.isfinite(longer) or longer < 1:
        raise TalkingError("the landmarks span no face: they lie on one point; leave the clip out")
    side = int(min(round(longer * (1 + 2 * margin)), height, width))
    centre = np.array([left + right, top + bottom]) / 2
    corner = np.clip(np.round(centre - side / 2), 0, [width - side, height - side])
    return np.array([*corner, side], np.float32)


def cut_square(frame: np.ndarray, square: np.ndarray, size: int) -> np.ndarray:
    """Return the square (left, top, side) of a frame uint8 (H, W, 3) as uint8 (size, size, 3)."""
    left, top, side = (int(value) for value in square)
    part = frame[top : top + side, left : left + side]
    how = cv2.INTER_CUBIC if size > side else cv2.INTER_AREA
    return part if side == size else cv2.resize(part, (size, size), interpolation=how)
