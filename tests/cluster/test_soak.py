"""A run disturbed in every way at any time: the outputs stay the same. `make soak` does it two hundred times."""

from pathlib import Path

import pytest

from bench.soak import soak
from bench.soak_faults import FAULTS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_kind_of_fault_at_random_times_changes_no_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soak(len(FAULTS), tmp_path / "soak", seed=3) == 0
    assert f"{len(FAULTS)} equal" in capsys.readouterr().out
