"""Videos of other systems: which are measured, which are reported and which are refused."""

from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.evaluation.videos import find_videos, read_made
from talking.media.video import encode_frames

KEYS = ("s1_a", "s1_b", "s2_a")
ROWS = ("static", "stage_two", "true")


def film(path: Path, *, size: int = 32, height: int | None = None, length: int = 10, rate: int = 25) -> Path:
    levels = np.arange(length, dtype=np.uint8) * 20
    frames = np.ones((length, height or size, size, 3), np.uint8) * levels[:, None, None, None]
    encode_frames(frames, path, rate=rate, crf=1, preset="ultrafast")
    return path


def test_a_method_has_the_clips_that_it_has(tmp_path: Path) -> None:
    for name in ("a2h/s1_a", "a2h/s2_a", "wav2lip/s1_b"):
        film(tmp_path / f"{name}.mp4")
    (tmp_path / "README.md").write_text("where they come from")
    methods = find_videos(tmp_path, KEYS, ROWS)
    assert methods.clips == {"a2h": {"s1_a", "s2_a"}, "wav2lip": {"s1_b"}}
    assert methods.remarks == ()
    assert list(methods.frames("s1_a", 16, 10)) == ["a2h"]
    assert methods.sizes() == {"a2h": 32, "wav2lip": 32}


def test_without_the_folder_there_is_no_method(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "absent"):
        methods = find_videos(folder, KEYS, ROWS)
        assert methods.clips == {} and methods.frames("s1_a", 16, 10) == {} and methods.sizes() == {}


def test_frames_are_resized_and_keep_their_order(tmp_path: Path) -> None:
    frames = read_made(film(tmp_path / "s1_a.mp4"), 16, 10)
    assert frames.shape == (10, 16, 16, 3)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), np.arange(10) * 20, atol=4)


def test_a_longer_video_is_cut(tmp_path: Path) -> None:
    assert len(read_made(film(tmp_path / "s1_a.mp4", length=12), 16, 10)) == 10


def test_a_method_without_any_of_the_clips_is_refused_by_name(tmp_path: Path) -> None:
    film(tmp_path / "wav2lip" / "bbaf2n.mp4")
    with pytest.raises(TalkingError, match=r"wav2lip has none of the 3 test clips: name its videos as s1_a\.mp4"):
        find_videos(tmp_path, KEYS, ROWS)


def test_files_that_are_no_test_clip_are_named(tmp_path: Path) -> None:
    film(tmp_path / "wav2lip" / "s1_a.mp4")
    for number in range(7):
        (tmp_path / "wav2lip" / f"s9_{number}.mp4").touch()
    (tmp_path / "notes.txt").touch()
    first, second = find_videos(tmp_path, KEYS, ROWS).remarks
    assert "notes.txt" in first
    assert second.startswith("wav2lip: not measured") and "s9_0.mp4, " in second and "and 2 more" in second


@pytest.mark.parametrize("name", ["stage_two", "true", "my method", "50%"])
def test_a_name_that_a_row_has_or_cannot_have_is_refused(tmp_path: Path, name: str) -> None:
    film(tmp_path / name / "s1_a.mp4")
    with pytest.raises(TalkingError, match=name):
        find_videos(tmp_path, KEYS, ROWS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 30}, r"s1_a\.mp4 has 30 frames/s: only videos at 25"),
        ({"height": 24}, r"s1_a\.mp4 is 32 x 24: give square"),
        ({"length": 7}, r"s1_a\.mp4 has 7 frames and the true clip 10"),
    ],
)
def test_a_video_that_cannot_be_compared_is_refused_by_name(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(TalkingError, match=message):
        read_made(film(tmp_path / "s1_a.mp4", **options), 16, 10)


def test_a_video_that_cannot_be_decoded_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "s1_a.mp4").write_bytes(b"nothing")
    with pytest.raises(TalkingError, match=r"s1_a\.mp4"):
        read_made(tmp_path / "s1_a.mp4", 16, 10)
