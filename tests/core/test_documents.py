"""Documents of anybody: what is plain is read as PyYAML and json read it, what would grow or deceive is refused."""

import json
import time
import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from talking.core.documents import DEEPEST, UnreadableError, parse_json, parse_yaml, read_yaml
from talking.core.errors import TalkingError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{this}: &{this} [{', '.join([f'*{before}'] * 10)}]\n" for before, this in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{this}: &{this} {{<<: [{', '.join([f'*{before}'] * 10)}], k{this}: 1}}\n"
    for before, this in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE_YAML = {
    "aliases of aliases": (LAUGHS, "grows into more than 100000 values"),
    "merges of merges": (MERGES, "grows into more than 100000 values"),
    "an anchor in itself": ("a: &a [*a]", r"\*a stands for what is not there before it"),
    "an older anchor of that name": ("x: &a 1\na: &a [*a]", r"\*a stands for what is not there before it"),
    "5,000 digits": ("seed: " + "9" * 5000, "cannot be read as int .*5000 characters"),
    "base 60 without end": ("seed: " + ":".join(["1"] * 5000), "cannot be read as int .*9999 characters"),
    "more than 64 bits": ("seed: 18446744073709551616", "does not fit into 64 bits"),
    "a long fraction": (f"seed: 0.{'0' * 5000}1", "cannot be read as float"),
    "deep lists": ("[" * 100_000, "deeper than 32"),
    "deep sections": ("{a: " * 100_000, "deeper than 32"),
    "a key twice": ("seed: 1\ncorpus: demo\nseed: 2", "the key seed stands twice at line 3"),
    "a key twice below": ("a: {b: {c: 1, c: 1}}", "the key c stands twice"),
    "one number twice": ("1: a\n0x1: b", "the key 1 stands twice"),
    "no date": ("seed: 2026-99-99", r"'2026-99-99' cannot be read as timestamp \(month must be in 1..12\)"),
    "no number by its tag": ("seed: !!int ''", "'' cannot be read as int"),
    "an object": ("seed: !!python/object:os.system x", "could not determine a constructor"),
    "an escape": ("seed: \x1b[2J", "unacceptable character"),
    "half a pair": ("seed: \ud800", "can't encode"),
    "two documents": ("--- a\n--- b", "expected a single document"),
    "much": ("#" * 2_000_000, "it has 2000000 characters"),
}
HOSTILE_JSON = {
    "5,000 digits": ('{"a": ' + "9" * 5000 + "}", "a number has 5000 digits"),
    "more than 64 bits": ('{"a": 18446744073709551616}', "does not fit into 64 bits"),
    "NaN": ('{"a": NaN}', "NaN is no finite number"),
    "infinity in words": ('{"a": -Infinity}', "-Infinity is no finite number"),
    "infinity in digits": ('{"a": 1e999}', "1e999 is no finite number"),
    "deep": ("[" * 100_000, "recursion|deeper"),
    "not so deep": ("[" * 100 + "]" * 100, "deeper than 32"),
    "a key twice": ('{"a": 1, "a": 2}', "the key a stands twice"),
    "a key to obey": ('{"\\u001b[2J": 1, "\\u001b[2J": 2}', r"the key '\\x1b\[2J' stands twice"),
    "cut short": ('{"a": ', "Expecting value"),
    "nothing": ("", "Expecting value"),
}


@pytest.mark.parametrize(("text", "said"), HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_hostile_yaml_is_refused_in_a_line_at_once_and_in_little_memory(text, said) -> None:
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(UnreadableError, match=said) as refusal:
        parse_yaml(text)
    spent, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(refusal.value)) < 700 and str(refusal.value).isprintable()
    assert spent < 5 and peak < 30e6


@pytest.mark.parametrize(("text", "said"), HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_hostile_json_is_refused_in_a_line(text, said) -> None:
    with pytest.raises(UnreadableError, match=said) as refusal:
        parse_json(text)
    assert len(str(refusal.value)) < 700 and str(refusal.value).isprintable()


def test_anchors_and_merges_in_bounds_are_read() -> None:
    text = "x: &x {a: 1, b: [1, 2]}\ny: {<<: *x, a: 2}\nz: {<<: *x, c: *x}\n"
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml(text)["y"] == {"a": 2, "b": [1, 2]}


def test_sections_may_be_as_deep_as_the_bound() -> None:
    assert parse_yaml("[" * DEEPEST + "]" * DEEPEST) == parse_json("[" * DEEPEST + "]" * DEEPEST)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_is_plain_is_read_as_it_was_written(value) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_yaml(yaml.safe_dump(value)) == value


def test_a_file_is_named(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text(LAUGHS)
    with pytest.raises(TalkingError, match=r"a.yaml is not valid YAML: it grows into more than 100000 values"):
        read_yaml(tmp_path / "a.yaml")
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TalkingError, match=r"big.yaml is not valid YAML: it has 1099511627776 bytes"):
        read_yaml(tmp_path / "big.yaml")
