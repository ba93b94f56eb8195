"""A process ends with the one that started it, through shells, and no other way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from talking.core.leftovers import is_alive
from talking.core.tied import tied_command

TIED = "from talking.core.tied import end_with_starter; import os, time; end_with_starter(); "
SLEEP = f"{sys.executable} -c '{TIED}print(os.getpid(), flush=True); time.sleep(60)'"
STARTER = 'import subprocess, sys; subprocess.run(["sh", "-c", sys.argv[1]])'


def ends(process: int, seconds: float = 20) -> bool:
    limit = time.monotonic() + seconds
    while is_alive(process) and time.monotonic() < limit:
        time.sleep(0.05)
    return not is_alive(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("between", ["", "; true", "sh -c"])
def test_it_ends_with_its_starter_through_shells(between: str, number: int) -> None:
    line = f'sh -c "{SLEEP}; true"; true' if between == "sh -c" else f"{SLEEP}{between}"
    with subprocess.Popen([sys.executable, "-c", STARTER, line], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        process = int(starter.stdout.readline())
        starter.send_signal(number)
        starter.wait()
        assert ends(process)


def test_it_lives_as_long_as_its_starter(tmp_path: Path) -> None:
    script = f"{TIED}time.sleep(1.5); open({str(tmp_path / 'done')!r}, 'w')"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a program of its parent's death")
def test_a_tied_command_ends_with_what_runs_it() -> None:
    script = (
        "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); print(child.pid, flush=True); child.wait()"
    )
    command = [sys.executable, "-c", script, *tied_command(["sleep", "60"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout
        child = int(runner.stdout.readline())
        while Path(f"/proc/{child}/comm").read_text() != "sleep\n":
            time.sleep(0.05)
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
        assert ends(child)
