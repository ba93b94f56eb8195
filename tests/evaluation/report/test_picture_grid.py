"""Strips and grids of pictures: what is written is what is read, each picture in its place."""

from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.evaluation.report.picture_grid import (
    GAP,
    LABEL_WIDTH,
    evenly,
    picture_grid,
    read_strip,
    write_png,
    write_strip,
)


def pictures(count: int, size: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, size=(count, size, size, 3), dtype=np.uint8)


def test_a_strip_is_read_as_it_was_written(tmp_path) -> None:
    write_strip(pictures(5), tmp_path / "strip.png")
    assert np.array_equal(read_strip(tmp_path / "strip.png"), pictures(5))


def test_a_picture_that_is_no_strip_is_refused(tmp_path) -> None:
    write_png(np.zeros((4, 6, 3), np.uint8), tmp_path / "other.png")
    (tmp_path / "text.png").write_text("no picture")
    for name in ("other.png", "text.png", "missing.png"):
        with pytest.raises(TalkingError, match="is no strip of square pictures"):
            read_strip(tmp_path / name)


def test_every_picture_is_in_its_place_and_names_are_at_the_left() -> None:
    rows = {"step 1": pictures(3, seed=1), "step 20": pictures(2, seed=2)}
    grid = picture_grid(rows)
    assert grid.shape == (12 + GAP, LABEL_WIDTH + 18 + 2 * GAP, 3)
    for line, each in enumerate(rows.values()):
        for column, picture in enumerate(each):
            top, left = line * (6 + GAP), LABEL_WIDTH + column * (6 + GAP)
            assert np.array_equal(grid[top : top + 6, left : left + 6], picture)
    assert (grid[:, :LABEL_WIDTH] < 128).any() and (grid[8:14, -6:] == 255).all()


def test_pictures_are_resized_to_the_side_that_is_asked_for() -> None:
    grid = picture_grid({"row": np.full((2, 4, 4, 3), 77, np.uint8)}, side=9)
    assert grid.shape == (9, LABEL_WIDTH + 18 + GAP, 3) and (grid[:, LABEL_WIDTH : LABEL_WIDTH + 9] == 77).all()


def test_a_grid_of_nothing_is_refused() -> None:
    for rows in ({}, {"row": pictures(0)}):
        with pytest.raises(TalkingError, match="needs at least one row"):
            picture_grid(rows)


@pytest.mark.parametrize(("count", "most", "expected"), [(3, 10, [0, 1, 2]), (9, 3, [0, 4, 8]), (1, 5, [0])])
def test_the_evenly_chosen_include_both_ends(count, most, expected) -> None:
    items = [Path(str(number)) for number in range(count)]
    assert [int(item.name) for item in evenly(items, most)] == expected
