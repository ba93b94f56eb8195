"""Plots as PNG or SVG, by the suffix: metric bars per row, the mouth's opening over time."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from talking.core.files import atomic_path
from talking.evaluation.methods import MethodTable
from talking.evaluation.report.metrics import METRICS, Metric
from talking.evaluation.report.table import BOUNDS, NONE, Summary, Value

TRUE_COLOUR = "black"


def plot_metric_bars(summary: Summary, path: Path, methods: MethodTable) -> None:
    """Draw a panel per measured metric of `{row: {metric: value}}` with a bar per row, a dash for a missing one.

    A thin line spans the interval where the row has `<metric>_low` and `<metric>_high`.
    """
    metrics = [m for m in METRICS if m.digits and any(values.get(m.name) is not None for values in summary.values())]
    rows = methods.ordered(summary)
    figure, axes = _panels(len(metrics), width=3.2, height=0.6 + 0.28 * max(len(rows), 4))
    for axis, metric in zip(axes, metrics, strict=True):
        bounds = [[summary[row].get(metric.name + end) for end in BOUNDS] for row in rows]
        values = [summary[row].get(metric.name) for row in rows]
        _bars(axis, metric, rows, values, [high for _, high in bounds], methods.colours(rows))
        _draw_bounds(axis, rows, bounds)
    _save(figure, path)


def _bars(
    axis: Axes, metric: Metric, rows: list[str], values: list[Value], highs: list[Value], colours: list[str]
) -> None:
    lengths = [0.0 if value is None else float(value) for value in values]
    axis.barh(rows, lengths, color=colours)
    axis.invert_yaxis()
    axis.set_title(metric.heading)
    for place, (value, length, high) in enumerate(zip(values, lengths, highs, strict=True)):
        text, end = NONE if value is None else f"{value:.{metric.digits}f}", max(length, high or 0, 0)
        axis.annotate(text, (end, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
    axis.margins(x=0.25)


def _draw_bounds(axis: Axes, rows: list[str], bounds: list[list[Value]]) -> None:
    for row, (low, high) in zip(rows, bounds, strict=True):
        if low is not None and high is not None:
            axis.plot((low, high), (row, row), color=TRUE_COLOUR, linewidth=0.8, solid_capstyle="butt")


def plot_openings(
    target: np.ndarray,
    prediction: Mapping[str, np.ndarray],
    path: Path,
    methods: MethodTable,
    *,
    title: str = "",
    rate: float = 25.0,
) -> None:
    """Draw the mouth's opening in pixels, (T,) each, over the seconds of one clip: black the true one, then made ones.

    Frames without a face (NaN) are gaps.
    """
    figure, (axis,) = _panels(1, width=9.0, height=3.0)
    axis.plot(np.arange(len(target)) / rate, target, color=TRUE_COLOUR, linewidth=2.2, label="true")
    rows = methods.ordered(prediction)
    for row, colour in zip(rows, methods.colours(rows), strict=True):
        axis.plot(np.arange(len(prediction[row])) / rate, prediction[row], color=colour, linewidth=1.4, label=row)
    axis.set(title=title, xlabel="time (s)", ylabel="mouth opening (px)", xlim=(0, max(len(target) - 1, 1) / rate))
    axis.legend(frameon=False, fontsize=8, ncols=2)
    _save(figure, path)


def _panels(count: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` panels in up to three columns, each `width` x `height` inches."""
    columns = min(max(count, 1), 3)
    lines = max(ceil(count / columns), 1)
    figure = Figure(figsize=(width * columns, height * lines), layout="constrained")
    axes = [figure.add_subplot(lines, columns, place + 1) for place in range(count)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    """Write without date or version, so that equal numbers give equal bytes."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with atomic_path(path) as temporary, mpl.rc_context({"svg.hashsalt": "talking"}):
        FigureCanvasAgg(figure)
        figure.savefig(temporary, dpi=120, metadata=metadata)
