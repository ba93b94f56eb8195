"""A disk that fills at any moment of a film is told by the film's name, and leaves nothing of it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from talking.media.audio import write_wav_bytes

# A limit of what a file may hold stands for a full disk: the silent film fits, with its sound it does not.
FILMING = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from talking.core.errors import TalkingError
from talking.media.film import write_film
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
frames = (np.full((64, 64, 3), 10, np.uint8) for _ in range(500))
try:
    write_film(frames, Path(sys.argv[1]), sound=Path(sys.argv[2]))
except TalkingError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("limit", [4_000, 100_000, 300_000])
def test_a_disk_that_fills_is_told_by_the_films_name_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, 20 * 16000).astype(np.float32)
    (tmp_path / "speech.wav").write_bytes(write_wav_bytes(noise, 16000))
    target = tmp_path / "out" / "speaks.mp4"
    command = [sys.executable, "-c", FILMING, str(target), str(tmp_path / "speech.wav"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"{target}: the disk is full; free some space and run again.\n")
    assert list(target.parent.iterdir()) == []
