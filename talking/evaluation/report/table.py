"""The comparison table as markdown and as plain text, with a footnote where a number is missing."""

from collections.abc import Mapping, Sequence

from talking.evaluation.methods import MethodTable
from talking.evaluation.report.metrics import METRICS, Metric

Value = float | int | None
Summary = Mapping[str, Mapping[str, Value]]
NONE = "–"


# The keys of a metric's interval, shown beside it and never as columns of their own.
BOUNDS = ("_low", "_high")


def markdown_table(summary: Summary, reasons: Mapping[str, str], methods: MethodTable) -> str:
    """Return the table of `{row: {metric: value}}` in markdown, ending in a newline.

    `reasons` are sentences by metric; each becomes a numbered footnote under the table, marked in its column's
    heading. A metric that no row mentions has no column; a number that is missing is a dash.
    """
    cells, notes = table_cells(summary, reasons, methods)
    return as_markdown(cells) + "\n".join(["", *_footnotes(notes), ""] if notes else [])


def text_table(summary: Summary, reasons: Mapping[str, str], methods: MethodTable) -> str:
    """Return the same table for a terminal, transposed: a line per metric and a column per row, which is narrower."""
    cells, notes = table_cells(summary, reasons, methods)
    return as_text(cells) + "".join(f"{line}\n" for line in _footnotes(notes))


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a markdown table, heading first, ending in a newline."""
    lines = ["| " + " | ".join(line) + " |" for line in cells]
    rule = "| --- |" + " ---: |" * (len(cells[0]) - 1)
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def as_text(cells: Sequence[Sequence[str]]) -> str:
    """Return lines of cells for a terminal, transposed and aligned, ending in a newline."""
    columns = [list(column) for column in zip(*cells, strict=True)]
    widths = [max(len(line[i]) for line in columns) for i in range(len(columns[0]))]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in columns
    ]
    return "\n".join(line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:]]) + "\n"


def _footnotes(notes: Sequence[str]) -> list[str]:
    return [f"{number}. {note}" for number, note in enumerate(notes, start=1)]


def table_cells(
    summary: Summary, reasons: Mapping[str, str], methods: MethodTable
) -> tuple[list[list[str]], list[str]]:
    """Return the table's strings, heading first, and the footnotes; metrics with the same sentence share one.

    The first two columns are the method's name and the generator that drew it.
    """
    metrics = table_columns(summary)
    notes = list(dict.fromkeys(_sentence(reasons[metric.name]) for metric in metrics if metric.name in reasons))
    heading = ["method", "drawn by"]
    for metric in metrics:
        reason = reasons.get(metric.name)
        heading.append(metric.heading + (f" [{notes.index(_sentence(reason)) + 1}]" if reason else ""))
    lines = [
        [name, methods[name].drawn_by, *(number_text(summary[name].get(metric.name), metric) for metric in metrics)]
        for name in methods.ordered(summary)
    ]
    return [heading, *lines], notes


def table_columns(summary: Summary) -> list[Metric]:
    """Return the known metrics that some row has a key for, then unknown ones with four digits."""
    there = dict.fromkeys(name for values in summary.values() for name in values if not name.endswith(BOUNDS))
    known = [metric for metric in METRICS if metric.name in there]
    names = {metric.name for metric in METRICS}
    return known + [Metric(name, name.replace("_", " "), 0, 4) for name in there if name not in names]


def number_text(value: Value, metric: Metric) -> str:
    """Return a number with the metric's digits, a dash for a missing one."""
    if value is None:
        return NONE
    return f"{value:.{metric.digits}f}"


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:].rstrip(".") + "."
