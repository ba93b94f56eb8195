"""Presets, named sets of changed params: read, merged, checked, and written into params.yaml or as options of DVC."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from statistics import multimode
from typing import Any

import yaml

from talking.core.documents import DEEPEST, UnreadableError, parse_yaml, read_yaml
from talking.core.errors import TalkingError
from talking.core.files import write_text
from talking.core.typed import read_section
from talking.core.wording import shown
from talking.orchestration.params import Params

Nested = dict[str, Any]

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS = {"null", "true", "false", "inf", "nan"}  # of Hydra's grammar, which would not stay text


def list_presets(folder: Path) -> dict[str, str]:
    """Return the presets of a folder by name, each with its first line of comment."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise TalkingError(f"{folder} holds no preset: run from the root of the repository.")
    return {file.stem: file.read_text().partition("\n")[0].lstrip("# ") for file in files}


def read_presets(folder: Path, names: Iterable[str], params: Path, settings: Iterable[str] = ()) -> dict[str, Any]:
    """Return what the presets set together, dotted key to value: later ones win, and `key=value` settings over all.

    Raises `TalkingError` for a name that is none, a key that params.yaml has not, and a value that it may not have.
    """
    known = list_presets(folder)
    shipped, changes = _mapping_of(params), list[Nested]()
    for name in names:
        if name not in known:
            raise TalkingError(f"there is no preset {name}; there are {', '.join(known)}.")
        path = folder / f"{name}.yaml"
        changes.append(_checked(_mapping_of(path), shipped, str(path)))
    changes += [_checked(_setting(setting), shipped, setting) for setting in settings]
    merged = reduce(_merged, changes, Nested())
    _check_types(_merged(shipped, merged), "the presets together")
    return dict(_flat(merged))


def as_options(changes: Mapping[str, Any]) -> str:
    """Return the changes as options of `dvc exp run`, for a shell to take apart at the spaces."""
    return " ".join(f"-S {key}={_as_override(value, key)}" for key, value in changes.items())


def write_presets(changes: Mapping[str, Any], params: Path) -> dict[str, tuple[Any, Any]]:
    """Set the keys in params.yaml, comments kept; return those whose value was another, with the old and the new one.

    Only the values' own text is replaced, and the comment behind it moved to where those beside it begin.
    """
    before, text = dict(_flat(_mapping_of(params))), params.read_text()
    after = _replaced(text, changes)
    if dict(_flat(parse_yaml(after))) != {**before, **changes}:
        raise TalkingError(f"{params} is laid out in a way that cannot be changed in place: change its values by hand.")
    if after != text:
        write_text(params, after)
    return {key: (before[key], value) for key, value in changes.items() if before[key] != value}


def describe(changed: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Return a line per changed key, for people."""
    return [f"{key}: {_as_yaml(old)} -> {_as_yaml(new)}" for key, (old, new) in changed.items()]


def _mapping_of(path: Path) -> Nested:
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise TalkingError(f"{path} must be a section of keys and values, not {shown(found)}.")
    return found


def _setting(text: str) -> Nested:
    key, equals, value = text.partition("=")
    if not equals or key.count(".") >= DEEPEST:
        raise TalkingError(f"{shown(text)} is no setting: write key=value, such as stage_one.steps=1000.")
    try:
        found = parse_yaml(value)
    except UnreadableError as error:
        raise TalkingError(f"{shown(text)} has no value that YAML can read ({error}).") from error
    return reduce(lambda inner, part: {part: inner}, reversed(key.split(".")), found)


def _checked(changes: Nested, shipped: Nested, where: str) -> Nested:
    """Return the changes, all of which are of keys that params.yaml has, and of values that these may have."""
    keys = dict(_flat(shipped))
    for key in dict(_flat(changes)):
        if key not in keys:
            raise TalkingError(f"{where}: {key} is not a key of params.yaml.")
    _check_types(_merged(shipped, changes), where)
    return changes


def _check_types(values: Nested, where: str) -> None:
    try:
        read_section(Params, values, "")
    except TalkingError as error:
        raise TalkingError(f"{where}: {error}") from error


def _merged(values: Nested, changes: Nested) -> Nested:
    inner = {
        key: value for key, value in changes.items() if isinstance(value, dict) and isinstance(values.get(key), dict)
    }
    return {**values, **changes, **{key: _merged(values[key], value) for key, value in inner.items()}}


def _flat(values: Nested, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _as_override(value: Any, key: str) -> str:
    """Return a value in the grammar of Hydra's overrides, which DVC reads, without a space."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(_as_override(each, key) for each in value)}]"
    text = str(value)
    if not isinstance(value, str) or (_PLAIN.fullmatch(text) and text.lower() not in _WORDS):
        return text
    if re.search(r"[\s'\\]", text):
        raise TalkingError(
            f"{key} is {shown(text)}, which no option can carry: write it into params.yaml with --write."
        )
    return f"'{text}'"


def _replaced(text: str, changes: Mapping[str, Any]) -> str:
    """Return the text of a YAML file with other values at some dotted keys."""
    root = yaml.compose(text)
    found = {key: _find(root, key.split(".")) for key in changes}
    for key, (section, node) in sorted(found.items(), key=lambda pair: -pair[1][1].start_mark.index):
        start, end = node.start_mark.index, node.end_mark.index
        line, stop = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        head = text[line:start] + ("" if text[start - 1] == " " else " ") + _as_yaml(changes[key])
        rest = text[end:stop].lstrip(" ")
        gap = max(_comment_column(text, section) - len(head), 2) if rest.startswith("#") else 0
        text = text[:line] + head + " " * gap + rest + text[stop:]
    return text


def _find(node: Any, path: list[str]) -> tuple[yaml.MappingNode, yaml.Node]:
    """Return the node of a value, and the section that it is in."""
    section = node
    for part in path:
        section = node
        node = next(value for key, value in section.value if str(key.value) == part)
    return section, node


def _comment_column(text: str, section: yaml.MappingNode) -> int:
    """Return the column at which most comments of a section's values begin; 0 where there is none."""
    columns = []
    for _, node in section.value:
        end = node.end_mark.index
        rest = text[end : text.find("\n", end)]
        if isinstance(node, yaml.ScalarNode) and rest.lstrip(" ").startswith("#"):
            columns.append(end - text.rfind("\n", 0, end) - 1 + rest.index("#"))
    return min(multimode(columns), default=0)


def _as_yaml(value: Any) -> str:
    return yaml.safe_dump([value], default_flow_style=True, width=10**6).strip()[1:-1]
