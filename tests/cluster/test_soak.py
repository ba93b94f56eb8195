"""Any process of a run killed at any time: the outputs stay the same. `make soak` does it two hundred times."""

from pathlib import Path

import pytest

from bench.soak import soak


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_processes_killed_at_random_times_change_no_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert soak(3, tmp_path / "soak", seed=3) == 0
    assert "3 equal" in capsys.readouterr().out
