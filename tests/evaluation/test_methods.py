"""The table of methods: order, ceilings, colours, what is pictured, and the record beside a method's videos."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.evaluation.methods import Method, MethodTable, read_method

TABLE = MethodTable(
    (
        Method("still", "a picture", "floor", "none", pictured=False),
        Method("top", "true codes", "ceiling", "G"),
        Method("early", "one system", "model", "G", "top"),
        Method("late", "another system", "model", "G", "top", colour="#123456", traced=True),
        Method("moving", "a third", "model", "its own", view="whole_clip"),
    ),
    reference="late",
)


@given(st.permutations(["still", "top", "early", "late", "moving", "mine", "yours"]))
def test_names_stand_in_the_order_of_the_table_and_unknown_ones_behind_as_they_came(names: list[str]) -> None:
    unknown = [name for name in names if name in ("mine", "yours")]
    assert TABLE.ordered(names) == [*TABLE.names, *unknown]


def test_a_method_keeps_its_colour_whatever_stands_beside_it_and_no_two_share_one() -> None:
    names = [*TABLE.names, "mine"]
    colours = dict(zip(names, TABLE.colours(names), strict=True))
    assert colours["late"] == "#123456" and len(set(colours.values())) == len(names)
    for name in TABLE.names:
        assert TABLE.colours([name]) == [colours[name]]


def test_pictures_show_each_model_with_its_ceiling_beside_it_the_reference_first() -> None:
    assert TABLE.pictured() == ("late", "top", "early", "moving")
    assert TABLE.traced() == ("late",) and TABLE.frozen == "still"


def test_a_method_is_found_by_the_view_that_it_is_measured_in() -> None:
    assert TABLE.views == ("aligned", "whole_clip")
    assert TABLE.of_view("whole_clip") == ("moving",)
    assert MethodTable(TABLE.methods[:2]).views == ("aligned",)


def test_of_a_method_that_is_not_in_the_table_no_more_is_known_than_its_name() -> None:
    assert TABLE["mine"] == Method("mine", "mine") and TABLE["late"].ceiling == "top"


def test_plain_values_make_the_same_table() -> None:
    assert MethodTable.of(TABLE.as_plain()) == TABLE


def test_two_methods_of_one_name_are_refused() -> None:
    assert TABLE.joined([Method("mine", "mine")]).names[-1] == "mine"
    with pytest.raises(TalkingError, match="method late bears the name of one that the table has"):
        TABLE.joined([Method("late", "again")])


def test_the_record_beside_the_videos_says_what_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "a2h"
    folder.mkdir()
    assert read_method(folder) == Method("a2h", "a2h")
    (folder / "method.yaml").write_text("title: Audio2Head\nkind: model\nview: whole_clip\n")
    assert read_method(folder) == Method("a2h", "Audio2Head", "model", view="whole_clip")
    (folder / "method.yaml").write_text("title: Audio2Head\nkind: best\nview: whole_clip\n")
    with pytest.raises(TalkingError, match="kind is 'best'; it must be one of floor, ceiling, model"):
        read_method(folder)
