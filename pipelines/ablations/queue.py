"""Queue every row with every seed as a DVC experiment, and run the queue. `make ablations` does this, then collects."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from pipelines.ablations.wiring import FOLDER, OWN, ROWS
from stages.common import PARAMS
from talking.ablations.settings import Plan, experiment_name, load_plan
from talking.config import load_params
from talking.errors import TalkingError

GRAPH = str(FOLDER / "dvc.yaml")
JOBS = 2


def main() -> None:
    """Parse the arguments; a mistake is a sentence, exit 1."""
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
                "--name",
                experiment_name(row, seed),
                *changes(plan, row, seed),
                GRAPH,
            )
        run_queue(max(1, arguments.jobs))
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
    settings = {**plan.rows[row].set, **own}
    return [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]


def forget(plan: Plan) -> None:
    """Remove experiments of these names, run or queued: names are unique, and unchanged runs cost nothing again."""
    names = {experiment_name(row, seed) for row, seed in plan.runs}
    for listing, removing in (
        (("exp", "list", "-A", "--name-only"), ("exp", "remove")),
        (("queue", "status"), ("queue", "remove")),
    ):
        found = sorted(names & set(dvc(*listing).split()))
        if found:
            dvc(*removing, *found)


def run_queue(jobs: int) -> None:
    """Run what is queued, `jobs` at a time, and wait; a run that fails is left to the report to tell."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    environment = {"OMP_NUM_THREADS": threads, **os.environ}
    subprocess.run(["dvc", "exp", "run", "--run-all", "--jobs", str(jobs)], env=environment, check=False)


def dvc(*arguments: str) -> str:
    """Run DVC; return what it prints. Raises `TalkingError` with its own words when it fails."""
    done = subprocess.run(["dvc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise TalkingError(f"dvc {' '.join(arguments[:3])} failed: {lines[-1].removeprefix('ERROR: ')}")
    return done.stdout


if __name__ == "__main__":
    main()
