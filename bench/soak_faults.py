"""The faults that `bench.soak` does to a run, and the place that the run is in."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from talking.core.leftovers import is_temporary

SOON_S = 60.0  # In which all that DVC started is to have ended with it.
SECOND_S = 120.0  # In which a second run is to have been refused.
Running = subprocess.Popen[bytes]
# Under `nohup`, and behind a shell's `&`, all that is started ignores one or the other.
_HANGING_UP, _INTERRUPTING = (
    [] if signal.getsignal(number) == signal.SIG_IGN else [number] for number in (signal.SIGHUP, signal.SIGINT)
)


@dataclass(frozen=True)
class Place:
    """A project's folder, and the environment that marks the processes of its runs."""

    folder: Path
    environment: dict[str, str]

    @property
    def log(self) -> Path:
        """What all runs printed."""
        return self.folder / "log"

    @property
    def work(self) -> Path:
        """Where the graph works."""
        return self.folder / "work"

    @property
    def out(self) -> Path:
        """What the graph makes."""
        return self.work / "out"

    def repro(self) -> Running:
        """Type `dvc repro`."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "dvc", "repro"]
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def wait(self, running: Running, seconds: float) -> int | None:
        """Return the exit code of a process, or None when it runs for longer than this."""
        try:
            return running.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def alive(self) -> list[psutil.Process]:
        """The living processes that carry the place's mark in their environment, and no other."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("SOAK") == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def outlive(self, seconds: float) -> list[str]:
        """Return the names of what is alive after so many seconds, sooner when there is nothing."""
        limit = time.monotonic() + seconds
        while (found := self.alive()) and time.monotonic() < limit:
            time.sleep(0.5)
        return [name_of(process) for process in found]

    def end_all(self) -> None:
        """Kill what is left of a run."""
        for process in self.alive():
            _send(process, signal.SIGKILL)

    def leftovers(self) -> list[Path]:
        """The temporary files and folders that are still there."""
        return [path for path in self.folder.rglob(".*") if is_temporary(path)]


def name_of(process: psutil.Process) -> str:
    """Return what a process calls itself, or the script or module that it runs."""
    try:
        line = process.cmdline()
        scripts = [Path(part).stem for part in line if part.endswith(".py")]
        modules = [after.rpartition(".")[2] for part, after in pairwise(line) if part == "-m"]
        own: str = process.name()
        return [*modules, *scripts, own][0] if own.startswith("python") else own
    except psutil.Error:
        return "a process that was ending"


def _below(running: Running) -> list[psutil.Process]:
    try:
        dvc = psutil.Process(running.pid)
        return [dvc, *dvc.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: int) -> bool:
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True


def kill_any(_: Place, running: Running, draw: random.Random, __: list[str]) -> str:
    """Kill DVC or any process below it, Ray's own servers included."""
    victim = draw.choice(_below(running) or [psutil.Process()])
    name = name_of(victim)
    return name if victim.pid != psutil.Process().pid and _send(victim, signal.SIGKILL) else ""


def end_stage(_: Place, running: Running, draw: random.Random, __: list[str]) -> str:
    """End the stage by a signal that it can clean up after."""
    stages = [process for process in _below(running) if name_of(process) == "soak_graph"]
    number = draw.choice([signal.SIGTERM, *_INTERRUPTING, *_HANGING_UP])
    return f"the stage by {signal.Signals(number).name}" if stages and _send(stages[-1], number) else ""


def end_dvc(_: Place, running: Running, draw: random.Random, __: list[str]) -> str:
    """End DVC alone, as `kill` and a closed terminal do, or kill it."""
    number = draw.choice([signal.SIGTERM, signal.SIGKILL, *_HANGING_UP])
    running.send_signal(number)
    return f"DVC by {signal.Signals(number).name}"


def tear(place: Place, _: Running, draw: random.Random, __: list[str]) -> str:
    """Kill everything at once and tear a file of the state, as a power cut can."""
    place.end_all()
    everything = (path for path in (place.work / "state").rglob("*") if path.is_file() and path.suffix != ".lock")
    files = [path for path in everything if path.stat().st_size]
    if not files:
        return ""
    # Of each kind alike, or there would be few but shards.
    kind = draw.choice(sorted({path.suffix or path.name for path in files}))
    victim = draw.choice(sorted(path for path in files if (path.suffix or path.name) == kind))
    content = victim.read_bytes()
    half = content[: len(content) // 2]
    how, torn = draw.choice([("emptied", b""), ("cut", half), ("zeros", bytes(len(content)))])
    victim.unlink()  # Shards may be linked into what is finished, which a power cut no longer touches.
    victim.write_bytes(torn)
    return f"{victim.name} ({how})"


def start_second(place: Place, running: Running, _: random.Random, wrong: list[str]) -> str:
    """Start the same stage a second time while the first one runs: it is to be refused, and the first one named."""
    if not any(name_of(process) == "soak_graph" for process in _below(running)):
        return ""
    command = [sys.executable, "-m", "bench.soak_graph", "--folder", "work"]
    second = subprocess.run(
        command, cwd=place.folder, env=place.environment, capture_output=True, text=True, timeout=SECOND_S, check=False
    )
    refused = second.returncode == 1 and "is running already (process" in second.stderr
    if not refused and running.poll() is None:
        wrong.append(f"a second run was let in (code {second.returncode})")
    return "a second run beside it"


FAULTS: dict[str, Callable[[Place, Running, random.Random, list[str]], str]] = {
    "kill": kill_any,
    "end": end_stage,
    "dvc": end_dvc,
    "torn": tear,
    "two": start_second,
}
ENDS_DVC = ("dvc",)
