"""Collect the experiments of the ablations: one table with mean and spread, and an MLflow run each."""

import argparse
import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pipelines.ablations.wiring import CURVES, METRICS, OWN, ROWS
from talking.core.errors import TalkingError
from talking.core.files import read_json, write_json, write_text
from talking.data.shards import fingerprint
from talking.orchestration import tracking
from talking.orchestration.params import Params, load_params
from talking.orchestration.stage import PARAMS, STATE, tags_of
from talking.systems.mm22.ablations.measure import few_of
from talking.systems.mm22.ablations.settings import Plan, load_plan
from talking.systems.mm22.ablations.table import Result, report, summary_of

EXPERIMENT = "ablations"  # in MLflow, beside that of the main graph


def main() -> None:
    """Read the command line and write the tables; a mistake of the user ends with one sentence and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROWS, help="the plan: rows, seeds and tables")
    try:
        collect(load_plan(parser.parse_args().rows), load_params(PARAMS))
    except TalkingError as error:
        sys.exit(f"error: {error}")


def collect(plan: Plan, params: Params) -> None:
    """Write data/<corpus>/<name>s/table.md and .json; record the runs. Raises `TalkingError` when there are none."""
    results = results_of(plan)
    if not results:
        raise TalkingError("no ablation has been run: `make ablations`, and `dvc queue logs <name>` says what failed.")
    folder = Path("data", params.corpus, f"{plan.name}s")
    text = report(plan, results, notes_of(plan, params, results[0]))
    write_text(folder / "table.md", text)
    write_json(folder / "table.json", summary_of(results))
    record(params, results, STATE / params.corpus / "ablations.json")
    print(
        f"{text}\n{folder / 'table.md'} holds these tables; one row per run: dvc exp show, "
        f"and mlflow ui ({EXPERIMENT})."
    )


def results_of(plan: Plan) -> list[Result]:
    """Return the results of the runs that succeeded."""
    there = experiments()
    runs = [(row, seed, plan.experiment(row, seed)) for row, seed in plan.runs]
    return [Result(row, seed, json.loads(kept(METRICS, name)), name) for row, seed, name in runs if name in there]


def experiments() -> dict[str, str]:
    """Return the git references of DVC's experiments by name."""
    refs = _git("for-each-ref", "--format=%(refname)", "refs/exps").split()
    return {ref.rsplit("/", 1)[1]: ref for ref in refs}


def kept(path: Path, experiment: str) -> str:
    """Return the text of a file that git holds for an experiment: metrics, curves, params."""
    return _git("show", f"{experiments()[experiment]}:{path.as_posix()}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TalkingError(f"git {' '.join(arguments)} failed: {done.stderr.strip()}; run `make ablations` again.")
    return done.stdout


def notes_of(plan: Plan, params: Params, result: Result) -> list[str]:
    """Return what must be known to read the tables; what one run was made with stands for all."""
    seeds = ", ".join(map(str, sorted({seed for _, seed in plan.runs})))
    counts, ablation = result.metrics["stage_one"], yaml.safe_load(kept(OWN, result.experiment))
    return [
        f"Mean ± standard deviation over the seeds {seeds}, of networks, batches and tuning; "
        f"the corpus ({params.corpus}), the backbone ({params.backbone}) and the clips are the same.",
        f"{counts['clips']} {ablation['role']} clips of {counts['speakers']} speakers, {counts['frames']} frames in "
        f"each row, {ablation['size']} pixels. Stage one of {ablation['train_steps']} steps, stage two of "
        f"{ablation['tune_steps']}.",
    ]


def record(params: Params, results: list[Result], known: Path) -> None:
    """Record an MLflow run per result; one that was recorded before, by the same numbers, is opened again."""
    ids = read_json(known) if known.is_file() else {}
    settings = replace(params.tracking, experiment=EXPERIMENT)
    for result in results:
        values, curves = params_of(result.experiment), curves_of(result.experiment)
        mark = fingerprint(result.experiment, repr(values), repr(result.metrics))
        tags = tags_of(params) | {"dvc_experiment": result.experiment, "row": result.row, "seed": str(result.seed)}
        with tracking.run(settings, f"{result.row} {result.seed}", run_id=ids.get(mark), tags=tags) as run:
            run.params(values)
            if mark not in ids:
                run.metric_history(curves)
            run.headline(few_of(result.metrics))
            run.metrics(flat(result))
        if run.id:
            ids[mark] = run.id
    write_json(known, ids)


def flat(result: Result) -> dict[str, float]:
    """Return the numbers there are by `stage_two.psnr`."""
    pairs = ((f"{stage}.{name}", value) for stage, numbers in result.metrics.items() for name, value in numbers.items())
    return {name: float(value) for name, value in pairs if value is not None}


def params_of(experiment: str) -> dict[str, Any]:
    """Return the sections of both params files that the experiment was run with."""
    sections = ("stage_one", "stage_two", "pca", "mfcc")
    values = yaml.safe_load(kept(PARAMS, experiment))
    return {name: values[name] for name in sections} | {"ablation": yaml.safe_load(kept(OWN, experiment))}


def curves_of(experiment: str) -> list[tuple[int, dict[str, float]]]:
    """Return the losses by step of the experiment's training."""
    rows = csv.DictReader(io.StringIO(kept(CURVES, experiment)))
    return [(int(row.pop("step")), {name: float(value) for name, value in row.items() if value}) for row in rows]


if __name__ == "__main__":
    main()
