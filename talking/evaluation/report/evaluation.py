"""The files of an evaluation's report, clip by clip: tables, bars, openings over time, a contact sheet per speaker."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from talking.core.files import write_json, write_text
from talking.corpora.roles import TestClip
from talking.evaluation.evaluate import Value
from talking.evaluation.measure import TRUE, ClipMeasures
from talking.evaluation.methods import VIEWS, MethodTable, View
from talking.evaluation.report.contact_sheet import write_contact_sheet
from talking.evaluation.report.findings import Findings, Group, Table
from talking.evaluation.report.plots import plot_metric_bars, plot_openings
from talking.evaluation.report.series import write_openings
from talking.metrics.unavailable import Unavailable

RATE = 25
GROUPS = {"unseen": "Held-out speakers", "seen": "Unseen clips of seen speakers"}


@dataclass
class Report:
    """Gathers measured clips into the tables of `folder`; pictures are drawn of the first clip of each speaker.

    `methods` are all that are compared, `others` those whose videos were made elsewhere, `remarks` sentences for the
    tables' foot, `seed` that of the intervals, `clips` the test clips, which say what the generators were tuned on.
    """

    folder: Path
    columns: int
    no_fid: Unavailable | None
    methods: MethodTable
    others: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    seed: int = 0
    clips: Sequence[TestClip] = ()
    groups: dict[str, Group] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)
    openings: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for view in dict.fromkeys(("aligned", *self.methods.views)):
            seen_in = "" if view == "aligned" else f", {VIEWS[view]}"
            for name, title in GROUPS.items():
                self.groups[group_of(name, view)] = Group(title + seen_in, self.methods, view)

    def add(self, measured: ClipMeasures) -> None:
        """Take in one clip; draw its speaker's sheet and openings if it is the first of the speaker."""
        self.groups[group_of(measured.split, measured.view)].add(measured)
        self.openings = self.openings or measured.openings
        name = group_of(measured.speaker, measured.view)
        if name in self.drawn or not measured.scores:
            return
        self.drawn.add(name)
        rows = {row: measured.stills[row] for row in (TRUE, *self.methods.pictured()) if row in measured.stills}
        stills_per_s = RATE * (self.columns - 1) / max(1, len(measured.openings[TRUE]) - 1)
        sheet = self.folder / "sheets" / f"{name}.png"
        write_contact_sheet(rows, sheet, columns=self.columns, rate=stills_per_s)
        made = {row: measured.openings[row] for row in self.methods.traced() if row in measured.openings}
        openings = self.folder / "openings" / f"{name}.png"
        plot_openings(measured.openings[TRUE], made, openings, self.methods, title=measured.key)

    def finish(self) -> dict[str, Findings]:
        """Write tables, reasons and bars; return what was found by group, empty tables where it has no clips."""
        findings = {
            name: group.findings(
                self.no_fid,
                self.others,
                self.seed,
                [clip for clip in self.clips if group_of(clip.split, group.view) == name],
            )
            for name, group in self.groups.items()
        }
        write_json(self.folder / "reasons.json", {name: found.reasons for name, found in findings.items()})
        full = {name: found for name, found in findings.items() if found.table}
        texts = [found.texts() for found in full.values()]
        markdown, plain = zip(*texts, strict=True) if texts else ((), ())
        write_text(self.folder / "table.md", "\n".join([*markdown, *(f"{remark}\n" for remark in self.remarks)]))
        write_text(self.folder / "table.txt", "\n".join([*plain, *(f"{remark}\n" for remark in self.remarks)]))
        for name, found in full.items():
            plot_metric_bars(found.table, self.folder / f"{name}.png", self.methods)
        return findings

    def _clips_of(self, name: str, group: Group) -> list[TestClip]:
        return [clip for clip in self.clips if group_of(clip.split, group.view) == name]

    def write_series(self, target: Path) -> None:
        """Write the openings over time of the first clip, for `dvc plots`."""
        write_openings(self.openings, target)


def group_of(split: str, view: View) -> str:
    """Return the name of what belongs together: a split's clips, in a view that is named unless it is the usual one."""
    return split if view == "aligned" else f"{split}_{view}"


def bars(table: Table, metrics: Iterable[str]) -> Iterator[dict[str, str | Value]]:
    """Yield a record per row with the given metrics, for `dvc plots`."""
    names = list(metrics)
    for row, values in table.items():
        yield {"row": row, **{name: values.get(name) for name in names}}
