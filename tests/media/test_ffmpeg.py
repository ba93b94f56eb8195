"""The binary that is chosen, and what a failure of ffmpeg says."""

import os
import subprocess
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import pytest

from talking.core.errors import Rejected, TalkingError
from talking.media import ffmpeg as module
from talking.media.video import decode_frames


@pytest.fixture
def fresh_choice():
    """The choice of the binary is remembered; forget it before and after."""
    module.ffmpeg_binary.cache_clear()
    yield
    module.ffmpeg_binary.cache_clear()


def test_the_systems_ffmpeg_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_choice: None) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module.ffmpeg_binary() == str(program)


def test_without_one_the_wheels_ffmpeg_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_choice: None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    assert module.ffmpeg_binary() == imageio_ffmpeg.get_ffmpeg_exe()
    version = subprocess.run([module.ffmpeg_binary(), "-version"], capture_output=True, check=True).stdout
    assert version.startswith(b"ffmpeg version")


def test_a_failure_is_one_sentence_with_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "words.mpg"
    path.write_text("this is no video\n")
    command = module.compile_command(ffmpeg.output(module.open_input(path), "pipe:", format="null"))
    with pytest.raises(Rejected) as caught:
        module.run(command, path)
    assert caught.value.reason == "undecodable"
    assert "words.mpg" in caught.value.sentence and "Invalid data" in caught.value.sentence
    assert "\n" not in caught.value.sentence and "0x" not in caught.value.sentence


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"absent\.mpg is not a file"):
        module.run(["true"], tmp_path / "absent.mpg")


def test_a_playlist_may_not_lead_to_the_network(tmp_path: Path) -> None:
    path = tmp_path / "list.ffconcat"
    path.write_text("ffconcat version 1.0\nfile 'http://127.0.0.1:9/clip.mpg'\n")
    command = module.compile_command(ffmpeg.output(module.open_input(path, safe=0), "pipe:", format="null"))
    with pytest.raises(Rejected):
        module.run(command, path)
    log = subprocess.run(command, capture_output=True, check=False).stderr
    assert b"not on whitelist" in log


def test_a_full_disk_is_not_the_clips_fault(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match="disk is full") as caught:
        module.raise_if_disk_full(("[error] av_interleaved_write_frame(): No space left on device",), tmp_path)
    assert not isinstance(caught.value, Rejected)


def test_addresses_that_differ_from_run_to_run_are_left_out_of_the_log() -> None:
    assert module.log_lines(b"[mp2 @ 0x55a1b2] [error] Header missing\n\n") == ("[mp2] [error] Header missing",)


def test_the_cause_of_a_failure_is_told_and_not_what_did_not_come_of_it() -> None:
    log = (
        "[in#0/wav] [warning] Guessed Channel Layout: mono",
        "[auto_aresample_0] [error] Rematrix is needed between 9 channels and mono",
        "[af#0:0] [error] Error reinitializing filters!",
        "[af#0:0] [error] Task finished with error code: -22 (Invalid argument)",
        "[af#0:0] [error] Terminating thread with return code -22 (Invalid argument)",
        "[out#0] [error] Nothing was written into output file, because at least one of its streams had no packets.",
        "[fatal] Conversion failed!",
    )
    assert module.cause_of(log, 1) == "Rematrix is needed between 9 channels and mono"
    assert module.cause_of(log[-2:], 1).startswith("Nothing was written")
    assert module.cause_of((), 187) == "ffmpeg ended with code 187 and said nothing."


def test_a_film_of_which_nothing_comes_out_is_refused_with_the_cause(tmp_path: Path) -> None:
    """An mp4 whose index is there and whose frames are not."""
    path = tmp_path / "hollow.mp4"
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    subprocess.run([module.ffmpeg_binary(), "-v", "error", *source, str(path)], check=True)
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(content[:start] + bytes(len(content) - start))
    with pytest.raises(Rejected, match=r"hollow\.mp4 cannot be decoded: (?!Nothing was written|Conversion failed)"):
        decode_frames(path)


def test_what_a_decoder_only_complained_of_is_kept_apart_from_warnings() -> None:
    log = ("[mp3] [warning] Estimating duration from bitrate", "[mp3float] [error] Header missing")
    assert module.complaints_of(log) == ("Header missing",)


@pytest.mark.parametrize("name", [b"caf\xe9.wav", "caf\u00e9.wav".encode(), b"\xff\xfe", b"plain.wav"])
def test_a_name_that_is_no_text_reaches_ffmpeg_as_its_bytes(name: bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    node = ffmpeg.output(module.open_input(path), module.named(path.with_suffix(".mp4")))
    wanted = {os.fsencode(path), os.fsencode(path.with_suffix(".mp4"))}
    assert wanted <= {os.fsencode(argument) for argument in module.compile_command(node)}
