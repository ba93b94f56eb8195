"""Disturb a run in every way that people meet, type it again until it is done, compare the bytes; as often as asked.

`python -m bench.soak 200` (make soak). The run is `dvc repro` of a small graph of real shape: two data stages over
shards, then a training under Ray Train. Prints a line per fault, and ends with 1 when an output differed from that of
the undisturbed run, a run did not end by itself within the time it may take, a process outlived its DVC, a second run
was let in beside the first, or a temporary file was left at the end.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench import soak_faults as faults
from bench.soak_faults import Place

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 300.0  # That a run may take, disturbed or not.
MOST_RUNS = 5
GRAPH = """stages:
  soak:
    cmd: {python} -m bench.soak_graph --folder work
    outs:
      - work/out:
          cache: false
"""


@dataclass
class Trial:
    """What a fault was, whom it met, what went wrong, and how many runs it took until all was done."""

    fault: str
    whom: str = ""
    runs: int = 1
    wrong: list[str] = field(default_factory=list)


def prepare(folder: Path) -> Place:
    """Make a project of one stage, which is the graph."""
    folder.mkdir(parents=True)
    (folder / "dvc.yaml").write_text(GRAPH.format(python=sys.executable))
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "DVC_"))}
    marked = {"PYTHONPATH": str(ROOT), "SOAK": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "DVC_NO_ANALYTICS": "1"}
    place = Place(folder, plain | marked)
    subprocess.run(["dvc", "init", "--no-scm", "--quiet"], cwd=folder, env=place.environment, check=True)
    return place


def run_once(place: Place) -> int | None:
    """Type `dvc repro`; return its exit code, or None where it did not end by itself."""
    with place.repro() as running:
        code = place.wait(running, LONGEST_S)
        place.end_all()
        return code


def disturbed(place: Place, fault: str, at_s: float, draw: random.Random) -> Trial | None:
    """Do a fault `at_s` seconds after the beginning of a run, then type it again; None when it was done by then."""
    trial = Trial(fault)
    with place.repro() as running:
        if place.wait(running, at_s) is not None:
            return None
        trial.whom = faults.FAULTS[fault](place, running, draw, trial.wrong)
        if not trial.whom:
            place.end_all()
            return None
        code = place.wait(running, LONGEST_S)
        if code is None:
            trial.wrong.append("stuck")
        if fault in faults.ENDS_DVC and (alive := place.outlive(faults.SOON_S)):
            trial.wrong.append(f"outlived DVC: {', '.join(sorted(alive))}")
        place.end_all()
    while code != 0 and trial.runs < MOST_RUNS:
        trial.runs += 1
        code = run_once(place)
        if code is None:
            trial.wrong.append("stuck")
    return trial


def content(folder: Path) -> dict[str, bytes]:
    """Every file of what the graph made."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def soak(count: int, folder: Path, seed: int, kinds: list[str] | None = None) -> int:
    """Return how many of `count` disturbed runs ended otherwise than the undisturbed one, or did what they may not."""
    draw, seen, bad = random.Random(seed), Counter[str](), 0
    whole, started = prepare(folder / "whole"), time.monotonic()
    if run_once(whole) != 0:
        sys.exit(f"error: the undisturbed run failed; see {whole.log}")
    length, expected = time.monotonic() - started, content(whole.out)
    print(f"undisturbed: {length:.1f} s, {len(expected)} files", flush=True)
    kinds, number = kinds or list(faults.FAULTS), 0
    while sum(seen.values()) < count:
        number += 1
        place, at_s = prepare(folder / f"run-{number}"), draw.uniform(0, length)
        trial = disturbed(place, kinds[sum(seen.values()) % len(kinds)], at_s, draw)
        if trial is not None:
            seen[trial.fault] += 1
            if content(place.out) != expected:
                trial.wrong.append("DIFFERENT")
            trial.wrong += [f"left {path.name}" for path in place.leftovers()]
            bad += bool(trial.wrong)
            said = ", ".join(trial.wrong) or "equal"
            met = f"{trial.fault} of {trial.whom} at {at_s:.0f} s"
            print(f"{sum(seen.values())}/{count}: {met}, {trial.runs} run(s), {said}", flush=True)
        if trial is None or not trial.wrong:
            shutil.rmtree(place.folder, ignore_errors=True)
    told = ", ".join(f"{number} {fault}" for fault, number in seen.most_common())
    print(f"{count} faults ({told}): {count - bad} equal")
    return bad


def main() -> None:
    """Parse the arguments and soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200, help="faults to do")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(faults.FAULTS), help="kinds of faults (default: all in turn)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        sys.exit(1 if soak(arguments.count, Path(folder), arguments.seed, arguments.only) else 0)


if __name__ == "__main__":
    main()
