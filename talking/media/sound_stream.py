"""The sound of a file, piece by piece, and the sound of a file put under a finished picture."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ffmpeg
import numpy as np

from talking.core.errors import Rejected
from talking.media.audio import NO_STREAM, extraction, to_float, whole_sound
from talking.media.ffmpeg import compile_command, last_words, log_lines, named, open_input, run

# What every browser plays, in AAC packets of 21 ms, half a frame.
SOUND_RATE = 48000
LAYOUTS = "mono|stereo"


def iter_sound(path: Path, rate: int = 16000, *, piece_s: float = 1.0) -> Iterator[np.ndarray]:
    """Yield the samples that `extract_sound` returns, float32 mono in [-1, 1], in pieces of `piece_s` seconds.

    ffmpeg reads no further ahead than its pipe is long. Raises `Rejected` ("soundless", "undecodable") as
    `extract_sound` does; with a file that is damaged later on this can be after some pieces.
    """
    if not path.is_file():
        raise Rejected("undecodable", f"{path} is not a file: check the path.")
    size = 2 * max(1, round(piece_s * rate))
    heard = False
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(extraction(path, rate), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            while content := process.stdout.read(size):
                heard = True
                yield to_float(np.frombuffer(content[: len(content) // 2 * 2], "<i2"))
            code = process.wait()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        log.seek(0)
        lines = log_lines(log.read())
    if code and not any(NO_STREAM in line for line in lines):
        raise Rejected("undecodable", f"{path} cannot be decoded: {last_words(lines, code)}")
    if not heard:
        raise Rejected("soundless", f"{path} has no sound: give a file that has.")


def check_sound(path: Path) -> None:
    """Raise as `iter_sound` does where not even the first moment of a file's sound can be read."""
    pieces = iter_sound(path, piece_s=0.01)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]


def add_sound(picture: Path, sound: Path, target: Path, *, frames: int, rate: int = 25) -> None:
    """Write to `target` the H.264 mp4 `picture`, copied, with the first sound of the file `sound` as AAC.

    The sound begins with its first sample, which `iter_sound` begins with too, and is cut, or continued by silence, to
    the time of `frames` frames. `target` is written in place: give a temporary name.
    """
    length = round(frames * SOUND_RATE / rate)
    # Numbered from the first sample: some containers begin later than zero.
    steps = (whole_sound(SOUND_RATE), "asetpts=N/SR/TB", "apad", f"atrim=end_sample={length}")
    options = {"vcodec": "copy", "acodec": "aac", "audio_bitrate": "160k", "format": "mp4", "threads": 1}
    flags = {"fflags": "+bitexact", "flags:a": "+bitexact", "movflags": "+faststart", "map_metadata": 0}
    chain = ",".join([*steps, f"aformat=channel_layouts={LAYOUTS}"])
    streams = open_input(picture)["v:0"], open_input(sound)["a:0"]
    run(compile_command(ffmpeg.output(*streams, named(target), af=chain, **options, **flags)), sound)
