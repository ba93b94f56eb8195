"""Clips made by ffmpeg's own sources, of which every number is known."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from talking.media.ffmpeg import ffmpeg_binary

MakeClip = Callable[..., Path]


@pytest.fixture
def run_ffmpeg() -> Callable[..., bytes]:
    """A call of the bare binary, independent of the library's own way of building commands."""

    def call(*arguments: str) -> bytes:
        command = [ffmpeg_binary(), "-v", "error", "-nostdin", "-y", *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return call


@pytest.fixture
def make_clip(tmp_path: Path, run_ffmpeg: Callable[..., bytes]) -> MakeClip:
    """A maker of clips: a moving test picture and a tone of 440 Hz, of any rate, length, codec and container."""

    def make(name: str, rate: str = "25", seconds: float = 2, sound_s: float | None = None, *extra: str) -> Path:
        target = tmp_path / name
        picture = ["-f", "lavfi", "-i", f"testsrc2=size=128x96:rate={rate}:duration={seconds}"]
        length = seconds if sound_s is None else sound_s
        sound = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=44100:duration={length}"] if length else []
        run_ffmpeg(*picture, *sound, "-pix_fmt", "yuv420p", *extra, str(target))
        return target

    return make
