"""Videos side by side: read back from the file."""

from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.evaluation.report.film import GAP, STRIP, side_by_side, write_film
from talking.media.video import decode_frames, probe, read_metadata

SIDE, LENGTH = 64, 12


def grey(levels: np.ndarray, size: int = SIDE) -> np.ndarray:
    return np.ones((len(levels), size, size, 3), np.uint8) * levels.astype(np.uint8)[:, None, None, None]


def test_the_rows_play_together_left_to_right(tmp_path: Path) -> None:
    rising = np.arange(LENGTH) * 20
    rows = {"true": grey(rising), "stage_two": grey(rising[::-1], size=128)}
    write_film(rows, tmp_path / "s1.mp4", sound=np.zeros(7680, np.float32), side=SIDE, metadata={"comment": "made"})
    frames = decode_frames(tmp_path / "s1.mp4")
    assert frames.shape == (LENGTH, STRIP + SIDE, 2 * SIDE + GAP, 3)
    left, right = frames[:, STRIP + 8 : -8, 8 : SIDE - 8], frames[:, STRIP + 8 : -8, SIDE + GAP + 8 : -8]
    np.testing.assert_allclose(left.mean(axis=(1, 2, 3)), rising, atol=8)
    np.testing.assert_allclose(right.mean(axis=(1, 2, 3)), rising[::-1], atol=8)
    info = probe(tmp_path / "s1.mp4")
    assert (info.rate, info.has_sound) == (25, True)
    assert read_metadata(tmp_path / "s1.mp4")["comment"] == "made"


def test_each_row_stands_under_its_name() -> None:
    frame = next(side_by_side({"true": grey(np.zeros(1)), "linear": grey(np.zeros(1))}, SIDE))
    for left in (0, SIDE + GAP):
        assert frame[:STRIP, left : left + SIDE].min() < 100, "letters on the strip"
    assert (frame[:STRIP, SIDE : SIDE + GAP] == 255).all()


def test_the_film_ends_with_the_shortest_row() -> None:
    assert len(list(side_by_side({"a": grey(np.zeros(5)), "b": grey(np.zeros(3))}, SIDE))) == 3


def test_without_rows_there_is_no_film() -> None:
    with pytest.raises(TalkingError, match="at least one row"):
        list(side_by_side({}, SIDE))
