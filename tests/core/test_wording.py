"""Words of others in a sentence of ours: short, on the terminal's own terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.wording import printable, shown, shown_key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("one", "'one'"),
        ([1, 2.5, None], "[1, 2.5, None]"),
        ({"a": True}, "{'a': True}"),
        (float("nan"), "nan"),
        ("\x1b[2J", r"'\x1b[2J'"),
    ],
)
def test_a_value_is_shown_as_python_writes_it_while_it_is_small(value, text) -> None:
    assert shown(value) == text


def test_of_a_number_that_python_does_not_write_the_length_is_shown() -> None:
    assert shown(10**5000) == "a number of about 5000 digits"


def test_a_value_of_a_thousand_million_parts_is_shown_at_once() -> None:
    value: list = ["x"] * 10
    for _ in range(9):
        value = [value] * 10
    assert len(shown(value)) < 320 and len(shown({"a": value, "b" * 10**6: "c" * 10**6})) < 320


@given(st.text())
def test_what_is_printed_moves_no_cursor_and_can_be_encoded(text) -> None:
    done = printable(text)
    assert all(each.isprintable() or each == "\n" for each in done)
    done.encode()
    assert printable(done) == done


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"])))
def test_plain_text_stays_as_it_is(text) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("key", "text"), [("a", "a"), (3, "3"), ("", "''"), ("x y", "'x y'"), ("\n", r"'\n'"), (None, "None")]
)
def test_a_key_is_quoted_where_it_is_no_plain_word(key, text) -> None:
    assert shown_key(key) == text
