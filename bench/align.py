"""Tracking and cutting, as the stage align does, against what is usual: dlib's detector and PIL on every frame."""

import time
from collections.abc import Iterable

import numpy as np
from PIL import Image

from talking.faces.align import align_clip
from talking.faces.alignment import ffhq_quad
from talking.faces.detectors import Box, DlibDetector, make_detector

SIZE = 256


def align_against_detection(frames: Iterable[np.ndarray]) -> tuple[float, float]:
    """Return how many times as fast the tracked way is per frame, uint8 (H, W, 3), and how alike the crops are in dB.

    The time is the core's. Likeness is the median over the frames whose whole quad lies in the picture: what is beyond
    it the usual way leaves black.
    """
    frames = list(frames)
    detector = make_detector("dlib")
    align_clip(frames[:2], detector, size=SIZE)
    started = time.process_time()
    tracked = align_clip(frames, detector, size=SIZE)
    tracked_s = time.process_time() - started
    assert isinstance(detector, DlibDetector)
    started = time.process_time()
    usual = [detected_and_cut(frame, detector) for frame in frames]
    usual_s = time.process_time() - started
    alike = [
        psnr(made, theirs)
        for made, theirs, quad, frame in zip(tracked.crops, usual, tracked.quads, frames, strict=True)
        if (quad >= 0).all() and (quad <= np.array(frame.shape[1::-1]) - 1).all()
    ]
    return usual_s / tracked_s, float(np.median(alike)) if alike else float("nan")


def detected_and_cut(frame: np.ndarray, detector: DlibDetector) -> np.ndarray:
    """Find the face in an enlarged frame, its points, and cut it as FFHQ's script does: sampled finely, then shrunk."""
    boxes = detector._detector(frame, 1)
    box = max(boxes, key=lambda found: found.area())
    points = detector.landmarks(frame, Box(box.left(), box.top(), box.right(), box.bottom()))
    corners = tuple((ffhq_quad(points).astype(float) + 0.5).ravel().tolist())
    fine = Image.fromarray(frame).transform(
        (4 * SIZE, 4 * SIZE), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR
    )
    return np.asarray(fine.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 pictures in dB."""
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-10)))
