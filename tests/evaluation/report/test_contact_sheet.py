"""Contact sheets: which face stands where, read back from the pixels."""

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from talking.core.errors import TalkingError
from talking.evaluation.report.contact_sheet import GAP, LABEL_WIDTH, TIMES_HEIGHT, contact_sheet, write_contact_sheet


def video(red: int, length: int = 9, side: int = 64) -> np.ndarray:
    """Frames whose red tells the row and whose green tells the time."""
    frames = np.zeros((length, side, side, 3), np.uint8)
    frames[..., 0] = red
    frames[..., 1] = 10 * np.arange(length)[:, None, None]
    return frames


def face(sheet: np.ndarray, line: int, column: int, side: int = 64) -> np.ndarray:
    top, left = TIMES_HEIGHT + line * (side + GAP), LABEL_WIDTH + column * (side + GAP)
    return sheet[top : top + side, left : left + side]


def test_faces_stand_in_their_row_at_even_times() -> None:
    sheet = contact_sheet({"true": video(200), "stage_two": video(50)}, columns=3)
    assert sheet.shape == (TIMES_HEIGHT + 2 * 64 + GAP, LABEL_WIDTH + 3 * 64 + 2 * GAP, 3)
    for line, red in enumerate((200, 50)):
        for column, t in enumerate((0, 4, 8)):
            assert (face(sheet, line, column) == (red, 10 * t, 0)).all()


def test_every_row_has_its_name_and_every_column_its_time() -> None:
    sheet = contact_sheet({"true": video(200), "stage_two": video(50)}, columns=3)
    for line in range(2):
        top = TIMES_HEIGHT + line * (64 + GAP)
        label = sheet[top : top + 64, :LABEL_WIDTH]
        assert label.min() < 100
        assert np.abs(np.nonzero(label.min(axis=(1, 2)) < 128)[0].mean() - 32) < 6
    for column in range(3):
        left = LABEL_WIDTH + column * (64 + GAP)
        assert sheet[:TIMES_HEIGHT, left : left + 64].min() < 100


def test_a_thumbnail_is_no_larger_than_asked_and_never_enlarged() -> None:
    small = contact_sheet({"true": video(200)}, columns=2, thumbnail=32)
    assert (face(small, 0, 1, side=32) == (200, 80, 0)).all()
    assert small.shape == (TIMES_HEIGHT + 32, LABEL_WIDTH + 2 * 32 + GAP, 3)
    assert contact_sheet({"true": video(200)}, thumbnail=500).shape == contact_sheet({"true": video(200)}).shape


def test_rows_of_another_size_are_brought_to_the_largest() -> None:
    sheet = contact_sheet({"true": video(200), "stage_one": video(90, side=32)}, columns=2)
    assert (face(sheet, 1, 1) == (90, 80, 0)).all()


def test_a_row_that_has_ended_is_empty() -> None:
    sheet = contact_sheet({"true": video(200), "stage_one": video(90, length=4)}, columns=3)
    assert (face(sheet, 1, 0)[..., 0] == 90).all()
    assert (face(sheet, 1, 2) == 255).all()


def test_a_clip_shorter_than_the_columns_shows_each_frame_once() -> None:
    sheet = contact_sheet({"true": video(200, length=2)}, columns=8)
    assert sheet.shape[1] == LABEL_WIDTH + 2 * 64 + GAP


def test_the_png_is_the_sheet(tmp_path: Path) -> None:
    rows = {"true": video(200), "stage_two": video(50)}
    write_contact_sheet(rows, tmp_path / "sheet.png", columns=3)
    assert (imread(tmp_path / "sheet.png") == contact_sheet(rows, columns=3)).all()


@pytest.mark.parametrize("rows", [{}, {"true": np.zeros((0, 8, 8, 3), np.uint8)}])
def test_a_sheet_of_nothing_is_refused(rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(TalkingError, match="at least one row"):
        contact_sheet(rows)
