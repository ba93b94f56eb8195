"""The report of an evaluation: table, bars, openings over time, a contact sheet per speaker; clip by clip."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from talking.files import write_json, write_text
from talking.metrics.evaluate import ClipScores, Value, reasons_of, summarise
from talking.metrics.frechet import frechet_distance
from talking.metrics.measure import TRUE, Measured
from talking.metrics.unavailable import Unavailable
from talking.moments import Moments
from talking.report.contact_sheet import write_contact_sheet
from talking.report.plots import plot_metric_bars, plot_openings
from talking.report.series import write_openings
from talking.report.table import markdown_table, text_table

RATE = 25
SHEET_ROWS = (TRUE, "stage_two", "stage_one", "inversion")
PLOTTED_ROWS = ("stage_two", "linear", "inversion")
Table = dict[str, dict[str, Value]]


@dataclass
class Group:
    """The clips of one split: of speakers that training never saw, or unseen clips of speakers that it did."""

    title: str
    scores: list[ClipScores] = field(default_factory=list)
    moments: dict[str, Moments] = field(default_factory=dict)

    def add(self, measured: Measured) -> None:
        """Take in one clip."""
        self.scores += measured.scores
        for row, features in measured.features.items():
            part = Moments.of(features)
            self.moments[row] = self.moments[row] + part if row in self.moments else part

    def fid(self, missing: Unavailable | None) -> dict[str, float | Unavailable]:
        """FID per row, or why there is none."""
        rows = dict.fromkeys(score.row for score in self.scores)
        if missing is not None:
            return dict.fromkeys(rows, missing)
        return {row: frechet_distance(self.moments[TRUE], self.moments[row]) for row in rows}


@dataclass
class Report:
    """Gathers measured clips into the tables of `folder`; pictures are drawn of the first clip of each speaker."""

    folder: Path
    columns: int
    no_fid: Unavailable | None
    groups: dict[str, Group] = field(
        default_factory=lambda: {"unseen": Group("Held-out speakers"), "seen": Group("Unseen clips of seen speakers")}
    )
    drawn: set[str] = field(default_factory=set)
    openings: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, measured: Measured) -> None:
        """Take in one clip; draw its speaker's sheet and openings if it is the first of the speaker."""
        self.groups[measured.split].add(measured)
        self.openings = self.openings or measured.openings
        if measured.speaker in self.drawn:
            return
        self.drawn.add(measured.speaker)
        rows = {row: measured.stills[row] for row in SHEET_ROWS if row in measured.stills}
        stills_per_s = RATE * (self.columns - 1) / max(1, measured.scores[0].frames - 1)
        sheet = self.folder / "sheets" / f"{measured.speaker}.png"
        write_contact_sheet(rows, sheet, columns=self.columns, rate=stills_per_s)
        made = {row: measured.openings[row] for row in PLOTTED_ROWS if row in measured.openings}
        plot_openings(
            measured.openings[TRUE], made, self.folder / "openings" / f"{measured.speaker}.png", title=measured.key
        )

    def finish(self) -> dict[str, Table]:
        """Write tables, reasons and bars; return the table of each group, empty where it has no clips."""
        tables = {name: summarise(group.scores, group.fid(self.no_fid)) for name, group in self.groups.items()}
        reasons = {name: reasons_of(group.scores, group.fid(self.no_fid)) for name, group in self.groups.items()}
        write_json(self.folder / "reasons.json", reasons)
        full = [name for name in tables if tables[name]]
        parts = ((self.groups[name].title, tables[name], reasons[name]) for name in full)
        markdown, plain = _texts(parts)
        write_text(self.folder / "table.md", markdown)
        write_text(self.folder / "table.txt", plain)
        for name in full:
            plot_metric_bars(tables[name], self.folder / f"{name}.png")
        return tables

    def write_series(self, target: Path) -> None:
        """Write the openings over time of the first clip, for `dvc plots`."""
        write_openings(self.openings, target)


def _texts(parts: Iterable[tuple[str, Table, dict[str, str]]]) -> tuple[str, str]:
    markdown, plain = [], []
    for title, table, reasons in parts:
        markdown.append(f"## {title}\n\n{markdown_table(table, reasons)}")
        plain.append(f"{title}\n\n{text_table(table, reasons)}")
    return "\n".join(markdown), "\n".join(plain)


def bars(table: Table, metrics: Iterable[str]) -> Iterator[dict[str, str | Value]]:
    """Yield a record per row with the given metrics, for `dvc plots`."""
    names = list(metrics)
    for row, values in table.items():
        yield {"row": row, **{name: values.get(name) for name in names}}
