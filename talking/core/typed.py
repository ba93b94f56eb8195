"""Typed sections from plain mappings: unknown keys, wrong types and impossible values are errors that name the key."""

import math
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import Field, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from talking.core.documents import read_yaml
from talking.core.errors import TalkingError
from talking.core.wording import shown, shown_key

# Stands for no file: DVC cannot depend on null, so a key whose file is a stage's dependency names this one instead.
NO_FILE = "weights/none"
# What a name may be that becomes part of paths, of the names of runs, and of keys of params.
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
# Metadata of a field that is a name, or a table whose keys are names.
NAMED = {"named": True}
# Metadata of a seed: random generators take it even multiplied, as it is to give every step a seed of its own.
SEED = {"low": 0, "high": 2**32 - 1}
Section = TypeVar("Section")


def number(low: float | None = None, high: float | None = None, *, above: float | None = None, **keywords: Any) -> Any:
    """Declare a dataclass field whose value must satisfy `low <= value <= high` and `value > above`."""
    return field(metadata={"low": low, "high": high, "above": above}, **keywords)


def unused(
    default: Any = None, *, low: float | None = None, high: float | None = None, above: float | None = None
) -> Any:
    """Declare a field that a row of a table leaves out where it does not use it, which then is `default`."""
    return field(metadata={"low": low, "high": high, "above": above, "optional": True}, default=default)


def read_section(cls: type[Section], values: Any, where: str) -> Section:
    """Build the frozen dataclass `cls` from the mapping `values`; `where` is the dotted key that errors name.

    Raises `TalkingError` for a key that `cls` does not know, a missing one, a value of another type or out of range. A
    default of `cls` is for callers in code: what a file leaves out is missing, unless the field is `unused`.
    """
    if not isinstance(values, Mapping):
        raise TalkingError(f"{where or 'params.yaml'} must be a section of keys and values, not {shown(values)}.")
    known = {entry.name: entry for entry in fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise TalkingError(f"{_join(where, key)} is not a known key; known here: {', '.join(known)}.")
    hints = get_type_hints(cls)
    arguments = {}
    for name, entry in known.items():
        if name in values:
            arguments[name] = _convert(values[name], hints[name], _join(where, name))
            _check_range(arguments[name], entry, _join(where, name))
        elif not entry.metadata.get("optional"):
            raise TalkingError(f"{_join(where, name)} is missing: add it, as in the params.yaml of the repository.")
    return cls(**arguments)


def _join(where: str, key: Any) -> str:
    return f"{where}.{shown_key(key)}" if where else shown_key(key)


def _convert(value: Any, hint: Any, where: str) -> Any:
    origin = get_origin(hint)
    if is_dataclass(hint):
        return read_section(hint, value, where)  # type: ignore[arg-type]
    if origin is Literal:
        return _one_of(value, get_args(hint), where)
    if origin in (Union, types.UnionType):
        return _one_kind(value, get_args(hint), where)
    if origin is tuple:
        return _sequence(value, get_args(hint), where)
    if origin is dict:
        return _mapping(value, get_args(hint)[1], where)
    return _scalar(value, hint, where)


def _one_kind(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    """Convert to one of several kinds: None, the words of a `Literal`, one of several sections, or one other kind."""
    if type(None) in kinds and (value is None or value == NO_FILE):
        return None
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    if isinstance(value, str) and value in words:
        return value
    others = [kind for kind in kinds if kind is not type(None) and get_origin(kind) is not Literal]
    return _by_source(value, others, where) if len(others) > 1 else _or_word(value, others[0], words, where)


def _by_source(value: Any, kinds: list[Any], where: str) -> Any:
    """Convert to the one of several sections that has the value's `source` among its choices."""
    choices = {name: kind for kind in kinds for name in get_args(get_type_hints(kind)["source"])}
    if not isinstance(value, Mapping) or "source" not in value:
        return read_section(kinds[0], value, where)
    return read_section(choices[_one_of(value["source"], tuple(choices), _join(where, "source"))], value, where)


def _or_word(value: Any, kind: Any, words: list[Any], where: str) -> Any:
    """Convert to the kind; the error names the words that would do as well."""
    try:
        return _convert(value, kind, where)
    except TalkingError as error:
        if not words:
            raise
        named = {int: "a whole number", float: "a number"}.get(kind, f"of type {kind}")
        raise TalkingError(f"{where} is {shown(value)}; it must be {named} or {' or '.join(words)}.") from error


def _one_of(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    if value not in choices:
        raise TalkingError(f"{where} is {shown(value)}; it must be one of {', '.join(map(str, choices))}.")
    return value


def _sequence(value: Any, hints: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TalkingError(f"{where} is {shown(value)}; it must be a list.")
    if Ellipsis not in hints and len(value) != len(hints):
        raise TalkingError(f"{where} is {shown(value)}; it must be a list of {len(hints)}.")
    return tuple(_convert(entry, hints[0], f"{where}[{index}]") for index, entry in enumerate(value))


def _mapping(value: Any, hint: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TalkingError(f"{where} is {shown(value)}; it must be a section of keys and values.")
    if len({str(key) for key in value}) < len(value):
        raise TalkingError(f"{where} has a key twice, as a number and as text: take one of them away.")
    return {str(key): _convert(entry, hint, _join(where, key)) for key, entry in value.items()}


def _scalar(value: Any, hint: type, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return _as_float(value, where)
    if hint is float and isinstance(value, str):
        value = _number_in_words(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise TalkingError(f"{where} is {shown(value)}; it must be of type {hint.__name__}.")
    return value


def _as_float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise TalkingError(f"{where} is {shown(value)}; it must be a finite number.") from error


def _number_in_words(value: str) -> float | str:
    """YAML 1.1 reads `2e-4` as text; people write it all the same."""
    try:
        return float(value)
    except ValueError:
        return value


def _check_range(value: Any, entry: Field[Any], where: str) -> None:
    if entry.metadata.get("named"):
        for name in value if isinstance(value, dict) else [value]:
            check_name(name, where)
        return
    if isinstance(value, tuple):
        for index, each in enumerate(value):
            _check_range(each, entry, f"{where}[{index}]")
        return
    low, high, above = (entry.metadata.get(name) for name in ("low", "high", "above"))
    if value is None or not isinstance(value, int | float):
        return
    if (
        (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
    ):
        bounds = [f"at least {low}" if low is not None else "", f"above {above}" if above is not None else ""]
        bounds.append(f"at most {high}" if high is not None else "")
        raise TalkingError(f"{where} is {shown(value)}; it must be {' and '.join(bound for bound in bounds if bound)}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise TalkingError(f"{where} is {shown(value)}; it must be a finite number.")


def check_name(name: str, where: str) -> None:
    """Raise `TalkingError`, naming the key `where`, unless a name has letters, digits, hyphens and underscores alone.

    Names become parts of paths and of command lines: none may leave its folder or be read as a command.
    """
    if not NAME.fullmatch(name):
        raise TalkingError(
            f"{where} has the name {shown(name)}; a name has letters, digits, hyphens and underscores alone."
        )


def read_file(kind: type[Section], path: Path) -> Section:
    """Read a YAML file as the section `kind`. Raises `TalkingError`, naming the file or the key."""
    return read_section(kind, read_yaml(path), "")
