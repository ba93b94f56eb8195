"""Intervals of the comparison table, and what each row is worth against a reference, as markdown and plain text."""

from collections.abc import Callable, Sequence
from math import ceil

from talking.evaluation.methods import MethodTable
from talking.evaluation.report.metrics import Metric
from talking.evaluation.report.table import (
    BOUNDS,
    NONE,
    Summary,
    Value,
    as_markdown,
    as_text,
    number_text,
    table_columns,
)

# At most so many rows side by side on a terminal of 120 columns.
NARROW, WIDE = 5, 3


def interval_text(low: Value, high: Value, metric: Metric) -> str:
    """Return `[1.20, 1.31]`, or a dash where there is no interval."""
    if low is None or high is None:
        return NONE
    return f"[{number_text(low, metric)}, {number_text(high, metric)}]"


def verdict(metric: Metric, low: Value, high: Value) -> str:
    """Return `better` or `worse` for a difference whose interval leaves out 0, else nothing.

    Nothing also where no direction is better, as for a slope, which is best at 1.
    """
    if low is None or high is None or not metric.better or low <= 0 <= high:
        return ""
    return "better" if metric.better * low > 0 else "worse"


def difference_text(value: Value, low: Value, high: Value, metric: Metric) -> str:
    """Return `-0.25 [-0.31, -0.18] worse`."""
    number = NONE if value is None else f"{value:+.{metric.digits}f}"
    parts = (number, interval_text(low, high, metric) if value is not None else "", verdict(metric, low, high))
    return " ".join(part for part in parts if part and part != NONE) or NONE


def interval_tables(summary: Summary, methods: MethodTable) -> tuple[str, str]:
    """Return the intervals of `{row: {"psnr": ..., "psnr_low": ..., "psnr_high": ...}}` as markdown and as text."""
    return _tables(summary, lambda metric, _, low, high: interval_text(low, high, metric), NARROW, methods)


def difference_tables(differences: Summary, methods: MethodTable) -> tuple[str, str]:
    """Return differences with their intervals and verdicts, of the same keys, as markdown and as text."""
    return _tables(
        differences, lambda metric, value, low, high: difference_text(value, low, high, metric), WIDE, methods
    )


def bounded(summary: Summary) -> list[Metric]:
    """Return the metrics for which some row has an interval, in the order of the table."""
    return [
        metric
        for metric in table_columns(summary)
        if any(values.get(metric.name + bound) is not None for values in summary.values() for bound in BOUNDS)
    ]


def _tables(
    summary: Summary, cell: Callable[[Metric, Value, Value, Value], str], width: int, methods: MethodTable
) -> tuple[str, str]:
    metrics, rows = bounded(summary), methods.ordered(summary)
    if not metrics:
        return "", ""
    heading = ["method", *(metric.heading for metric in metrics)]
    lines = [[row, *(cell(metric, *_values(summary, row, metric)) for metric in metrics)] for row in rows]
    return as_markdown([heading, *lines]), "\n".join(as_text([heading, *part]) for part in _parts(lines, width))


def _values(summary: Summary, row: str, metric: Metric) -> tuple[Value, Value, Value]:
    values = summary[row]
    return values.get(metric.name), values.get(metric.name + BOUNDS[0]), values.get(metric.name + BOUNDS[1])


def _parts(lines: Sequence[list[str]], width: int) -> list[Sequence[list[str]]]:
    """Split lines into as few parts of at most `width` as it takes, and these into equal ones."""
    size = ceil(len(lines) / ceil(len(lines) / width))
    return [lines[start : start + size] for start in range(0, len(lines), size)]
