"""Params of which a stage can read what its dvc.yaml declares, and nothing else: else a change would rerun nothing."""

from collections.abc import Iterable, Mapping
from string import Template
from typing import Any

from talking.core.errors import TalkingError
from talking.orchestration.graphs import stages_that_run

# Where and how a stage is computed and recorded, which decides no output.
ALWAYS = ("cluster", "tracking", "labels")
ROWS = {"the_corpus": ("corpora", "corpus"), "the_backbone": ("backbones", "backbone")}


class Declared:
    """A section of params, or the whole, that hands out what is declared; anything else is a `TalkingError`."""

    def __init__(self, value: Any, names: frozenset[str], where: str, reader: str) -> None:
        self._value, self._names, self._where, self._reader = value, names, where, reader

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self._where and name in ALWAYS:
            return getattr(self._value, name)
        own = getattr(type(self._value), name, None)
        if name in ROWS and isinstance(own, property):
            table, key = ROWS[name]
            return self._part(f"{table}.{getattr(self._value, key)}", getattr(self._value, name))
        if isinstance(own, property) and own.fget:
            return own.fget(self)
        return self._part(f"{self._where}.{name}" if self._where else name, getattr(self._value, name))

    def _part(self, path: str, value: Any) -> Any:
        above = [path[:at] for at, letter in enumerate(path) if letter == "."]
        if self._names & {path, *above}:
            return value
        if any(name.startswith(f"{path}.") for name in self._names) and not isinstance(value, Mapping):
            return Declared(value, self._names, path, self._reader)
        raise TalkingError(
            f"{self._reader} reads {path}, which it does not declare: add it to the params of that stage, "
            "so that a change of it runs the stage again."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._where or 'params'})"


def declared(values: Iterable[Any], script: str) -> tuple[Any, ...]:
    """Return the sections, each with what the stage that runs `script` declares; whole when no graph runs it.

    What a row's name is part of is written as DVC's templates are: `corpora.${corpus}`.
    """
    values, stages = tuple(values), stages_that_run(script)
    if not stages:
        return values
    names = frozenset(Template(name).safe_substitute(labels_of(values)) for stage in stages for name in stage.params)
    reader = " or ".join(f"stage {stage.name} of {stage.graph}" for stage in stages)
    return tuple(Declared(value, names, "", reader) for value in values)


def labels_of(values: Iterable[Any]) -> dict[str, str]:
    """Return the names that params choose, of all the params that a script reads."""
    return {key: text for value in values for key, text in getattr(value, "labels", {}).items()}
