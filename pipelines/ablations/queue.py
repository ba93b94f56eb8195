"""Queue every row with every seed as a DVC experiment, and run the queue. `make ablations` does this, then collects."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from pipelines.ablations.wiring import FOLDER, OWN, ROWS
from talking.core.errors import TalkingError
from talking.orchestration.params import load_params
from talking.orchestration.stage import PARAMS
from talking.systems.mm22.ablations.settings import Plan, load_plan

GRAPH = str(FOLDER / "dvc.yaml")
JOBS = 2
ALL_GONE = "0 active, 0 idle"  # as DVC says that there is no worker
POLL_S = 20.0  # Asking takes seconds of a core, which the experiments need
PATIENCE = 3  # times that no worker is seen before others are started: they take a while to answer


def main() -> None:
    """Read the command line and queue the runs; a mistake of the user ends with one sentence and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS, help="experiments at a time, each on its share of the cores")
    parser.add_argument("--rows", type=Path, default=ROWS, help="the plan: rows, seeds and tables")
    arguments = parser.parse_args()
    try:
        check_corpus(load_params(PARAMS).corpus)
        plan = load_plan(arguments.rows)
        forget(plan)
        for row, seed in plan.runs:
            dvc(
                "exp",
                "run",
                "--quiet",
                "--queue",
                "--allow-missing",  # Raw recordings are not there: an experiment's folder holds what DVC and git keep.
                "--name",
                plan.experiment(row, seed),
                *changes(plan, row, seed),
                GRAPH,
            )
        run_queue(plan, max(1, arguments.jobs))
    except TalkingError as error:
        sys.exit(f"error: {error}")


def check_corpus(corpus: str) -> None:
    """Refuse to queue what would make each experiment begin at the raw recordings."""
    for folder in (Path("data", corpus, "codes"), Path("data", corpus, "windows"), Path("models", corpus, "basis")):
        if not folder.is_dir():
            raise TalkingError(f"{folder} is missing: run the main graph first (`make demo`, or `dvc repro`).")


def changes(plan: Plan, row: str, seed: int) -> list[str]:
    """Return the options of `dvc exp run` that make this run of the row."""
    own = {f"{OWN}:row": row, f"{OWN}:seed": seed}
    settings = {**plan.settings(row), **own}
    return [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]


def forget(plan: Plan) -> None:
    """Remove experiments of these names, run or queued: names are unique, and unchanged runs cost nothing again."""
    names = {plan.experiment(row, seed) for row, seed in plan.runs}
    for listing, removing in (
        (("exp", "list", "-A", "--name-only"), ("exp", "remove")),
        (("queue", "status"), ("queue", "remove")),
    ):
        found = sorted(names & set(dvc(*listing).split()))
        if found:
            dvc(*removing, *found)


def run_queue(plan: Plan, jobs: int) -> None:
    """Run what is queued, `jobs` at a time, and wait; a run that fails is left to the report to tell.

    The queue is asked how far it is: a worker that ends tells the others by a message, which is lost at times, and
    `dvc exp run --run-all` then waits for ever. Workers that ended too early are started again.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    names = {plan.experiment(row, seed) for row, seed in plan.runs}
    gone = PATIENCE
    while left(status := dvc("queue", "status"), names):
        gone = gone + 1 if ALL_GONE in status else 0
        if gone > PATIENCE:
            dvc("queue", "start", "--jobs", str(jobs))
            gone = 0
        time.sleep(POLL_S)
    dvc("queue", "stop")


def left(status: str, names: set[str]) -> int:
    """Return how many of the named experiments `dvc queue status` says are queued or running."""
    rows = (line.split() for line in status.splitlines())
    return sum(bool(row) and row[-1] in {"Queued", "Running"} and bool(names & set(row)) for row in rows)


def dvc(*arguments: str) -> str:
    """Run DVC; return what it prints. Raises `TalkingError` with its own words when it fails."""
    done = subprocess.run(["dvc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise TalkingError(f"dvc {' '.join(arguments[:3])} failed: {lines[-1].removeprefix('ERROR: ')}")
    return done.stdout


if __name__ == "__main__":
    main()
