"""Sound by pieces against sound at once, and sound under a picture, by numbers."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import Rejected, TalkingError
from talking.media.audio import write_wav_bytes
from talking.media.ffmpeg import ffmpeg_binary
from talking.media.film import in_thread, write_film
from talking.media.scan import scan
from talking.media.sound_stream import check_sound, extract_sound, iter_sound


def flashes(count: int) -> list[np.ndarray]:
    """Black frames, and a white one every second."""
    return [np.full((32, 32, 3), 255 * (at % 25 == 0), np.uint8) for at in range(count)]


@pytest.fixture
def beeps(tmp_path: Path) -> Path:
    """A stereo WAV at 44.1 kHz of 3.21 s, with 20 ms of a tone every second."""
    times = np.arange(round(3.21 * 44100)) / 44100
    tone = np.where(times % 1 < 0.02, 0.8 * np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32)
    mono, stereo = tmp_path / "mono.wav", tmp_path / "beeps.wav"
    mono.write_bytes(write_wav_bytes(tone, 44100))
    subprocess.run([ffmpeg_binary(), "-loglevel", "error", "-i", mono, "-ac", "2", stereo], check=True)
    return stereo


def test_the_pieces_are_the_whole_sound(beeps) -> None:
    pieces = list(iter_sound(beeps, piece_s=0.1))
    assert len(pieces[0]) == 1600 and len(pieces) > 30
    assert np.array_equal(np.concatenate(pieces), extract_sound(beeps))


def test_a_reader_that_stops_leaves_no_process(beeps) -> None:
    check_sound(beeps)


def test_a_file_without_sound_and_one_that_is_none_are_said_so(tmp_path) -> None:
    (tmp_path / "words.txt").write_text("These are words.")
    with pytest.raises(Rejected, match=r"words.txt cannot be decoded"):
        check_sound(tmp_path / "words.txt")
    with pytest.raises(Rejected, match=r"none.wav is not a file"):
        check_sound(tmp_path / "none.wav")


@pytest.mark.parametrize("frames", [75, 80, 85])
def test_sound_and_picture_agree_in_length_and_in_time(beeps, tmp_path, frames) -> None:
    target = tmp_path / "film.mp4"
    assert write_film(iter(flashes(frames)), target, sound=beeps, preset="ultrafast") == frames
    found, heard = scan(target), extract_sound(target)
    assert (found.info.frames, found.info.rate, found.info.constant) == (frames, 25, True)
    assert abs(found.sound_offset_s) < 0.001
    assert abs(len(heard) / 16000 - frames / 25) < 1 / 25
    loud = np.flatnonzero(np.abs(heard) > 0.2) / 16000
    for second in range((frames - 1) // 25 + 1):
        assert abs(loud[loud > second - 0.1][0] - second) < 0.005
    assert target.read_bytes().index(b"moov") < target.read_bytes().index(b"mdat"), "it plays while it loads"


def test_an_error_of_the_frames_ends_the_film_and_leaves_nothing(beeps, tmp_path) -> None:
    def broken():
        yield from flashes(50)
        raise TalkingError("the sound is damaged")

    with pytest.raises(TalkingError, match="the sound is damaged"):
        write_film(broken(), tmp_path / "out" / "film.mp4", sound=beeps)
    assert not list((tmp_path / "out").iterdir())


def test_an_error_of_the_encoder_ends_the_frames() -> None:
    made = 0

    def endless():
        nonlocal made
        while True:
            made += 1
            yield np.zeros((2, 2, 3), np.uint8)

    def full(frames) -> None:
        next(frames)
        raise TalkingError("the disk is full")

    with pytest.raises(TalkingError, match="the disk is full"):
        in_thread(endless(), full)
    assert made < 1000
