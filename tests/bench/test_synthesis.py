"""The processor's benchmark: every step has a time, and the verdict follows from their sum."""

import pytest
import torch

from bench.synthesis import Clock, load, main, measure, report
from bench.timing import seconds_of, table


def test_every_step_has_a_time_and_a_share(capsys) -> None:
    torch.set_num_threads(1)
    main(["--seconds", "0.2", "--size", "128"])
    out = capsys.readouterr().out
    for step in ("audio windows", "LSTM", "drawing", "conversion", "enlarging to 128", "encoding", "all"):
        assert step in out
    assert "x real time" in out


def test_the_video_has_the_sounds_length(tmp_path) -> None:
    from talking.media.video import probe

    clock = measure(*load(None), seconds=0.2, size=128, folder=tmp_path)
    assert probe(tmp_path / "video.mp4").frames == 5
    assert min(clock.seconds.values()) >= 0


def test_the_verdict_is_length_over_time() -> None:
    text = report(Clock({"drawing": 3.0, "encoding": 1.0}, {"drawing": 4.0, "encoding": 1.0}), 10.0)
    assert "| drawing | 3.00 | 4.00 | 80% |" in text and "| all | 4.00 | 5.00 | 100% |" in text
    assert "2.50 x real time (62 fps); 0.50 processors" in text


def test_calls_are_timed_by_their_mean(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("bench.timing.time.perf_counter", lambda: now[0])

    def make() -> None:
        now[0] += 0.25

    assert seconds_of(make, torch.device("cpu"), 2.0) == pytest.approx(0.25)
    assert now[0] == pytest.approx(0.25 * 10)


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
