"""Frames in and out: what a probe sees, what decoding gives, and that encoding is exact, flat in memory and careful."""

import os
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from talking.core.errors import Rejected, TalkingError
from talking.media.scan import scan
from talking.media.video import (
    decode_frames,
    encode_frames,
    encode_frames_bytes,
    iter_frames,
    probe,
    read_metadata,
)

# Frames up to two thirds of a frame late, in milliseconds.
JITTER = ("-vf", "settb=1/1000,setpts=(N+0.3*mod(N\\,3))/30/TB", "-enc_time_base", "1/1000")


def _gradients(count: int, size: int = 64) -> np.ndarray:
    """Smooth frames of strong colours, uint8 (count, size, size, 3), whose red says which frame it is."""
    ramp = np.linspace(0, 255, size).astype(np.uint8)
    frames = np.zeros((count, size, size, 3), np.uint8)
    frames[..., 0] = (np.arange(count) * 200 // max(1, count - 1))[:, None, None]
    frames[..., 1], frames[..., 2] = ramp[None, :, None], ramp[None, None, :]
    return frames


@pytest.mark.parametrize(
    ("rate", "expected", "frames"),
    [("25", Fraction(25), 50), ("30000/1001", Fraction(30000, 1001), 60), ("50", Fraction(50), 100)],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mpg"])
def test_a_probe_tells_rate_size_and_length(make_clip, suffix: str, rate: str, expected: Fraction, frames: int) -> None:
    info = probe(make_clip(f"clip.{suffix}", rate))
    assert (info.rate, info.constant, info.frames) == (expected, True, frames)
    assert (info.width, info.height, info.has_sound, info.decode_errors) == (128, 96, True, 0)
    assert info.duration_s == pytest.approx(frames / expected)
    assert info.codec == ("mpeg1video" if suffix == "mpg" else "h264")


def test_a_probe_sees_that_the_sound_is_missing(make_clip) -> None:
    assert not probe(make_clip("silent.mp4", "25", 1, 0)).has_sound


def test_frames_that_come_when_they_like_are_not_a_constant_rate(make_clip) -> None:
    info = probe(make_clip("variable.mkv", "30", 2, 2, *JITTER))
    assert not info.constant
    assert float(info.rate) == pytest.approx(30, rel=0.02)


def test_a_hole_in_the_times_is_not_a_constant_rate(make_clip) -> None:
    found = scan(make_clip("hole.mkv", "25", 2, 2, "-vf", "select=not(between(n\\,20\\,22))"))
    assert (found.info.constant, found.info.frames, found.missing) == (False, 47, 3)


def test_the_start_of_the_sound_is_told_against_the_picture(make_clip) -> None:
    late = make_clip("late.mkv", "25", 2, 2, "-af", "asetpts=PTS+0.3/TB", "-c:a", "pcm_s16le")
    assert scan(late).sound_offset_s == pytest.approx(0.3, abs=0.002)


@pytest.mark.parametrize("content", [b"", b"this is not a video\n"])
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.mpg"
    path.write_bytes(content)
    for read in (probe, decode_frames):
        with pytest.raises(Rejected, match=r"text\.mpg cannot be decoded") as caught:
            read(path)
        assert caught.value.reason == "undecodable"


def test_a_sound_without_picture_is_refused(make_clip, run_ffmpeg, tmp_path: Path) -> None:
    run_ffmpeg("-i", str(make_clip("clip.mp4", "25", 1)), "-vn", str(tmp_path / "sound.mp4"))
    with pytest.raises(Rejected):
        probe(tmp_path / "sound.mp4")


def test_decoded_frames_are_those_of_opencv(make_clip) -> None:
    path = make_clip("clip.mp4", "25", 1)
    capture = cv2.VideoCapture(str(path))
    theirs = np.stack([cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(25)])
    ours = decode_frames(path)
    assert ours.shape == theirs.shape == (25, 96, 128, 3) and ours.dtype == np.uint8
    # OpenCV takes colour at half resolution and rounds more coarsely: only edges between pure colours differ much.
    assert np.median(np.abs(ours.astype(int) - theirs)) <= 4
    for shift in (-1, 1):
        near, off = (
            np.abs(ours[1:-1].astype(int) - theirs[1:-1]),
            ours[1:-1].astype(int) - np.roll(theirs, shift, 0)[1:-1],
        )
        assert (near.mean(axis=(1, 2, 3)) < np.abs(off).mean(axis=(1, 2, 3))).all(), "frames are out of order"


def test_bytes_decode_as_their_file_does(make_clip) -> None:
    path = make_clip("clip.mp4", "25", 1)
    assert np.array_equal(decode_frames(path.read_bytes()), decode_frames(path))


def test_a_rate_other_than_25_loses_and_doubles_no_frame(make_clip) -> None:
    assert sum(1 for _ in iter_frames(make_clip("variable.mkv", "30", 2, 2, *JITTER))) == 60


def test_leaving_a_stream_of_frames_early_leaves_no_process(make_clip) -> None:
    frames = iter_frames(make_clip("clip.mp4", "25", 4))
    next(frames)
    frames.close()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    assert not children.is_file() or "ffmpeg" not in _names(children.read_text().split())


def _names(pids: list[str]) -> str:
    return " ".join(Path(f"/proc/{pid}/comm").read_text() for pid in pids if Path(f"/proc/{pid}/comm").is_file())


def test_what_is_encoded_comes_back(tmp_path: Path) -> None:
    frames = _gradients(10)
    encode_frames(frames, tmp_path / "clip.mp4")
    back = decode_frames(tmp_path / "clip.mp4")
    assert back.shape == frames.shape
    error = back.astype(float) - frames
    assert 10 * np.log10(255**2 / (error**2).mean()) > 38
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 1.5, "a shift of colour: matrix or range is not kept"


def test_the_colours_are_tagged_as_they_were_written(tmp_path: Path) -> None:
    """A pure red is 63 of 255 in BT.709's luma and 81 in BT.601's (ITU-R BT.709-6, 3.2 to 3.4)."""
    red = np.zeros((3, 64, 64, 3), np.uint8)
    red[..., 0] = 255
    encode_frames(red, tmp_path / "red.mp4", crf=0)
    from talking.media.ffmpeg import ffmpeg_binary

    command = [ffmpeg_binary(), "-i", str(tmp_path / "red.mp4"), "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert abs(done.stdout[0] - 63) <= 1
    assert b"bt709" in done.stderr


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames, sound = _gradients(12), np.sin(np.arange(7680) / 5).astype(np.float32) / 2
    made = [encode_frames_bytes(iter(frames), sound=sound, metadata={"comment": "synthetic"}) for _ in range(2)]
    encode_frames(frames, tmp_path / "other name.mp4", sound=sound, metadata={"comment": "synthetic"})
    assert made[0] == made[1] == (tmp_path / "other name.mp4").read_bytes()
    assert made[0] != encode_frames_bytes(frames[::-1], sound=sound, metadata={"comment": "synthetic"})


def test_metadata_stays_in_the_container(tmp_path: Path) -> None:
    told = {"comment": "synthetic; made = by a model # 1", "title": "s1_bbaf2n"}
    encode_frames(_gradients(2), tmp_path / "clip.mp4", metadata=told)
    assert told.items() <= read_metadata(tmp_path / "clip.mp4").items()


def test_metadata_that_an_mp4_would_drop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match="colour"):
        encode_frames(_gradients(2), tmp_path / "clip.mp4", metadata={"colour": "red"})


def test_sound_is_written_beside_the_frames(tmp_path: Path) -> None:
    from talking.media.sound_stream import extract_sound

    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32) / 2
    encode_frames(_gradients(25), tmp_path / "clip.mp4", sound=tone)
    assert probe(tmp_path / "clip.mp4").has_sound
    back = extract_sound(tmp_path / "clip.mp4")[:16000]
    assert np.corrcoef(back[2000:14000], tone[2000:14000])[0, 1] > 0.99, "the sound is not where it was"


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), "no frames"),
        (np.zeros((2, 8, 9, 3), np.uint8), "even sides"),
        (np.zeros((2, 8, 8, 3), np.float32), "uint8"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8)], "frame 1"),
    ],
)
def test_frames_that_cannot_be_encoded_leave_nothing_behind(tmp_path: Path, frames, words: str) -> None:
    with pytest.raises(TalkingError, match=words):
        encode_frames(frames, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())


