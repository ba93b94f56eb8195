"""Landmarks: which of the 68 iBUG points is what, and measures of them. Left and right are the person's own."""

import numpy as np

JAW = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
EYES = slice(36, 48)
OUTER_EYE_CORNERS = (36, 45)
MOUTH = slice(48, 68)
OUTER_LIPS = slice(48, 60)
INNER_LIPS = slice(60, 68)
MOUTH_CORNERS = (48, 54)
# Upper point and lower point of the inner lips, three times from one corner to the other.
INNER_LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
# Where each point's counterpart stands: of a mirrored face, point i is point MIRRORED[i] of the original.
MIRRORED = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
# Nose and eyes: what speech does not move.
RIGID = slice(27, 48)


def mouth_opening(landmarks: np.ndarray) -> np.ndarray:
    """Return the inner lips' opening (...,), the mean of three distances in pixels, of landmarks (..., 68, 2)."""
    upper, lower = np.array(INNER_LIP_PAIRS).T
    result: np.ndarray = _length(landmarks[..., upper, :] - landmarks[..., lower, :]).mean(-1)
    return result


def outer_eye_distance(landmarks: np.ndarray) -> np.ndarray:
    """Return the distance (...,), in pixels, between the outer corners of the eyes of landmarks (..., 68, 2)."""
    right, left = OUTER_EYE_CORNERS
    return _length(landmarks[..., left, :] - landmarks[..., right, :])


def _length(vectors: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.hypot(vectors[..., 0], vectors[..., 1])
    return result
