"""Curves as CSV."""

import csv
from pathlib import Path

import numpy as np
import pytest

from talking.evaluation.report.series import write_curves, write_openings


def read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_curves_are_a_line_per_step_in_order_with_gaps(tmp_path: Path) -> None:
    write_curves(
        [(20, {"train/loss": 0.5}), (10, {"train/loss": 1.0}), (20, {"validation/loss": 0.75})], tmp_path / "c.csv"
    )
    assert read(tmp_path / "c.csv") == [
        ["step", "train/loss", "validation/loss"],
        ["10", "1", ""],
        ["20", "0.5", "0.75"],
    ]


def test_an_empty_history_is_a_heading(tmp_path: Path) -> None:
    write_curves([], tmp_path / "c.csv")
    assert read(tmp_path / "c.csv") == [["step"]]


def test_openings_are_a_line_per_frame_with_its_time(tmp_path: Path) -> None:
    openings = {"true": np.array([1.0, 2.5]), "stage_two": np.array([0.5, np.nan])}
    write_openings(openings, tmp_path / "o.csv")
    assert read(tmp_path / "o.csv") == [["time_s", "true", "stage_two"], ["0.000", "1", "0.5"], ["0.040", "2.5", ""]]


def test_openings_of_different_lengths_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_openings({"true": np.zeros(2), "made": np.zeros(3)}, tmp_path / "o.csv")
    assert list(tmp_path.iterdir()) == []
