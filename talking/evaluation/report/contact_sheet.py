"""A contact sheet: faces of one clip side by side over time, a line per row, true on top."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from talking.core.errors import TalkingError
from talking.core.files import atomic_path

WHITE = 255
GAP = 4
LABEL_WIDTH = 110
TIMES_HEIGHT = 24
DPI = 100


def contact_sheet(
    rows: Mapping[str, np.ndarray], *, columns: int = 8, thumbnail: int | None = None, rate: float = 25.0
) -> np.ndarray:
    """Return the sheet, uint8 (H, W, 3), of videos (T, N, N, 3) uint8 by row: true, stage_two, inverted and so on.

    The columns are frames at even distances from the first to the last, with their time above; a row that is shorter
    than the longest is empty where it has ended. Faces are as large as the largest of the rows, and at most
    `thumbnail` pixels when given. The left edge holds the rows' names. Faces begin at (TIMES_HEIGHT, LABEL_WIDTH) and
    are GAP pixels apart.
    """
    if not rows or not all(len(frames) for frames in rows.values()):
        raise TalkingError("a contact sheet needs at least one row, and a frame in each; give the videos of a clip.")
    largest = max(max(frames.shape[1:3]) for frames in rows.values())
    side = min(largest, thumbnail or largest)
    length = max(len(frames) for frames in rows.values())
    times = np.unique(np.linspace(0, length - 1, columns).round().astype(int)).tolist()
    step = side + GAP
    sheet = np.full((TIMES_HEIGHT + step * len(rows) - GAP, LABEL_WIDTH + step * len(times) - GAP, 3), WHITE, np.uint8)
    _write_words(sheet, list(rows), [f"{t / rate:.2f} s" for t in times], step)
    for line, frames in enumerate(rows.values()):
        top = TIMES_HEIGHT + line * step
        for column, t in enumerate(times):
            if t < len(frames):
                left = LABEL_WIDTH + column * step
                sheet[top : top + side, left : left + side] = _sized(frames[t], side)
    return sheet


def write_contact_sheet(
    rows: Mapping[str, np.ndarray],
    target: Path,
    *,
    columns: int = 8,
    thumbnail: int | None = None,
    rate: float = 25.0,
) -> None:
    """Write `contact_sheet` of the same arguments as a PNG."""
    sheet = contact_sheet(rows, columns=columns, thumbnail=thumbnail, rate=rate)
    with atomic_path(target) as temporary:
        encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1]
        temporary.write_bytes(encoded.tobytes())


def _sized(face: np.ndarray, side: int) -> np.ndarray:
    if face.shape[:2] == (side, side):
        return face
    shrinks = min(face.shape[:2]) >= side
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _write_words(sheet: np.ndarray, names: list[str], times: list[str], step: int) -> None:
    """Draw the rows' names and the columns' times onto the sheet, in place."""
    height, width = sheet.shape[:2]
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    middle = (step - GAP) / 2
    for line, name in enumerate(names):
        y = height - (TIMES_HEIGHT + line * step + middle)
        figure.text((LABEL_WIDTH - 8) / width, y / height, name.replace("_", " "), ha="right", va="center", fontsize=9)
    for column, time in enumerate(times):
        x, y = LABEL_WIDTH + column * step + middle, height - TIMES_HEIGHT / 2
        figure.text(x / width, y / height, time, ha="center", va="center", fontsize=min(8, step / 6))
    canvas.draw()
    sheet[:] = np.asarray(canvas.buffer_rgba())[:height, :width, :3]
