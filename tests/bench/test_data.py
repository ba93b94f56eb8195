"""The data plane's benchmark: what it times, what it compares, and the hours that follow."""

import time
from pathlib import Path

import numpy as np
import pytest

from bench.align import psnr
from bench.data import Copies, core_seconds, hours, main, projection
from talking.data.shards import ClipStatus, Sample, read_shard, write_index, write_shard


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_stage_and_the_alignment_have_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # main sets it; here it is put back
    main(["--clips", "1", "--no-workers"])
    rows = dict(line.split(" | ")[:2] for line in capsys.readouterr().out.splitlines() if line.startswith("| "))
    rates = {name: float(rows[f"| {name}"].split()[0]) for name in ("resample", "align", "mfcc", "invert")}
    assert rates["mfcc"] > rates["align"] > 0  # Windows of sound cost less than faces.
    assert float(rows["| align, tracked, against dlib and PIL on every frame"].split()[0]) > 3
    assert float(rows["| its crops against theirs"].split()[0]) > 35


def test_waiting_costs_no_core() -> None:
    assert core_seconds(lambda: time.sleep(0.3)) < 0.2


def test_hours_are_clips_over_the_clips_of_all_cores() -> None:
    assert hours({"align": 0.5}, 36_000, nodes=2, cores=10) == ["1"]
    assert "| GRID, 34,000 clips | 8 | 0.15 |" in projection({"align": 0.5}, 16)


def test_likeness_is_that_of_a_known_difference() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 255) == 0 and psnr(black, black + 1) == pytest.approx(48.13, abs=0.01)


def test_copies_are_of_the_sound_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    row = write_shard(source / "a.tar", [Sample("s1_x", {"sound.wav": b"1", "meta.json": b"2", "video.mkv": b"3"})])
    write_index(source, [row], [ClipStatus("s1_x", "s1", "a.tar", "ok")])
    work = Copies(source, 2)
    work.prepare()
    statuses = work("a.tar", tmp_path / "b.tar")
    made = list(read_shard(tmp_path / "b.tar"))
    assert [status.clip for status in statuses] == [sample.key for sample in made] == ["s1_x_00", "s1_x_01"]
    assert made[0].members == {"sound.wav": b"1", "meta.json": b"2"}
