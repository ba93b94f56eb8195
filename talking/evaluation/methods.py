"""What is compared: a method is a system and how it is driven, as a record, and a table holds any number of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from talking.core.errors import TalkingError
from talking.core.typed import read_file

Kind = Literal["floor", "ceiling", "model"]
View = Literal["aligned", "whole_clip"]
VIEWS: dict[View, str] = {"aligned": "aligned FFHQ crops", "whole_clip": "whole-clip crops"}
UNKNOWN, NO_GENERATOR = "–", "none"
RECORD = "method.yaml"
# Okabe and Ito's colours, which colour-blind readers can tell apart, for methods that name none.
COLOURS = ("#CC79A7", "#0072B2", "#F0E442", "#999933", "#882255")


@dataclass(frozen=True)
class Method:
    """A line of every table, a bar of every plot.

    `kind`: a floor is what a model must beat to have learned anything, a ceiling what a generator can draw at all.
    `drawn_by` names the generator that draws it; `ceiling` the method that the same generator draws of the true codes,
    so that none of that generator can be expected to do better, None where there is no such method.
    `colour` is the one it has in every plot, None for the next free one. `view` is what its videos show and are
    measured against. `pictured` methods are on contact sheets and in films, and of `traced` ones the mouth's opening is
    plotted over time.
    """

    name: str
    title: str
    kind: Kind = "model"
    drawn_by: str = UNKNOWN
    ceiling: str | None = None
    colour: str | None = None
    view: View = "aligned"
    pictured: bool = True
    traced: bool = False


@dataclass(frozen=True)
class MethodTable:
    """Methods in the order of every table; `reference` names the one that all others are compared with."""

    methods: tuple[Method, ...] = ()
    reference: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "MethodTable":
        """Return the table that `dataclasses.asdict` made `values` of."""
        return cls(tuple(Method(**method) for method in values["methods"]), values["reference"])

    def as_plain(self) -> dict[str, Any]:
        """Return the table as plain values, for JSON."""
        return asdict(self)

    def __getitem__(self, name: str) -> Method:
        """Return the method of that name; of one that is not in the table no more is known than its name."""
        return next((method for method in self.methods if method.name == name), Method(name, name))

    @property
    def names(self) -> tuple[str, ...]:
        """The methods' names in order."""
        return tuple(method.name for method in self.methods)

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the names of the methods of some kinds."""
        return tuple(method.name for method in self.methods if method.kind in kinds)

    @property
    def frozen(self) -> str | None:
        """The floor that no generator draws, a picture that does not move; None where there is no such method."""
        floors = (method for method in self.methods if method.kind == "floor" and method.drawn_by == NO_GENERATOR)
        return next((method.name for method in floors), None)

    def of_view(self, view: View) -> tuple[str, ...]:
        """Return the names of the methods whose videos show that view."""
        return tuple(method.name for method in self.methods if method.view == view)

    @property
    def views(self) -> tuple[View, ...]:
        """The views that some method has, in a fixed order."""
        return tuple(view for view in VIEWS if self.of_view(view))

    def joined(self, others: Iterable[Method]) -> "MethodTable":
        """Return the table with further methods at its end. Raises `TalkingError` where two bear one name."""
        others = tuple(others)
        for other in others:
            if other.name in self.names:
                raise TalkingError(
                    f"The method {other.name} bears the name of one that the table has: give it another name."
                )
        return replace(self, methods=(*self.methods, *others))

    def ordered(self, names: Iterable[str]) -> list[str]:
        """Return names in the order of the table, those that it does not have behind them as they came."""
        names = list(names)
        return [name for name in self.names if name in names] + [name for name in names if name not in self.names]

    def pictured(self) -> tuple[str, ...]:
        """Return what contact sheets and films show: each model with its ceiling beside it, the reference first."""
        models = sorted(self.of_kind("model"), key=lambda name: name != self.reference)
        names = (part for name in models for part in (name, self[name].ceiling) if part and self[part].pictured)
        return tuple(dict.fromkeys(names))

    def traced(self) -> tuple[str, ...]:
        """Return the names of the methods whose mouth's opening is plotted over time."""
        return tuple(method.name for method in self.methods if method.traced)

    def colours(self, names: Sequence[str]) -> list[str]:
        """Return a colour per name; a method has the same one in every plot, whatever others stand beside it."""
        free = [method.name for method in self.methods if method.colour is None]
        free += [name for name in names if name not in self.names]
        return [self[name].colour or COLOURS[free.index(name) % len(COLOURS)] for name in names]


@dataclass(frozen=True)
class Record:
    """`method.yaml` in the folder of a method's videos: what is told of it in the tables; the folder names it."""

    title: str
    kind: Kind
    view: View


def read_method(folder: Path) -> Method:
    """Return the method whose videos lie in a folder, by its `method.yaml`; without one no more than its name is known.

    Raises `TalkingError`, naming the file and the key, for a record that cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return Method(folder.name, folder.name)
    record = read_file(Record, path)
    return Method(folder.name, **{entry.name: getattr(record, entry.name) for entry in fields(record)})
