"""What an ablation is: the economical run of one row with one seed, and the rows with the tables they belong to."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from talking.core.documents import read_yaml
from talking.core.errors import TalkingError
from talking.core.typed import SEED, check_name, number, read_file
from talking.systems.mm22.methods import INVERSION_TUNED, METHODS

STAGES = METHODS.of_kind("model")
FLOORS = METHODS.of_kind("floor", "ceiling")
Role = Literal["unseen", "seen", "validation"]


@dataclass(frozen=True)
class Ablation:
    """pipelines/ablations/params.yaml: one run. What it leaves open is as in the main params.yaml."""

    row: str
    role: Role
    floors: bool
    seed: int = field(metadata=SEED)
    train_steps: int = number(1)
    validate_every: int = number(1)
    tune_steps: int = number(0)
    tune_frames: int = number(1)
    clips: int = number(1)
    frames: int = number(3)
    size: int = number(16, 1024)

    @property
    def measured(self) -> tuple[str, ...]:
        """The rows that are drawn and scored: what is tuned where it is, the floors and the ceilings where asked."""
        own = STAGES if self.tune_steps else STAGES[:1]
        tuned = () if self.tune_steps else (INVERSION_TUNED,)
        return (*(row for row in FLOORS if self.floors and row not in tuned), *own)


def load_ablation(path: Path) -> Ablation:
    """Read and check the file; every mistake is a `TalkingError` that names the key."""
    return read_file(Ablation, path)


@dataclass(frozen=True)
class Row:
    """A named setting: the keys of params.yaml that it changes, by dotted name, what it is, and seeds of its own."""

    title: str
    set: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line of a table: a row as one of the two stages draws it, or a floor or a ceiling measured with it."""

    row: str
    stage: str

    @classmethod
    def of(cls, text: str) -> "Line":
        """Return the line that `row.stage` names."""
        row, _, stage = text.rpartition(".")
        if stage not in (*STAGES, *FLOORS):
            raise TalkingError(
                f"rows.yaml: the line {text!r} must be <row>.stage_one or <row>.stage_two, or end in one of {FLOORS}."
            )
        return cls(row, stage)


@dataclass(frozen=True)
class Table:
    """A table of the report: lines `row.stage` under one heading."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """pipelines/ablations/rows.yaml or another: every row is run with every seed, or with seeds of its own.

    `common`: what all rows change; `name`: what the experiments' names begin with, and the tables' folder is called.
    """

    seeds: tuple[int, ...]
    rows: dict[str, Row]
    tables: tuple[Table, ...]
    common: dict[str, Any] = field(default_factory=dict)
    name: str = "ablation"

    def __post_init__(self) -> None:
        for name in (self.name, *self.rows):
            check_name(name.replace(".", "p"), "rows.yaml")
        tabled = {Line.of(line).row for table in self.tables for line in table.lines}
        if unknown := sorted(tabled - self.rows.keys()):
            raise TalkingError(f"rows.yaml: a table has the row {unknown[0]!r}, which rows does not list.")
        if any(len(set(seeds)) != len(seeds) or not seeds for seeds in map(self.seeds_of, self.rows)):
            raise TalkingError("rows.yaml: seeds must be whole numbers, each once: one run of every row has each.")

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Rows and seeds to run, the first row's first: what several rows share is then made by the first of them."""
        return [(row, seed) for row in self.rows for seed in self.seeds_of(row)]

    def seeds_of(self, row: str) -> tuple[int, ...]:
        """Return the seeds that a row is run with."""
        return tuple(self.rows[row].seeds) or self.seeds

    def settings(self, row: str) -> dict[str, Any]:
        """Return the keys that a row changes, its own beside those of all rows."""
        return {**self.common, **self.rows[row].set}

    def experiment(self, row: str, seed: int) -> str:
        """Return the name of a run's DVC experiment, `ablation-<row>-seed<n>`: git allows no dots or underscores."""
        return f"{self.name}-{row.replace('_', '-').replace('.', 'p')}-seed{seed}"


def load_plan(path: Path) -> Plan:
    """Read and check the file."""
    values = read_yaml(path)
    try:
        return Plan(
            seeds=tuple(values["seeds"]),
            rows={name: Row(**row) for name, row in values["rows"].items()},
            tables=tuple(Table(table["title"], tuple(table["lines"])) for table in values["tables"]),
            common=values.get("common", {}),
            name=values.get("name", "ablation"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise TalkingError(f"{path} is no plan of ablations ({error}): see pipelines/ablations/README.md.") from error
