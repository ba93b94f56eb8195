"""Tables of the report's page: metrics with their intervals, differences, Table 2, refused clips, parameters."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from talking.evaluation.methods import Method, MethodTable
from talking.evaluation.report.intervals import bounded, interval_text, verdict
from talking.evaluation.report.metrics import Metric
from talking.evaluation.report.table import BOUNDS, NONE, Summary, Value, number_text, table_cells, table_columns

TAGGED = ("floor", "ceiling")
COUNTS = ("speakers", "clips", "frames")
MISSING = ("missing_clips", "missed_frames")


def metrics_table(summary: Summary, reasons: Mapping[str, str], methods: MethodTable) -> str:
    """Return the comparison: a line per row, floors and ceilings marked, each number over its interval, footnotes.

    Beside a row's name stands the generator that drew it, and below it what the row stands on: speakers, clips, frames,
    and what is missing.
    """
    cells, notes = table_cells(summary, reasons, methods)
    headed = zip(cells[0][2:], table_columns(summary), strict=True)
    columns = [(heading, metric) for heading, metric in headed if metric.digits]
    lines = [
        _line(
            methods[row],
            [f"<td>{methods[row].drawn_by}</td>", *(_measured(summary[row], metric) for _, metric in columns)],
            _counts(summary[row]),
        )
        for row in methods.ordered(summary)
    ]
    return _table(["method", "drawn by", *(heading for heading, _ in columns)], lines) + numbered(notes)


def differences_table(differences: Summary, methods: MethodTable) -> str:
    """Return each row's difference from the reference over its interval, coloured where the interval leaves out 0."""
    metrics = bounded(differences)
    lines = [
        _line(methods[row], (_difference(differences[row], metric) for metric in metrics))
        for row in methods.ordered(differences)
    ]
    return _table(["method", *(metric.heading for metric in metrics)], lines)


def plain_table(cells: Sequence[Sequence[str]], *, words: bool = False) -> str:
    """Return lines of cells, heading first, as a table; of `words`, which are set to the left, or of numbers."""
    lines = [
        f"<tr>{_head(line[0])}{''.join(f'<td>{escape(cell)}</td>' for cell in line[1:])}</tr>" for line in cells[1:]
    ]
    return _table(cells[0], lines, "words" if words else "")


def numbered(notes: Iterable[str]) -> str:
    """Return sentences as a numbered list, nothing without any."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ol class="notes">{items}</ol>' if items else ""


def _table(heading: Sequence[str], lines: Iterable[str], kind: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
    attribute = f' class="{kind}"' if kind else ""
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table{attribute}><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _line(method: Method, cells: Iterable[str], below: str = "") -> str:
    tag = f'<span class="tag">{method.kind}</span>' if method.kind in TAGGED else ""
    said = f"<small>{escape(method.title)}</small>" if below and method.title != method.name else ""
    return f'<tr class="{method.kind}">{_head(method.name, tag + said + below)}{"".join(cells)}</tr>'


def _counts(values: Mapping[str, Value]) -> str:
    """Say what a row stands on: counts that each row has, and those of what is missing, where there are any."""
    there = [(name, values.get(name)) for name in (*COUNTS, *MISSING)]
    said = [f"{value} {name.replace('_', ' ')}" for name, value in there if value or (name in COUNTS and value == 0)]
    return f"<small>{', '.join(said)}</small>" if said else ""


def _head(row: str, tag: str = "") -> str:
    return f'<th scope="row">{escape(row)}{tag}</th>'


def _measured(values: Mapping[str, Value], metric: Metric) -> str:
    low, high = (values.get(metric.name + bound) for bound in BOUNDS)
    return f"<td>{number_text(values.get(metric.name), metric)}{_small(low, high, metric)}</td>"


def _difference(values: Mapping[str, Value], metric: Metric) -> str:
    value, low, high = (values.get(metric.name + end) for end in ("", *BOUNDS))
    judged = verdict(metric, low, high)
    number = NONE if value is None else f"{value:+.{metric.digits}f}"
    attribute = f' class="{judged}"' if judged else ""
    return f"<td{attribute}>{number}{f' {judged}' if judged else ''}{_small(low, high, metric)}</td>"


def _small(low: Value, high: Value, metric: Metric) -> str:
    text = interval_text(low, high, metric)
    return "" if text == NONE else f"<small>{text}</small>"
