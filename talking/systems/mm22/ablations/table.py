"""Runs of rows and seeds to tables: mean and spread over the seeds, as markdown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from talking.evaluation.report.metrics import METRICS, Metric
from talking.evaluation.report.table import NONE, as_markdown
from talking.systems.mm22.ablations.settings import FLOORS, Line, Plan, Table
from talking.systems.mm22.methods import METHODS, OWN_G, STAGE_ONE, STAGE_TWO, TUNED_G

Numbers = Mapping[str, float | int | None]
SHOWN = (
    "psnr",
    "ssim",
    "lmd",
    "mouth_correlation",
    "opening_slope",
    "closure_recall",
    "closure_precision",
    "closure_j",
    "missed_frames",
)


@dataclass(frozen=True)
class Result:
    """What one run of a row with one seed measured: `{stage: {metric: value}}`, and its DVC experiment."""

    row: str
    seed: int
    metrics: Mapping[str, Numbers]
    experiment: str


def spread(values: Sequence[float | int | None]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation (of a sample, n - 1) of the values there are; None where too few are."""
    there = [float(value) for value in values if value is not None and math.isfinite(value)]
    mean = float(np.mean(there)) if there else None
    return mean, float(np.std(there, ddof=1)) if len(there) > 1 else None


def summary_of(results: Sequence[Result]) -> dict[str, dict[str, float | int | None]]:
    """Return `{"row.stage": {"psnr": mean, "psnr_std": spread, ..., "seeds": n}}`."""
    found: dict[str, dict[str, float | int | None]] = {}
    for name in dict.fromkeys(f"{result.row}.{stage}" for result in results for stage in result.metrics):
        line = Line.of(name)
        own = [result.metrics[line.stage] for result in results if result.row == line.row]
        found[name] = {"seeds": len(own)}
        for metric in SHOWN:
            mean, deviation = spread([numbers.get(metric) for numbers in own])
            found[name] |= {metric: mean, f"{metric}_std": deviation}
    return found


def report(plan: Plan, results: Sequence[Result], notes: Sequence[str]) -> str:
    """Return the tables as markdown; runs that are missing are named, and a number of one seed alone has no spread."""
    numbers = summary_of(results)
    parts = ["# Ablations\n", *(f"{note}\n" for note in notes), *missing(plan, results)]
    parts += [f"## {table.title}\n\n{_table(plan, table, numbers)}" for table in plan.tables]
    return "\n".join(parts)


def missing(plan: Plan, results: Sequence[Result]) -> list[str]:
    """Return a sentence on the runs that there is no result of, nothing where all are there."""
    there = {(result.row, result.seed) for result in results}
    lost = [f"{row} with seed {seed}" for row, seed in plan.runs if (row, seed) not in there]
    return [f"**Missing, having failed or not been run:** {', '.join(lost)}.\n"] if lost else []


def _table(plan: Plan, table: Table, numbers: Mapping[str, Numbers]) -> str:
    metrics = [metric for metric in METRICS if metric.name in SHOWN]
    cells = [["row", "stage", "drawn by", "seeds", *(metric.heading for metric in metrics)]]
    for name in table.lines:
        line = Line.of(name)
        own = numbers.get(name, {})
        floor = line.stage in FLOORS
        shown = [line.stage, NONE] if floor else [plan.rows[line.row].title, line.stage]
        told = [*shown, _drawn_by(line, numbers), str(own.get("seeds", 0))]
        cells.append([*told, *(_cell(own, metric) for metric in metrics)])
    return as_markdown(cells)


def _drawn_by(line: Line, numbers: Mapping[str, Numbers]) -> str:
    """The generator; where stage two was left out, the backbone's own stood in for the tuned one."""
    untuned = f"{line.row}.{STAGE_ONE}" in numbers and f"{line.row}.{STAGE_TWO}" not in numbers
    drawn_by = METHODS[line.stage].drawn_by
    return OWN_G if untuned and drawn_by == TUNED_G else drawn_by


def _cell(numbers: Numbers, metric: Metric) -> str:
    mean, deviation = numbers.get(metric.name), numbers.get(f"{metric.name}_std")
    if mean is None:
        return NONE
    digits = max(metric.digits, 1) if deviation else metric.digits
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if deviation is not None else "")
