"""The true clip and the made ones side by side in one video, so that they play together and need no script."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from talking.core.errors import TalkingError
from talking.media.resizing import resize_frames
from talking.media.video import encode_frames

STRIP = 24
GAP = 4
CRF = 23


def write_film(
    rows: Mapping[str, np.ndarray],
    target: Path,
    *,
    sound: np.ndarray | None,
    side: int = 256,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write an mp4 of videos (T, N, N, 3) uint8 by row, left to right, each under its name, `side` pixels large.

    It lasts as long as the shortest. `sound` is (N,) at 16 kHz.
    """
    encode_frames(side_by_side(rows, side), target, crf=CRF, sound=sound, metadata=metadata, preset="veryfast")


def side_by_side(rows: Mapping[str, np.ndarray], side: int) -> Iterator[np.ndarray]:
    """Yield frames (STRIP + side, width, 3) uint8, width and height even; row k begins at k * (side + GAP)."""
    if not rows:
        raise TalkingError("a film needs at least one row: give the videos of a clip.")
    width, height = len(rows) * (side + GAP) - GAP, STRIP + side
    page = np.full((height + height % 2, width + width % 2, 3), 255, np.uint8)
    for place, row in enumerate(rows):
        _write_name(page, row.replace("_", " "), place * (side + GAP), side)
    for faces in zip(*rows.values(), strict=False):
        for place, face in enumerate(faces):
            left = place * (side + GAP)
            page[STRIP : STRIP + side, left : left + side] = resize_frames(face[None], side)[0]
        yield page.copy()


def _write_name(page: np.ndarray, name: str, left: int, side: int) -> None:
    """Write a row's name over the middle of its place, on the page."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, min(0.5, side / 256)
    width = cv2.getTextSize(name, font, scale, 1)[0][0]
    at = (left + max((side - width) // 2, 0), STRIP - 8)
    cv2.putText(page, name, at, font, scale, (30, 30, 30), 1, cv2.LINE_AA)
