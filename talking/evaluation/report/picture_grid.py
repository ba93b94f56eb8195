"""Pictures side by side as PNG: a strip per step of a training, strips under each other, with a word per row."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from talking.core.errors import TalkingError
from talking.core.files import atomic_path

LABEL_WIDTH = 130
GAP = 2
WHITE = 255
DPI = 100


def write_png(picture: np.ndarray, target: Path) -> None:
    """Write a picture (H, W, 3) uint8 RGB."""
    with atomic_path(target) as temporary:
        encoded = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))[1]
        temporary.write_bytes(encoded.tobytes())


def write_strip(pictures: np.ndarray, target: Path) -> None:
    """Write pictures (N, R, R, 3) uint8 side by side, without a gap: R pixels high and N R wide."""
    write_png(np.concatenate(list(np.asarray(pictures)), axis=1), target)


def read_strip(path: Path) -> np.ndarray:
    """Return the pictures (N, R, R, 3) of a strip. Raises TalkingError for a file that is none."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if picture is None or picture.shape[1] % picture.shape[0]:
        raise TalkingError(f"{path} is no strip of square pictures: remove it, and run the stage that writes it again.")
    count = picture.shape[1] // picture.shape[0]
    return np.stack(np.split(picture, count, axis=1))


def picture_grid(rows: Mapping[str, np.ndarray], *, side: int | None = None) -> np.ndarray:
    """Return rows of pictures, (N, R, R, 3) uint8 each, under each other with their names at the left: (H, W, 3) uint8.

    Pictures are `side` pixels large, by default as they are; they begin at column LABEL_WIDTH and are GAP apart.
    """
    if not rows or not all(len(pictures) for pictures in rows.values()):
        raise TalkingError("a grid needs at least one row, and a picture in each.")
    side = side or max(pictures.shape[1] for pictures in rows.values())
    step, columns = side + GAP, max(len(pictures) for pictures in rows.values())
    grid = np.full((step * len(rows) - GAP, LABEL_WIDTH + step * columns - GAP, 3), WHITE, np.uint8)
    _write_names(grid, list(rows), step)
    for line, pictures in enumerate(rows.values()):
        for column, picture in enumerate(pictures):
            left = LABEL_WIDTH + column * step
            grid[line * step : line * step + side, left : left + side] = _sized(picture, side)
    return grid


def evenly(items: Sequence[Path], most: int) -> list[Path]:
    """Return at most `most` of the items, at even distances, the first and the last among them."""
    places = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    return [items[place] for place in places]


def _sized(picture: np.ndarray, side: int) -> np.ndarray:
    if picture.shape[0] == side:
        return picture
    how = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_NEAREST
    return cv2.resize(picture, (side, side), interpolation=how)


def _write_names(grid: np.ndarray, names: Sequence[str], step: int) -> None:
    """Draw the rows' names onto the grid, in place."""
    height, width = grid.shape[:2]
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    for line, name in enumerate(names):
        y = 1 - (line * step + (step - GAP) / 2) / height
        figure.text((LABEL_WIDTH - 8) / width, y, name, ha="right", va="center", fontsize=9)
    canvas.draw()
    grid[:] = np.asarray(canvas.buffer_rgba())[:height, :width, :3]
