"""How far a video is, and how fast: one line that changes on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

import numpy as np

# Seconds between two lines.
ON_TERMINAL, IN_LOG = 0.2, 10.0
RATE = 25


def told(
    frames: Iterable[np.ndarray], name: str, stream: TextIO, clock: Callable[[], float] = time.monotonic
) -> Iterator[np.ndarray]:
    """Yield the frames, and write to `stream` how many there were, their time, and how many are made per second."""
    alive = stream.isatty()
    begin = last = clock()
    count = 0
    try:
        for frame in frames:
            yield frame
            count += 1
            now = clock()
            if now - last >= (ON_TERMINAL if alive else IN_LOG):
                _write(stream, alive, _line(name, count, now - begin))
                last = now
    finally:
        if count:
            _write(stream, alive, _line(name, count, clock() - begin))
            stream.write("\n" if alive else "")
            stream.flush()


def _line(name: str, count: int, elapsed: float) -> str:
    per_second = count / max(elapsed, 1e-9)
    things = "frame" if count == 1 else "frames"
    return f"{name}: {count} {things}, {count / RATE:.1f} s of video, {per_second:.1f} frames per second"


def _write(stream: TextIO, alive: bool, line: str) -> None:
    stream.write(f"\r\x1b[K{line}" if alive else f"{line}\n")
    stream.flush()
