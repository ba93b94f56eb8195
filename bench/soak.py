"""Kill any process of a run, at any time, run again until it is done, compare the bytes; as often as asked.

`python -m bench.soak 200` (make soak). The run is a small graph of real shape: two data stages over shards, then a
training under Ray Train. Prints a line per kill, and ends with 1 when an output differed from that of the undisturbed
run, or a run did not end by itself within the time it may take.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 300.0  # That a run may take, killed or not.


@dataclass(frozen=True)
class Ending:
    """How a run ended: its exit code, the process that was killed in it if any, and how long it took."""

    code: int | None
    killed: str
    seconds: float


def run_once(folder: Path, kill_at_s: float | None, draw: random.Random) -> Ending:
    """Run the graph in `folder`; kill one of its processes after `kill_at_s`, if it runs for that long."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SOAK": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "bench.soak_graph", str(folder)]
    started, killed = time.monotonic(), ""
    with (folder.parent / "log").open("a") as log:
        driver = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        code = _wait(driver, kill_at_s)
        if code is None and kill_at_s is not None:
            killed = _kill_one(driver.pid, draw)
            code = _wait(driver, LONGEST_S)
    seconds = time.monotonic() - started
    _end_all(str(folder))
    driver.wait()
    return Ending(code, killed, seconds)


def _wait(driver: "subprocess.Popen[bytes]", seconds: float | None) -> int | None:
    try:
        return driver.wait(LONGEST_S if seconds is None else seconds)
    except subprocess.TimeoutExpired:
        return None


def _kill_one(root: int, draw: random.Random) -> str:
    """Kill the driver or any process below it; return its name."""
    try:
        driver = psutil.Process(root)
        victim = draw.choice([driver, *driver.children(recursive=True)])
        name = "driver" if victim.pid == root else _name(victim)
        victim.kill()
    except psutil.NoSuchProcess:
        return ""
    return name


def _name(process: psutil.Process) -> str:
    """Return what a process calls itself, or the script that it has just begun."""
    scripts = [Path(part).stem for part in process.cmdline() if part.endswith(".py")]
    return scripts[0] if process.name().startswith("python") and scripts else process.name()


def _end_all(mark: str) -> None:
    """End what a killed run left behind: the processes that carry its mark in their environment, and no other."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("SOAK") == mark:
                process.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue


def content(folder: Path) -> dict[str, bytes]:
    """Every file of what the graph made."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def soak(kills: int, folder: Path, seed: int) -> int:
    """Return how many outputs of `kills` disturbed runs were not those of the undisturbed one."""
    draw, victims, differing = random.Random(seed), Counter[str](), 0
    whole = folder / "whole"
    whole.mkdir(parents=True)
    undisturbed = run_once(whole, None, draw)
    if undisturbed.code != 0:
        sys.exit(f"error: the undisturbed run failed; see {folder / 'log'}")
    expected = content(whole / "out")
    print(f"undisturbed: {undisturbed.seconds:.1f} s, {len(expected)} files", flush=True)
    done = 0
    while done < kills:
        place = folder / f"run-{done}"
        place.mkdir()
        kill_at_s = draw.uniform(0, undisturbed.seconds)
        runs, stuck = [run_once(place, kill_at_s, draw)], 0
        while runs[-1].code != 0 and len(runs) < 5:
            stuck += runs[-1].code is None
            runs.append(run_once(place, None, draw))
        if not runs[0].killed:
            _remove(place)
            continue  # It was done before its time came.
        done += 1
        equal = content(place / "out") == expected
        differing += not equal or bool(stuck)
        victims[runs[0].killed] += 1
        said = f"{len(runs)} run(s), {stuck} stuck, {'equal' if equal else 'DIFFERENT'}"
        print(f"{done}/{kills}: killed {runs[0].killed} at {kill_at_s:.0f} s, {said}", flush=True)
        if equal:
            _remove(place)
    print(f"{kills} kills ({', '.join(f'{n} {name}' for name, n in victims.most_common())}): {kills - differing} equal")
    return differing


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


def main() -> None:
    """Parse the arguments and soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        sys.exit(1 if soak(arguments.kills, Path(folder), arguments.seed) else 0)


if __name__ == "__main__":
    main()
