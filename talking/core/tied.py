"""A process that ends with the one that started it, even where that was killed and could take nobody with it.

On Linux the kernel tells of a parent's death; a thread looks after the rest: a shell between the two, and other
systems. `python -m talking.core.tied COMMAND ...` runs a command that Linux ends with the process that typed it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from talking.core.leftovers import is_alive

_SHELLS = ("sh", "dash", "ash", "bash", "zsh", "ksh", "mksh", "fish")
_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.5
_GRACE_S = 20.0  # For a process to clean up before it is killed.


def end_with_starter() -> None:
    """Have this process end when that which started it dies, directly or through shells.

    It ends by SIGTERM, and by SIGKILL should that take too long.
    """
    ancestors = _ancestors()
    if ancestors:
        _tell_of_parents_death()
        threading.Thread(target=_watch, args=(ancestors,), name="end with starter", daemon=True).start()


def tied_command(command: Sequence[str]) -> list[str]:
    """Return a command that runs `command`, and ends it by SIGTERM, on Linux, when the process that runs it dies."""
    return [sys.executable, "-m", __spec__.name, *command]


def _tell_of_parents_death() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _watch(ancestors: list[int]) -> None:
    while os.getppid() == ancestors[0] and all(map(is_alive, ancestors)):
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _ancestors() -> list[int]:
    """Return the processes from the parent up to the first that is no shell; none of them is the first of all."""
    found: list[int] = []
    process = os.getppid()
    while process > 1:
        found.append(process)
        name, parent = _name_and_parent(process)
        if name.lstrip("-") not in _SHELLS:
            break
        process = parent
    return found


def _name_and_parent(process: int) -> tuple[str, int]:
    try:
        begin, _, rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")
        return begin.partition("(")[2], int(rest.split()[1])
    except OSError:
        asked = ["ps", "-o", "ppid=,comm=", "-p", str(process)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        parent, name = [*done.stdout.split(None, 1), "", ""][:2]
        return Path(name.strip()).name, int(parent or 0)


if __name__ == "__main__":
    _tell_of_parents_death()
    os.execvp(sys.argv[1], sys.argv[1:])
