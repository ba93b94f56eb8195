"""What an evaluation found on one group of clips: the table with intervals, differences, and what must be said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from talking.core.moments import Moments
from talking.corpora.roles import TestClip
from talking.evaluation.evaluate import ClipScores, Value, reasons_of, summarise
from talking.evaluation.intervals import differences, intervals, with_intervals
from talking.evaluation.measure import TRUE, ClipMeasures
from talking.evaluation.methods import MethodTable, View
from talking.evaluation.report.footing import MISSED, faces_note, footing, lips_note
from talking.evaluation.report.intervals import difference_tables, interval_tables
from talking.evaluation.report.table import markdown_table, text_table
from talking.metrics.bootstrap import scheme
from talking.metrics.closure import Closure
from talking.metrics.frechet import frechet_distance
from talking.metrics.unavailable import Unavailable

FID_UNBOUNDED = "FID has no interval: it is a distance of sets, which drawing the clips anew would shift"
Table = dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Findings:
    """`table` has each method's metrics and their bounds, `differences` each less the reference on the same clips.

    `reasons` are sentences by metric, `notes` sentences on the whole table.
    """

    title: str
    table: Table
    differences: Table
    reasons: dict[str, str]
    notes: tuple[str, ...]
    methods: MethodTable

    def texts(self) -> tuple[str, str]:
        """Return the tables as markdown, with intervals and differences, and the first of them as plain text."""
        spread, apart = interval_tables(self.table, self.methods), difference_tables(self.differences, self.methods)
        tables = [write(self.table, self.reasons, self.methods) for write in (markdown_table, text_table)]
        notes = ("".join(f"\n{note}\n" for note in self.notes), "".join(f"{note}\n" for note in self.notes))
        titles = ("95 % intervals", f"Difference from {self.methods.reference} on the same clips, with 95 % intervals")
        markdown = [f"## {self.title}\n", tables[0] + notes[0]]
        plain = [f"{self.title}\n", tables[1] + notes[1]]
        for title, (as_markdown, _) in zip(titles, (spread, apart), strict=True):
            if as_markdown:
                markdown += [f"### {title}\n", as_markdown]
        return "\n".join(markdown), "\n".join(plain)


@dataclass
class Group:
    """The clips of one split: of speakers that training never saw, or unseen clips of speakers that it did."""

    title: str
    methods: MethodTable
    view: View = "aligned"
    scores: list[ClipScores] = field(default_factory=list)
    moments: dict[str, Moments] = field(default_factory=dict)
    lips: Closure = field(default_factory=Closure)
    faceless: dict[str, int] = field(default_factory=dict)
    unmeasured: list[str] = field(default_factory=list)

    def add(self, measured: ClipMeasures) -> None:
        """Take in one clip."""
        self.scores += measured.scores
        if not measured.scores:
            self.unmeasured.append(measured.key)
            return
        self.lips += measured.lips or Closure()
        self.faceless[measured.key] = measured.faceless
        for row, features in measured.features.items():
            part = Moments.of(features)
            self.moments[row] = self.moments[row] + part if row in self.moments else part

    def fid(self, missing: Unavailable | None) -> dict[str, float | Unavailable]:
        """FID per row, or why there is none."""
        rows = dict.fromkeys(score.row for score in self.scores)
        if missing is not None:
            return dict.fromkeys(rows, missing)
        return {row: frechet_distance(self.moments[TRUE], self.moments[row]) for row in rows}

    def findings(
        self, no_fid: Unavailable | None, others: Sequence[str], seed: int, clips: Sequence[TestClip] = ()
    ) -> Findings:
        """Return what the clips add up to; tables are empty without clips.

        `others` are methods whose videos were made elsewhere and whose missing clips are told; `clips` are the group's,
        and say what was seen of them before.
        """
        faces = faces_note(self.faceless, self.unmeasured)
        if not self.scores:
            return Findings(self.title, {}, {}, {}, tuple(faces), self.methods)
        fid = self.fid(no_fid)
        others = [name for name in others if self.methods[name].view == self.view]
        missing = self.missing(others)
        table = with_intervals(summarise(self.scores, fid), intervals(self.scores, seed=seed))
        if others:
            table = {row: {**values, "missing_clips": len(missing.get(row, ()))} for row, values in table.items()}
        return Findings(
            self.title,
            table,
            differences(self.scores, self.methods.reference, seed=seed),
            reasons_of(self.scores, fid),
            (
                *footing(clips, self._tuned()),
                *faces,
                *([MISSED] if any(score.missed_frames for score in self.scores) else []),
                *lips_note(self.lips),
                *self._scheme(no_fid),
                *_missing_notes(missing),
            ),
            self.methods,
        )

    def _tuned(self) -> list[str]:
        """The methods that the reference's generator draws, which is the one that was tuned on each speaker."""
        generator = self.methods[self.methods.reference].drawn_by
        return [method.name for method in self.methods.methods if method.drawn_by == generator]

    def missing(self, methods: Sequence[str]) -> dict[str, list[str]]:
        """Return, by method, which clips of the group it lacks."""
        keys = dict.fromkeys(score.key for score in self.scores)
        made = {(score.row, score.key) for score in self.scores}
        return {method: [key for key in keys if (method, key) not in made] for method in methods}

    def _scheme(self, no_fid: Unavailable | None) -> list[str]:
        clips = {score.key: score.speaker for score in self.scores}
        if len(clips) < 2:
            return ["There are no intervals: they need at least two clips."]
        sentence = scheme(len(set(clips.values())))
        return [sentence if no_fid is not None else f"{sentence} {FID_UNBOUNDED}."]


def _missing_notes(missing: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"{method} lacks {len(keys)} of the clips, and its numbers are of the others: {', '.join(keys)}."
        for method, keys in missing.items()
        if keys
    ]
