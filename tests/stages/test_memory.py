"""Memory does not grow with the clips: each data stage's peak on few and on many clips of one shard."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from talking.corpora.demo.writer import write_demo_corpus

from .conftest import ROOT

FEW, MANY = 2, 8
# A decoded clip of the demo takes 23 MB (360 x 288) or 15 MB (256 x 256): six more of them would be 90 MB at least.
ROOM_MB = 45


def peaks(folder: Path, clip: Path, count: int) -> dict[str, float]:
    """Peak memory per stage, in MB, in a process of its own."""
    command = [sys.executable, "-m", "tests.stages.memory_probe", str(folder), str(clip), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from Linux's /proc")
def test_peak_memory_flat_in_clips(tmp_path: Path) -> None:
    write_demo_corpus(tmp_path / "demo", speakers=3, clips=1, seed=3, workers=1)
    clip = next((tmp_path / "demo" / "s1").glob("*.mpg"))
    few, many = (peaks(tmp_path / str(count), clip, count) for count in (FEW, MANY))
    assert few.keys() == {"resampled", "aligned", "windows", "codes", "pca", "evaluate"}
    growth = {name: many[name] - few[name] for name in few}
    assert max(growth.values()) < ROOM_MB, growth
