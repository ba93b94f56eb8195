"""Curves as CSV, for `dvc plots show` and for whoever wants the numbers: losses by step, mouth opening over time."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from talking.core.files import write_text

History = Sequence[tuple[int, Mapping[str, float]]]


def write_curves(history: History, target: Path) -> None:
    """Write `step,<name>,...` with a line per step; a name that a step does not have is an empty field.

    A step that comes twice is one line: a resumed run, or validation recorded apart, adds to what is there.
    """
    steps: dict[int, dict[str, float]] = {}
    for step, values in history:
        steps.setdefault(step, {}).update(values)
    names = list(dict.fromkeys(name for values in steps.values() for name in values))
    lines = [[step, *(_field(steps[step].get(name)) for name in names)] for step in sorted(steps)]
    _write([["step", *names], *lines], target)


def write_openings(openings: Mapping[str, np.ndarray], target: Path, rate: float = 25.0) -> None:
    """Write `time_s,<row>,...` of mouth openings (T,) in pixels by row; frames without a face (NaN) are left empty."""
    columns = zip(*openings.values(), strict=True)
    lines = [[f"{t / rate:.3f}", *(_field(value) for value in values)] for t, values in enumerate(columns)]
    _write([["time_s", *openings], *lines], target)


def _field(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"


def _write(lines: Iterable[Sequence[object]], target: Path) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_text(target, text.getvalue())