def test_odd_sides_are_kept_where_the_format_allows(tmp_path: Path) -> None:
    encode_frames(_gradients(2, 33), tmp_path / "clip.mp4", pixel_format="yuv444p")
    assert decode_frames(tmp_path / "clip.mp4").shape == (2, 33, 33, 3)


def test_an_error_while_frames_are_made_leaves_nothing_behind(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from _gradients(3)
        raise ValueError("the network failed")

    with pytest.raises(ValueError, match="the network failed"):
        encode_frames(failing(), tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_there_survives_a_failure(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"before")
    with pytest.raises(TalkingError):
        encode_frames([], tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"before"


_FULL_DISK = """
    import resource, sys
    from pathlib import Path
    import numpy as np
    from talking.core.errors import TalkingError
    from talking.media.video import encode_frames
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    noise = np.random.default_rng(0).integers(0, 256, (40, 256, 256, 3), dtype=np.uint8)
    sound = np.zeros(int(sys.argv[3]), np.float32)
    try:
        encode_frames(noise, Path(sys.argv[1]), crf=4, sound=sound if len(sound) else None)
    except TalkingError as error:
        print(error)
"""


@pytest.mark.parametrize(("room", "sound"), [(300_000, 0), (2_000, 16000)], ids=["for the video", "for the sound"])
def test_a_disk_that_fills_is_one_sentence_and_no_file(tmp_path: Path, room: int, sound: int) -> None:
    """A limit on the size of files stands for the full disk: both end in an error of `write`."""
    script = textwrap.dedent(_FULL_DISK)
    command = [sys.executable, "-c", script, str(tmp_path / "clip.mp4"), str(room), str(sound)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.stderr == ""
    assert "the disk is full" in done.stdout and done.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())


def _peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def copy(count: int) -> None:
        source, target = tmp_path / f"{count}.mp4", tmp_path / f"copy{count}.mp4"
        encode_frames((frame for _ in range(count // 10) for frame in _gradients(10)), source, preset="ultrafast")
        encode_frames(iter_frames(source), target, preset="ultrafast")

    copy(10)
    short, long = _peak_of(lambda: copy(20)), _peak_of(lambda: copy(400))
    assert long < short + 30 * 64 * 64 * 3, "of 380 frames more, more than 30 were held"


def test_a_real_clip_has_75_frames_of_a_face(real_data: Path) -> None:
    path = real_data / "grid" / "s1" / "bbaf2n.mpg"
    info = probe(path)
    assert (info.width, info.height, info.rate, info.constant) == (360, 288, Fraction(25), True)
    assert (info.frames, info.has_sound, info.codec, info.decode_errors) == (75, True, "mpeg1video", 0)
    assert decode_frames(path).shape == (75, 288, 360, 3)


def test_a_real_broken_clip_says_how_broken(real_data: Path) -> None:
    found = [scan(real_data / "grid" / "s4" / "bbaf2a.mpg") for _ in range(3)]
    assert (found[0].info.frames, found[0].missing, found[0].info.constant) == (71, 4, False)
    assert found[0].damaged >= 4
    assert found[0] == found[1] == found[2], "what is told of a broken clip differs from run to run"
