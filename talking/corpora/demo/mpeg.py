"""Writing a clip as GRID's are: an MPEG-1 program stream, 25 frames a second, with MPEG audio at 44.1 kHz."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import ffmpeg
import numpy as np

from talking.core.errors import TalkingError
from talking.core.files import atomic_path, full_disk_as_error
from talking.media.audio import write_wav_bytes
from talking.media.ffmpeg import (
    cause_of,
    compile_command,
    log_lines,
    open_input,
    raise_if_disk_full,
)

_RATE = 25
_QUALITY = 2  # the best but one of MPEG-1's quantisers, 1 to 31: no blocks to be seen


def write_mpeg(
    frames: Iterable[np.ndarray], target: Path, *, width: int, height: int, sound: np.ndarray, sound_rate: int
) -> None:
    """Write frames uint8 RGB (height, width, 3), taken one at a time, and sound float32 (N,) in [-1, 1].

    One thread, no date: the bytes depend on the content alone. The file appears under its name when it is complete.
    Raises `TalkingError` when ffmpeg fails or the disk is full.
    """
    with (
        full_disk_as_error(target),
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile() as log,
        atomic_path(target) as unfinished,
    ):
        wav = Path(folder) / "sound.wav"
        wav.write_bytes(write_wav_bytes(sound, sound_rate))
        command = _command(wav, unfinished, f"{width}x{height}")
        code = _feed(command, frames, log.fileno())
        log.seek(0)
        lines = log_lines(log.read())
        raise_if_disk_full(lines, target)
        if code:
            raise TalkingError(f"{target} could not be written: {cause_of(lines, code)}")


def _command(wav: Path, target: Path, size: str) -> list[str]:
    picture = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=size, framerate=_RATE).video
    # Players take pictures of this size for BT.601, and MPEG-1 cannot say otherwise.
    picture = picture.filter("scale", out_color_matrix="bt601", out_range="tv", flags="accurate_rnd+full_chroma_int")
    video = {"vcodec": "mpeg1video", "pix_fmt": "yuv420p", "qscale:v": _QUALITY, "g": 12, "threads": 1}
    audio = {"acodec": "mp2", "ac": 2, "ar": 44100, "audio_bitrate": "224k"}
    flags = {"fflags": "+bitexact", "flags:v": "+bitexact", "flags:a": "+bitexact"}
    node = ffmpeg.output(picture, open_input(wav).audio, str(target), format="mpeg", **video, **audio, **flags)
    return compile_command(node, level="error")


def _feed(command: list[str], frames: Iterable[np.ndarray], log: int) -> int:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
    assert process.stdin is not None
    try:
        for frame in frames:
            process.stdin.write(np.ascontiguousarray(frame).data)
        process.stdin.close()
        return process.wait()
    except BrokenPipeError:
        return process.wait() or 1
    finally:
        process.kill()
        process.wait()
