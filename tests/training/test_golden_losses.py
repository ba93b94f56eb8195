"""Every training gives the numbers that it gave when they were written down: a change of the code changes none."""

import json
from pathlib import Path

import pytest

from .golden_runs import GOLDEN, RUNS, machine

SAVED = json.loads(GOLDEN.read_text())
LOOSE = 2e-3  # Rounding differs between processors, and grows from step to step.


@pytest.mark.parametrize("name", RUNS)
def test_losses_and_weights_are_those_written_down(name: str, tmp_path: Path) -> None:
    found, wanted = RUNS[name](tmp_path), SAVED["runs"][name]
    assert [row["step"] for row in found.history] == [row["step"] for row in wanted["history"]]
    if machine() == SAVED["machine"]:
        assert found.history == wanted["history"]
        assert (found.weights, found.norm) == (wanted["weights"], wanted["norm"])
        return
    for row, other in zip(found.history, wanted["history"], strict=True):
        assert row == pytest.approx(other, rel=LOOSE)
    assert found.norm == pytest.approx(wanted["norm"], rel=LOOSE)


def test_every_run_is_written_down() -> None:
    assert SAVED["runs"].keys() == RUNS.keys()
