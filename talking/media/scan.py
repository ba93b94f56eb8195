"""Reading through a clip once: the times and hashes of its frames, its sound's start, and what ffmpeg complained of.

No header is believed: the numbers are those of the frames that come out of the decoder. Which stream is the film and
which its sound, and the rate and length that are claimed, is what `stream_info` reads.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from talking.core.errors import Rejected
from talking.media.ffmpeg import Finished, compile_command, every_frame, open_input, run
from talking.media.stream_info import PictureStream, StreamInfo, read_stream_info

_DIMENSIONS = re.compile(r"#dimensions 0: (\d+)x(\d+)")
_SOUND_BASE = re.compile(r"#tb 1: (\d+)/(\d+)")
_COMPLAINT = re.compile(r"\[(error|fatal|panic)\]|corrupt decoded frame")
# Ticks per second in which the frames' times are told: MPEG's own clock, exact for 25, 30, 30000/1001 ... per second.
_CLOCK = 90000
# In frames. Matroska rounds to 1 ms, old muxers begin up to 3 ms early, and an eye does not see 8 ms (at 25 a second).
_JITTER = 0.2


@dataclass(frozen=True)
class VideoInfo:
    """What a clip is. `rate` is in frames per second; `constant` says that frame k stands at k / rate, none missing.

    `duration_s` is the time that the decoded frames take; `decode_errors` counts what the decoders complained of.
    """

    width: int
    height: int
    rate: Fraction
    constant: bool
    frames: int
    duration_s: float
    has_sound: bool
    codec: str
    decode_errors: int


@dataclass(frozen=True)
class Scan:
    """A clip read through: its `VideoInfo` and what telling good clips from broken ones needs.

    `hashes` are the MD5 of the decoded frames; `sound_offset_s` is the start of the sound after that of the picture;
    `missing` counts the empty places on the grid of frame times, `damaged` the frames decoded from broken data;
    `declared_s` is the duration that the container claims, where it claims one. `complaints` are sorted, since the
    decoders of picture and sound speak at once and in no fixed order. `told` is what the file says of its streams.
    """

    info: VideoInfo
    told: StreamInfo
    hashes: tuple[str, ...]
    sound_offset_s: float
    missing: int
    damaged: int
    declared_s: float | None
    complaints: tuple[str, ...]


def probe(path: Path) -> VideoInfo:
    """Decode a clip and return what it is; raises `Rejected` ("undecodable") when no frame comes out."""
    return scan(path).info


def scan(path: Path) -> Scan:
    """Decode the film of a clip and its sound once; raises `Rejected` ("undecodable") when no frame comes out."""
    told = read_stream_info(path)
    if told.picture is None:
        raise Rejected("undecodable", f"{path} cannot be decoded: there is no film in it.")
    done = run(_command(path, told.picture, told), path)
    rows = _rows(done)
    if not rows["0"]:
        raise Rejected("undecodable", f"{path} cannot be decoded: no frame comes out of it.")
    times = np.array([int(row[2]) for row in rows["0"]]) / _CLOCK
    rate, constant, missing = _rate(times, told.picture.rate)
    return Scan(
        info=_info(done, rows, rate, constant, told.picture),
        told=told,
        hashes=tuple(row[-1] for row in rows["0"]),
        sound_offset_s=_sound_start(done, rows["1"]) - float(times[0]),
        missing=missing,
        damaged=sum("corrupt decoded frame" in line for line in done.log),
        declared_s=told.declared_s,
        complaints=tuple(sorted(line for line in done.log if _COMPLAINT.search(line))),
    )


def _command(path: Path, picture: PictureStream, told: StreamInfo) -> list[str]:
    source = open_input(path)
    streams = [source[str(stream.index)] for stream in (picture, told.sound) if stream]
    options: dict[str, Any] = {"format": "framemd5", "enc_time_base:v": f"1/{_CLOCK}", **every_frame()}
    return compile_command(ffmpeg.output(*streams, "pipe:", **options), level="info")


def _rows(done: Finished) -> dict[str, list[list[str]]]:
    """Return the rows of the framemd5 table by stream, "0" the picture and "1" the sound."""
    rows: dict[str, list[list[str]]] = {"0": [], "1": []}
    for line in done.output.decode().splitlines():
        if not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            rows[fields[0]].append(fields)
    return rows


def _rate(times: np.ndarray, guess: Fraction) -> tuple[Fraction, bool, int]:
    """Return the rate, whether the frames keep it without a hole, and how many places on its grid are empty."""
    span = times[-1] - times[0]
    if len(times) < 2 or span <= 0:
        return guess or Fraction(25), len(times) == 1, 0
    for rate in (Fraction(25), guess):
        places = (times - times[0]) * float(rate)
        steps = np.diff(np.rint(places))
        if np.abs(places - np.rint(places)).max() < _JITTER and steps.min() >= 1:
            # Twice the true rate is a common wrong guess: every frame then stands two places after the last.
            stride = int(steps.min())
            missing = int(np.rint(places[-1])) // stride + 1 - len(times)
            return rate / stride, missing == 0, missing
    mean = (len(times) - 1) / span
    return Fraction(mean).limit_denominator(1001), False, 0


def _info(
    done: Finished, rows: dict[str, list[list[str]]], rate: Fraction, constant: bool, picture: PictureStream
) -> VideoInfo:
    size = _DIMENSIONS.search(done.output.decode())
    frames = len(rows["0"])
    return VideoInfo(
        width=int(size[1]) if size else 0,
        height=int(size[2]) if size else 0,
        rate=rate,
        constant=constant,
        frames=frames,
        duration_s=float(frames / rate),
        has_sound=bool(rows["1"]),
        codec=picture.codec,
        decode_errors=sum(bool(_COMPLAINT.search(line)) for line in done.log),
    )


def _sound_start(done: Finished, rows: list[list[str]]) -> float:
    base = _SOUND_BASE.search(done.output.decode())
    return int(rows[0][2]) * int(base[1]) / int(base[2]) if base and rows else 0.0
