"""Tables of intervals and of differences, against golden text."""

import pytest

from talking.evaluation.report.intervals import difference_tables, difference_text, interval_tables, verdict
from talking.evaluation.report.metrics import METRICS
from talking.evaluation.report.table import markdown_table
from talking.systems.mm22.methods import METHODS

BY_NAME = {metric.name: metric for metric in METRICS}
SUMMARY = {
    "static": {"psnr": 30.4, "psnr_low": 30.1, "psnr_high": 30.75, "fid": None, "fid_low": None, "fid_high": None},
    "stage_two": {"psnr": 26.66, "psnr_low": None, "psnr_high": None, "frames": 10},
}
DIFFERENCES = {
    "static": {"lmd": 0.7, "lmd_low": 0.654, "lmd_high": 0.75, "psnr": 3.7, "psnr_low": 3.5, "psnr_high": 3.9},
    "linear": {"lmd": 0.01, "lmd_low": -0.02, "lmd_high": 0.04, "psnr": None, "psnr_low": None, "psnr_high": None},
}

INTERVALS = """\
method          static  stage_two
---------------------------------
PSNR ↑  [30.10, 30.75]          –
"""

DIFFERENCE_MARKDOWN = """\
| method | PSNR ↑ | LMD ↓ |
| --- | ---: | ---: |
| static | +3.70 [3.50, 3.90] better | +0.70 [0.65, 0.75] worse |
| linear | – | +0.01 [-0.02, 0.04] |
"""


def test_intervals_are_a_table_of_their_own() -> None:
    assert interval_tables(SUMMARY, METHODS)[1] == INTERVALS


def test_bounds_are_no_columns_of_the_table_of_values() -> None:
    assert markdown_table(SUMMARY, {}, METHODS).splitlines()[0] == "| method | drawn by | PSNR ↑ | FID ↓ | frames |"


def test_differences_say_which_row_is_worse_where_the_interval_does() -> None:
    assert difference_tables(DIFFERENCES, METHODS)[0] == DIFFERENCE_MARKDOWN


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [
        ("psnr", 0.1, 0.2, "better"),
        ("psnr", -0.2, -0.1, "worse"),
        ("lmd", 0.1, 0.2, "worse"),
        ("lmd", -0.2, -0.1, "better"),
        ("lmd", -0.1, 0.2, ""),
        ("lmd", 0.0, 0.2, ""),
        ("opening_slope", 0.1, 0.2, ""),
        ("lmd", None, None, ""),
    ],
)
def test_a_verdict_needs_a_direction_and_an_interval_without_zero(name, low, high, expected) -> None:
    assert verdict(BY_NAME[name], low, high) == expected


def test_a_difference_without_an_interval_is_the_number_alone() -> None:
    assert difference_text(0.25, None, None, BY_NAME["lmd"]) == "+0.25"


def test_many_rows_stand_below_each_other_on_a_terminal() -> None:
    rows = {f"row{n}": SUMMARY["static"] for n in range(8)}
    text = interval_tables(rows, METHODS)[1]
    assert max(len(line) for line in text.splitlines()) <= 120
    assert text.count("PSNR") == 2 and text.count("[30.10, 30.75]") == 8


def test_without_any_interval_there_is_no_table() -> None:
    assert interval_tables({"static": {"psnr": 3.0}}, METHODS) == ("", "")
