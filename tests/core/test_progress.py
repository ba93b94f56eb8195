"""Progress: one line on a terminal, a few in a log."""

import io

import pytest

from talking.core.progress import Progress, ProgressLine


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_rate_and_time_left_are_of_this_run_alone() -> None:
    tally = Progress(done=6, shards=12, resumed=4, clips=40, seconds=20.0)
    assert tally.rate == 2.0
    assert tally.left_s == 60.0  # two shards of its own took 20 s; six are left
    assert Progress(4, 12, 4, 0, 0.0).left_s == 0


def test_a_log_gets_a_line_now_and_then_and_the_last() -> None:
    log, times = io.StringIO(), iter([0.0, 0.0, 4.0, 11.0, 11.0, 12.0])
    with ProgressLine("align", log, every_s=10, clock=lambda: next(times)) as line:
        for done in (1, 2, 3, 4):
            line(Progress(done, 4, 0, done * 10, done * 5.0))
    assert log.getvalue().splitlines() == [
        "align: 1/4 shards, 2.0 clips/s, 0:00:15 left",
        "align: 3/4 shards, 2.0 clips/s, 0:00:05 left",
        "align: 4/4 shards, 2.0 clips/s, 0:00:00 left",
    ]


def test_a_terminal_has_one_line_that_is_ended_even_by_an_error() -> None:
    terminal = Terminal()
    with pytest.raises(KeyError), ProgressLine("align", terminal) as line:
        for done in (1, 2):
            line(Progress(done, 4000, 0, done, 10.0))
        raise KeyError
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().endswith("\n")
    assert terminal.getvalue().split("\r")[-1] == "\x1b[2Kalign: 2/4000 shards, 0.2 clips/s, 5:33:10 left\n"
