"""Sound by pieces against sound at once, and sound under a picture, by numbers."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from talking.core.errors import Rejected, TalkingError
from talking.media.audio import write_wav_bytes
from talking.media.driving_sound import Sound, decoded_sound
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


def tone(pitch: float, seconds: float, rate: int = 44100) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def heard_pitch(samples: np.ndarray, rate: int = 16000) -> float:
    """Return the pitch of the strongest tone of samples (N,)."""
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate / len(samples))


def as_codec(name: str, tmp_path: Path, *parts: tuple[np.ndarray, int]) -> Path:
    """Write parts, (N, C) at their rates, each in the codec that the name tells, laid end to end in one file."""
    joined = tmp_path / name
    content = b""
    for number, (samples, rate) in enumerate(parts):
        soundfile.write(tmp_path / f"{number}.wav", samples, rate)
        part = tmp_path / f"{number}{joined.suffix}"
        subprocess.run([ffmpeg_binary(), "-v", "error", "-y", "-i", tmp_path / f"{number}.wav", part], check=True)
        content += part.read_bytes()
    joined.write_bytes(content)
    return joined


def film_with(sound: Sound, target: Path) -> np.ndarray:
    """Write a film as long as the sound, and return what it plays, mono at 16 kHz."""
    frames = round(sum(map(len, sound.pieces())) / sound.rate * 25)
    write_film(iter(flashes(frames)), target, sound=sound.film, preset="ultrafast")
    assert scan(target).info.frames == frames
    return extract_sound(target)


@pytest.mark.parametrize(
    ("name", "channels"), [("joined.mp3", (1, 2)), ("joined.aac", (2, 1)), ("joined.ac3", (2, 6))], ids=str
)
def test_sound_whose_channels_and_rate_change_midway_is_heard_and_played_whole(tmp_path, name, channels) -> None:
    """2 s of 440 Hz, then 2 s of 1000 Hz in other channels at another rate."""
    rates = (48000, 44100) if name.endswith("ac3") else (24000, 44100)
    first, second = (
        np.repeat(tone(pitch, 2, rate)[:, None], count, axis=1)
        for pitch, count, rate in zip((440, 1000), channels, rates, strict=True)
    )
    path = as_codec(name, tmp_path, (first, rates[0]), (second, rates[1]))
    with decoded_sound(path, 16000) as sound:
        heard = np.concatenate(list(sound.pieces()))
        played = film_with(sound, tmp_path / "film.mp4")
    for samples in (heard, played):
        assert abs(len(samples) / 16000 - 4) < 0.2
        assert abs(heard_pitch(samples[8000:24000]) - 440) < 3
        assert abs(heard_pitch(samples[40000:56000]) - 1000) < 3
        quiet = np.abs(samples[: 16000 * 4 - 4000]).reshape(-1, 800).max(axis=1) < 0.02
        assert quiet.sum() <= 4, "a part of the sound is silent"


@pytest.mark.parametrize("count", [3, 9, 13, 17, 32, 60])
def test_channels_of_which_nothing_is_said_are_all_heard(tmp_path, count) -> None:
    samples = np.zeros((16000, count), np.float32)
    for channel in range(count):
        samples[:, channel] = tone(300 + 100 * channel, 1, 16000)
    soundfile.write(tmp_path / "field.wav", samples, 16000, format="WAV", subtype="PCM_16")
    with decoded_sound(tmp_path / "field.wav", 16000) as sound:
        spectrum = np.abs(np.fft.rfft(np.concatenate(list(sound.pieces()))[:16000]))
    assert all(spectrum[300 + 100 * channel] > 10 * np.median(spectrum) for channel in range(count))


@pytest.mark.parametrize("sign", [1, -1], ids=["alike", "inverted"])
def test_a_channel_that_is_the_other_ones_negative_does_not_silence_it(tmp_path, sign: int) -> None:
    voice = tone(440, 1, 16000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([voice, sign * voice], 1), 16000)
    heard = extract_sound(tmp_path / "stereo.wav")
    assert np.corrcoef(heard, voice)[0, 1] > 0.999 and np.abs(heard).max() == pytest.approx(0.4, abs=0.01)


def test_a_channel_that_is_inverted_from_the_middle_on_is_heard_to_the_end(tmp_path) -> None:
    voice = tone(440, 2, 16000)
    soundfile.write(
        tmp_path / "stereo.wav", np.stack([voice, voice * np.where(np.arange(32000) < 16000, 1, -1)], 1), 16000
    )
    levels = np.abs(extract_sound(tmp_path / "stereo.wav")).reshape(-1, 1600).max(axis=1)
    assert (levels > 0.35).sum() >= 18


def test_digital_silence_is_soundless(tmp_path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros((16000, 2)), 16000)
    with pytest.raises(Rejected, match=r"silence\.wav is silent from beginning to end") as caught:
        extract_sound(tmp_path / "silence.wav")
    assert caught.value.reason == "soundless"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sound_that_is_not_finite_is_refused_before_anything_is_made(tmp_path, value: float) -> None:
    samples = tone(440, 2, 16000)
    samples[24000] = value
    soundfile.write(tmp_path / "broken.wav", samples, 16000, subtype="FLOAT")
    with (
        pytest.raises(Rejected, match=r"broken\.wav is not finite at 1\.50 s"),
        decoded_sound(tmp_path / "broken.wav", 16000),
    ):
        pytest.fail("the sound was taken")


@pytest.mark.parametrize("name", ["cut.m4a", "cut.mp4", "cut.mp3", "cut.flac"])
def test_a_sound_that_is_shorter_than_it_says_is_said_so(tmp_path, name: str) -> None:
    flags = ("-movflags", "+faststart") if name.endswith(("m4a", "mp4")) else ()
    soundfile.write(tmp_path / "whole.wav", tone(440, 6), 44100)
    path = tmp_path / name
    subprocess.run([ffmpeg_binary(), "-v", "error", "-i", tmp_path / "whole.wav", *flags, path], check=True)
    with decoded_sound(path, 16000) as sound:
        assert sound.warnings == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with decoded_sound(path, 16000) as sound:
        assert len(sound.warnings) == 1
        found = re.search(
            r"ends after (\d\.\d\d) s, and so does the video, but the file declares 6\.0", sound.warnings[0]
        )
        assert found and abs(float(found[1]) - sum(map(len, sound.pieces())) / 16000) < 0.01


@pytest.mark.parametrize("name", ["cut.ogg", "cut.opus"])
def test_a_voice_message_without_its_end_is_said_so(tmp_path, name: str) -> None:
    """Ogg declares no length: what tells a whole file is the mark on its last page."""
    path = as_codec(name, tmp_path, (tone(440, 6), 44100))
    with decoded_sound(path, 16000) as sound:
        assert sound.warnings == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with decoded_sound(path, 16000) as sound:
        assert [bool(re.search(r"ends after \d\.\d\d s.* Ogg", warning)) for warning in sound.warnings] == [True]


def test_ogg_files_end_to_end_are_heard_to_the_end(tmp_path) -> None:
    path = as_codec("chain.ogg", tmp_path, (tone(440, 2), 44100), (tone(1000, 2), 44100))
    with decoded_sound(path, 16000) as sound:
        heard = np.concatenate(list(sound.pieces()))
    assert sound.warnings == () and abs(len(heard) / 16000 - 4) < 0.1
    assert abs(heard_pitch(heard[40000:56000]) - 1000) < 3


def test_sound_that_cannot_be_decoded_in_places_is_said_so(tmp_path) -> None:
    """Ogg files laid end to end, of which ffmpeg reads on over a change of channels only with an error."""
    path = as_codec("chain.ogg", tmp_path, (tone(440, 2), 44100), (np.stack([tone(440, 2)] * 2, 1), 44100))
    with decoded_sound(path, 16000) as sound:
        length = sum(map(len, sound.pieces())) / 16000
        assert length > 3.9 or any("is damaged" in warning for warning in sound.warnings)


def test_a_reader_that_stops_leaves_no_process(beeps) -> None:
    pieces = iter_sound(beeps, piece_s=0.01)
    next(pieces)
    pieces.close()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    running = children.read_text().split() if children.is_file() else []
    assert not any("ffmpeg" in Path(f"/proc/{child}/comm").read_text() for child in running)


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
