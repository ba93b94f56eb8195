"""How a good file is spoilt: bytes and words changed, put in, taken out and repeated, most of all at its head."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

HEAD = 64  # bytes, in which most formats say what follows
KINDS = ("change", "insert", "word", "remove", "repeat", "cut")
ENDLESS = "9" * 5000
# What a value may be in a document that somebody else wrote.
VALUES = st.one_of(
    st.sampled_from([-8, 0, 1, 3, 2**31, 2**63, 2**64 - 1, 10**400, 0.5, -1e300, True, None, "", "x", "x$(touch y)"]),
    st.sampled_from([[], {}, [1], {"a": 1}, [[[1]]], "\x1b[2J", "9" * 80, "a" * 300, ".inf", "1e999", "weights/none"]),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)


@st.composite
def spoilt(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """Draw one of the good files, with one to four changes; `words` mean something in its format."""
    content = bytearray(draw(st.sampled_from(list(seeds))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.one_of(st.integers(0, HEAD), st.integers(0, max(len(content), 1))))
        _change(content, min(at, len(content)), draw(st.sampled_from(KINDS)), draw, words)
    return bytes(content)


def _change(content: bytearray, at: int, kind: str, draw: st.DrawFn, words: Sequence[bytes]) -> None:
    if kind == "cut":
        del content[at:]
    elif kind == "remove":
        del content[at : at + draw(st.integers(1, 32))]
    elif kind == "repeat":
        content[at:at] = content[at : at + draw(st.integers(1, 32))] * draw(st.integers(1, 8))
    elif kind == "word" and words:
        content[at:at] = draw(st.sampled_from(list(words)))
    else:
        new = draw(st.binary(min_size=1, max_size=8))
        content[at : at + (len(new) if kind == "change" else 0)] = new


def places(values: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in nested mappings and lists."""
    for key, value in values.items() if isinstance(values, Mapping) else enumerate(values):
        yield (*above, key)
        if isinstance(value, Mapping | list):
            yield from places(value, (*above, key))


@st.composite
def other_values(draw: st.DrawFn, document: Mapping[str, Any]) -> bytes:
    """Draw a document, as JSON, in which one to three values are others, or are gone, or stand under another key."""
    changed = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(list(places(changed)) or [("x",)]))
        section = changed
        for name in above:
            section = section[name]
        if not isinstance(section, dict) or draw(st.booleans()):
            section[key] = draw(VALUES)
        else:
            section[draw(st.text(max_size=6))] = section.pop(key, None)
    return json.dumps(changed).encode()
