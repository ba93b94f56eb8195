"""A signal that ends a command lets it clean up, says so in one sentence, and gives the code that shells give."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.signals import heeding_signals

WAITING = """
import sys, time
from pathlib import Path
from talking.core.ending import ended_by_signal
from talking.core.files import atomic_path, temporary_folder
target = Path(sys.argv[1])
with ended_by_signal("come again."):
    with atomic_path(target) as film, temporary_folder(target):
        print("begun", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143), (signal.SIGHUP, "SIGHUP", 129)],
)
def test_a_signal_cleans_up_and_is_one_sentence(tmp_path: Path, number: int, name: str, code: int) -> None:
    command = [sys.executable, "-c", WAITING, str(tmp_path / "speaks.mp4")]
    with heeding_signals(), subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as running:
        assert running.stdout and running.stdout.readline() == "begun\n"
        assert len(list(tmp_path.iterdir())) == 2
        running.send_signal(number)
        assert running.communicate(timeout=30)[1] == f"\nstopped by {name}: come again.\n"
    assert running.returncode == code
    assert list(tmp_path.iterdir()) == []


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    script = (
        "import os, signal; from talking.core.ending import signals_raised\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with signals_raised(): os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n")
