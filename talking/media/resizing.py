"""Frames of other sizes."""

import cv2
import numpy as np


def resize_frames(frames: np.ndarray, size: int) -> np.ndarray:
    """Return frames (T, size, size, 3): enlarged by a cubic spline, shrunk by area."""
    if frames.shape[1] == size:
        return frames
    how = cv2.INTER_CUBIC if size > frames.shape[1] else cv2.INTER_AREA
    return np.stack([cv2.resize(frame, (size, size), interpolation=how) for frame in frames])
