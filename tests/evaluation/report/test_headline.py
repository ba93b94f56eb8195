"""The headline of an evaluation, against numbers worked out by hand."""

import pytest
from dvc.compare import show_metrics

from talking.evaluation.report.headline import headline
from talking.systems.mm22.methods import METHODS

UNSEEN = {
    "static": {"mouth_correlation": 0.0, "lmd": 2.0, "psnr": 26.0},
    "inversion_tuned": {"mouth_correlation": 0.9, "lmd": 0.5},
    "stage_two": {"mouth_correlation": 0.72, "lmd": 1.5, "closure_j": 0.25, "psnr": 24.123456, "identity": 0.8},
}
SEEN = {"stage_two": {"mouth_correlation": 0.812, "lmd": 1.1}}


def test_it_has_stage_two_beside_its_floor_and_its_ceiling() -> None:
    assert headline(UNSEEN, SEEN, METHODS) == {
        "mouth_correlation": 0.72,
        "of_ceiling": 0.8,
        "lmd": 1.5,
        "lmd_of_static": 0.75,
        "closure_j": 0.25,
        "identity": 0.8,
        "psnr": 24.123,
        "seen": 0.812,
    }


def test_what_was_not_measured_is_none_and_the_names_stay() -> None:
    bare = headline({"stage_two": {"lmd": 1.5, "psnr": None}}, {}, METHODS)
    assert bare.keys() == headline(UNSEEN, SEEN, METHODS).keys()
    assert {name: value for name, value in bare.items() if value is not None} == {"lmd": 1.5}
    assert set(headline({}, {}, METHODS).values()) == {None}


def test_dvc_prints_it_in_120_columns(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"workspace": {"data": {"metrics/headline.json": {"data": headline(UNSEEN, SEEN, METHODS)}}}}
    show_metrics(found, precision=5, round_digits=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "lmd_of_static" in lines[0] and "24.123" in lines[1]
    assert max(map(len, lines)) <= 120


def test_a_ceiling_of_nothing_gives_no_share() -> None:
    flat = {**UNSEEN, "inversion_tuned": {"mouth_correlation": 0.0}}
    assert headline(flat, SEEN, METHODS)["of_ceiling"] is None
