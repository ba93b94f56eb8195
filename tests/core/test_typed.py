"""Sections from plain mappings: what fits is taken over, what does not is refused by its dotted key."""

from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.core.typed import NO_FILE, number, read_section, unused


@dataclass(frozen=True)
class Inner:
    """A section within a section."""

    share: float = number(0, 1)
    names: tuple[str, ...] = unused(())
    mode: Literal["fast", "exact"] = unused("fast")


@dataclass(frozen=True)
class Outer:
    """A section with every kind of field."""

    count: int = number(1)
    rate: float = number(above=0)
    title: str | None
    inner: Inner
    loud: bool = unused(False)
    limit: int | None = unused(low=1, high=10)
    table: dict[str, int] = field(default_factory=dict, metadata={"optional": True})
    rows: dict[str, Inner] = field(default_factory=dict, metadata={"optional": True})
    pair: tuple[float, float] = number(0, 1, default=(0.0, 0.0))


def values(**changes: object) -> dict[str, object]:
    return {"count": 3, "rate": 0.5, "title": None, "inner": {"share": 0.25}, "pair": [0, 1], **changes}


def test_values_arrive_with_their_types_and_defaults() -> None:
    outer = read_section(Outer, values(inner={"share": 1, "names": ["a", "b"]}, rows={"x": {"share": 0}}, limit=7), "")
    assert outer == Outer(3, 0.5, None, Inner(1.0, ("a", "b")), False, 7, {}, {"x": Inner(0.0)}, (0.0, 1.0))
    assert type(outer.inner.share) is float


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cuont": 3}, "top.cuont is not a known key; known here: count, rate"),
        ({"inner": {"share": 0, "nmaes": []}}, "top.inner.nmaes is not a known key"),
        ({"rows": {"x": {"share": 0, "y": 1}}}, "top.rows.x.y is not a known key"),
        ({3: 4}, "top.3 is not a known key"),
        ({"inner": {}}, "top.inner.share is missing"),
        ({"rows": {"x": {}}}, "top.rows.x.share is missing"),
        ({"inner": 5}, "top.inner must be a section of keys and values, not 5"),
        ({"inner": None}, "top.inner must be a section"),
        ({"rows": [1]}, "top.rows is [1]; it must be a section"),
        ({"rows": {"x": 1}}, "top.rows.x must be a section"),
        ({"count": 3.0}, "top.count is 3.0; it must be of type int"),
        ({"count": "3"}, "top.count is '3'; it must be of type int"),
        ({"count": True}, "top.count is True; it must be of type int"),
        ({"count": None}, "top.count is None; it must be of type int"),
        ({"rate": "fast"}, "top.rate is 'fast'; it must be of type float"),
        ({"rate": False}, "top.rate is False; it must be of type float"),
        ({"rate": [1.0]}, "top.rate is [1.0]; it must be of type float"),
        ({"loud": 1}, "top.loud is 1; it must be of type bool"),
        ({"title": 3}, "top.title is 3; it must be of type str"),
        ({"limit": "3"}, "top.limit is '3'; it must be of type int"),
        ({"table": {"s1": "x"}}, "top.table.s1 is 'x'; it must be of type int"),
        ({"inner": {"share": 0, "names": "abc"}}, "top.inner.names is 'abc'; it must be a list"),
        ({"inner": {"share": 0, "names": ["a", 2]}}, "top.inner.names[1] is 2; it must be of type str"),
        ({"inner": {"share": 0, "mode": "slow"}}, "top.inner.mode is 'slow'; it must be one of fast, exact"),
        ({"count": 0}, "top.count is 0; it must be at least 1"),
        ({"rate": 0}, "top.rate is 0.0; it must be above 0"),
        ({"rate": -2.5}, "top.rate is -2.5; it must be above 0"),
        ({"inner": {"share": 1.5}}, "top.inner.share is 1.5; it must be at least 0 and at most 1"),
        ({"inner": {"share": -0.1}}, "top.inner.share is -0.1; it must be at least 0"),
        ({"limit": 11}, "top.limit is 11; it must be at least 1 and at most 10"),
        ({"rate": float("nan")}, "top.rate is nan; it must be a finite number"),
        ({"rate": "nan"}, "top.rate is nan; it must be a finite number"),
        ({"inner": {"share": float("nan")}}, "top.inner.share is nan"),
        ({"rate": float("inf")}, "top.rate is inf; it must be a finite number"),
        ({"pair": [0]}, "top.pair is [0]; it must be a list of 2"),
        ({"pair": [0, 1, 1]}, "top.pair is [0, 1, 1]; it must be a list of 2"),
        ({"pair": [0, 2]}, "top.pair[1] is 2.0; it must be at least 0 and at most 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_dotted_key(changes, message) -> None:
    with pytest.raises(TalkingError) as refusal:
        read_section(Outer, values() | changes, "top")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("missing", ["count", "rate", "title", "inner", "pair"])
def test_a_missing_key_is_named_at_the_top_without_a_dot(missing) -> None:
    given_values = values()
    del given_values[missing]
    with pytest.raises(TalkingError, match=f"^{missing} is missing"):
        read_section(Outer, given_values, "")


@dataclass(frozen=True)
class Bought:
    """A row of one source."""

    source: Literal["shop", "market"]
    price: int = number(1)


@dataclass(frozen=True)
class Grown:
    """A row of another source, with keys of its own."""

    source: Literal["garden"]
    days: int = number(1)


@dataclass(frozen=True)
class Kitchen:
    """A table of both."""

    rows: dict[str, Bought | Grown]


def test_a_rows_source_says_which_keys_it_has() -> None:
    rows = {"a": {"source": "market", "price": 2}, "b": {"source": "garden", "days": 9}}
    assert read_section(Kitchen, {"rows": rows}, "").rows == {"a": Bought("market", 2), "b": Grown("garden", 9)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"source": "garden", "price": 2}, "rows.a.price is not a known key; known here: source, days"),
        ({"source": "garden"}, "rows.a.days is missing"),
        ({"source": "sea", "price": 2}, "rows.a.source is 'sea'; it must be one of shop, market, garden"),
        ({"price": 2}, "rows.a.source is missing"),
        ({"source": []}, "rows.a.source is []"),
        (3, "rows.a must be a section"),
    ],
)
def test_a_row_with_keys_of_another_source_is_refused(row, message) -> None:
    with pytest.raises(TalkingError) as refusal:
        read_section(Kitchen, {"rows": {"a": row}}, "")
    assert str(refusal.value).startswith(message)


def test_the_file_that_stands_for_none_is_none() -> None:
    assert read_section(Outer, values(title=NO_FILE), "").title is None


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_a_number_in_words_is_the_number(value) -> None:
    """YAML 1.1 reads `2e-4` as text."""
    assert read_section(Outer, values(rate=repr(value)), "").rate == value


@given(st.integers(-(10**6), 10**6))
def test_bounds_hold_at_every_value(value) -> None:
    if 1 <= value <= 10:
        assert read_section(Outer, values(limit=value), "").limit == value
    else:
        with pytest.raises(TalkingError, match=r"^limit is"):
            read_section(Outer, values(limit=value), "")


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["count", "rate", "title", "inner", "loud", "limit", "table", "rows", "x"]), plain)
)
def test_whatever_is_given_ends_in_a_section_or_in_a_sentence(changes) -> None:
    try:
        outer = read_section(Outer, values(**changes), "top")
    except TalkingError as error:
        assert str(error).startswith("top.")
    else:
        assert outer.count >= 1 and outer.rate > 0 and isinstance(outer.inner, Inner) and 0 <= outer.inner.share <= 1
