"""Where a face rests and how strongly it moves: what stays, what is moved, and parts of a sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from talking.systems.mm22.delivery import AskedRest, Delivery, rest_of

IDENTITY = np.full((2, 3), 0.5, np.float32)
CODES = arrays(np.float32, (9, 2, 3), elements=st.floats(-3, 3, width=32))


@given(codes=CODES, expression=st.floats(0.5, 2))
def test_the_face_rests_where_it_is_told_and_its_movement_is_scaled(codes: np.ndarray, expression: float) -> None:
    for rest, base in (("picture", IDENTITY), ("learned", rest_of(codes))):
        moved = Delivery(rest, expression)(codes, IDENTITY)
        np.testing.assert_allclose(moved[:5].mean(axis=0), base, atol=1e-5)
        np.testing.assert_allclose(np.diff(moved, axis=0), expression * np.diff(codes, axis=0), atol=1e-4)


@given(codes=CODES)
def test_without_any_manner_the_codes_are_those_that_were_predicted(codes: np.ndarray) -> None:
    assert Delivery()(codes, IDENTITY) is codes


@given(codes=CODES, at=st.integers(5, 8))
def test_parts_of_a_sound_give_what_the_whole_gives(codes: np.ndarray, at: int) -> None:
    delivery, start = Delivery("picture", 1.3), rest_of(codes[:at])
    parts = np.concatenate([delivery(part, IDENTITY, start) for part in (codes[:at], codes[at:])])
    np.testing.assert_allclose(parts, delivery(codes, IDENTITY), atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "known", "rest"),
    [
        ("auto", True, "learned"),
        ("auto", False, "picture"),
        ("learned", False, "learned"),
        ("picture", True, "picture"),
    ],
)
def test_by_itself_only_people_of_the_training_set_rest_as_learned(asked: AskedRest, known: bool, rest: str) -> None:
    assert Delivery.of(asked, 1.0, known=known).rest == rest
