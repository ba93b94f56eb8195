"""YAML and JSON that anybody may have written: read whole or refused at once, whatever their text would grow into.

What a document may hold: no key twice, no number beyond 64 bits, no deeper than `DEEPEST`, and of YAML's anchors no
more than `MOST_NODES` values once each is put in its places. PyYAML itself has no such bound:
https://github.com/yaml/pyyaml/issues/235.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from talking.core.errors import TalkingError
from talking.core.wording import printable, shown, shown_key

MOST_CHARACTERS = 16_000_000
MOST_YAML_CHARACTERS = 1_000_000
MOST_NODES = 100_000
DEEPEST = 32
LONGEST_NUMBER = 64  # characters
INTEGERS = range(-(2**63), 2**64)
# The same documents in a tenth of the time, where PyYAML was built with libyaml.
_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT, _FLOAT, _MERGE = (f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "merge"))


class UnreadableError(ValueError):
    """A document that is not taken; its text says why, for the middle of a sentence."""


class _Loader(_FASTEST):  # type: ignore[misc]
    """PyYAML's safe loader, which also refuses keys that stand twice and says where a value is that it cannot read."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._flattened: set[int] = set()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return a node's value; dates of no calendar and the like are told with their line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            kind = node.tag.rpartition(":")[2]
            said = f"{shown(node.value)} cannot be read as {kind} ({printable(str(error), 100)})"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from error

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse keys that stand twice, before those of other sections are merged into this one by `<<`."""
        if id(node) not in self._flattened:
            self._flattened.add(id(node))
            self._check_keys(node)
        super().flatten_mapping(node)

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict | set):
                return  # which is an error of its own, that the loader tells
            if key in seen:
                said = f"the key {shown_key(key)} stands twice"
                raise yaml.constructor.ConstructorError(None, None, said, key_node.start_mark)
            seen.add(key)


def _short_number(loader: Any, node: yaml.ScalarNode) -> Any:
    if len(node.value) > LONGEST_NUMBER:
        raise UnreadableError(f"it has {len(node.value)} characters")
    value = loader.construct_yaml_int(node) if node.tag == _INT else loader.construct_yaml_float(node)
    return _within(value) if node.tag == _INT else value


_Loader.add_constructor(_INT, _short_number)
_Loader.add_constructor(_FLOAT, _short_number)


def parse_yaml(text: str) -> Any:
    """Return the value of one YAML document. Raises `UnreadableError`, whose text is one line."""
    if len(text) > MOST_YAML_CHARACTERS:
        raise UnreadableError(f"it has {len(text)} characters, more than {MOST_YAML_CHARACTERS}")
    try:
        _check_growth(yaml.parse(text, Loader=_FASTEST))
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        said = " ".join(str(error).split()).replace('in "<unicode string>", ', "at ")
        raise UnreadableError(printable(said, 500)) from error


def _check_growth(events: Iterable[Any]) -> None:
    """Count what a document becomes once each alias has its anchor's value, by its events alone."""
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = [(None, 0)]
    for event in events:
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(opened) > DEEPEST:
                raise UnreadableError(f"{_place(event)} lies deeper than {DEEPEST} sections")
            sizes.pop(str(anchor), None)
            opened.append((anchor, 1))
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = opened.pop()
        elif isinstance(event, yaml.AliasEvent):
            if anchor not in sizes:
                raise UnreadableError(f"*{printable(str(anchor), 40)} stands for what is not there before it")
            anchor, size = None, sizes[str(anchor)]
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
        else:
            continue
        if anchor is not None:
            sizes[str(anchor)] = size
        name, before = opened[-1]
        if before + size > MOST_NODES:
            raise UnreadableError(f"it grows into more than {MOST_NODES} values, anchors (&, *) in their places")
        opened[-1] = name, before + size


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


def parse_json(text: str | bytes) -> Any:
    """Return the value of one JSON document, NaN and infinities refused. Raises `UnreadableError` of one line."""
    if len(text) > MOST_CHARACTERS:
        raise UnreadableError(f"it has {len(text)} characters, more than {MOST_CHARACTERS}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError(printable(" ".join(str(error).split()), 500)) from error
    _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UnreadableError(f"the key {shown_key(key)} stands twice")
        found[key] = value
    return found


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise UnreadableError(f"a number has {len(text)} digits")
    return _within(int(text))


def _within(value: int) -> int:
    if value not in INTEGERS:
        raise UnreadableError(f"{shown(value)} does not fit into 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UnreadableError(f"{printable(text, 40)} is no finite number")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise UnreadableError(f"it lies deeper than {DEEPEST} lists and objects")


def read_yaml(path: Path) -> Any:
    """Return the value of a YAML file. Raises `TalkingError`, which names the file, when it is missing or refused."""
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run from the root of the repository.")
    try:
        return parse_yaml(text_of(path, MOST_YAML_CHARACTERS))
    except (UnreadableError, UnicodeDecodeError) as error:
        raise TalkingError(f"{path} is not valid YAML: {error}.") from error


def text_of(path: Path, most: int = MOST_CHARACTERS) -> str:
    """Return the text of a file. Raises `UnreadableError` for one of more than `most` bytes before it is read."""
    if (size := path.stat().st_size) > most:
        raise UnreadableError(f"it has {size} bytes, more than {most}")
    return path.read_text(encoding="utf-8")
