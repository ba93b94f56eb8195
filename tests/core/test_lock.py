"""A folder belongs to one process at a time, for as long as that lives."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from talking.core import lock
from talking.core.errors import TalkingError
from talking.core.lock import alone

HOLD = """
import sys
from pathlib import Path
from talking.core.lock import alone
with alone(Path(sys.argv[1]), "A test"): print("held", flush=True); input()
"""


def test_a_folder_is_refused_by_the_holders_id_and_free_once_it_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "state")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        words = rf"Work is running already \(process {holder.pid} on .*`kill {holder.pid}`\.$"
        with pytest.raises(TalkingError, match=words), alone(tmp_path / "state", "Work"):
            pytest.fail("two hold it")
        with alone(tmp_path / "other", "Work"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with alone(tmp_path / "state", "Work"):
        pass


def test_a_child_that_was_started_meanwhile_does_not_hold_it(tmp_path: Path) -> None:
    with alone(tmp_path / "state", "Work"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, alone(tmp_path / "state", "Work"):
        child.kill()


def test_where_a_file_system_knows_no_locks_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", unknown)
    with alone(tmp_path / "state", "Work"), alone(tmp_path / "state", "Work"):
        pass
