"""Progress as a terminal and as a log see it, by a clock that is known."""

import io
import itertools

import numpy as np

from talking.app.progress import told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, step: float) -> str:
    clock = itertools.count(0, step)
    list(told([np.zeros(1)] * 50, "a.mp4", stream, lambda: next(clock)))
    return stream.getvalue()


def test_a_log_has_whole_lines_now_and_then() -> None:
    lines = run(io.StringIO(), 0.5).splitlines()
    assert len(lines) == 3 and "\r" not in "".join(lines)
    assert lines[0] == "a.mp4: 20 frames, 0.8 s of video, 2.0 frames per second"


def test_a_terminal_has_one_line_that_changes() -> None:
    said = run(Terminal(), 0.1)
    assert said.count("\n") == 1 and said.count("\r") > 10
    assert "50 frames, 2.0 s of video" in said.split("\r")[-1]
