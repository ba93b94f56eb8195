"""The comparison table, against golden text."""

from talking.evaluation.report.metrics import METRICS
from talking.evaluation.report.table import markdown_table, text_table
from talking.systems.mm22.methods import METHODS

SUMMARY = {
    "stage_two": {"psnr": 30.456, "lmd": 1.2, "fid": None, "mouth_correlation": 0.8126, "frames": 300, "extra": 0.5},
    "mine": {"psnr": 20.0, "lmd": None, "fid": None, "mouth_correlation": -0.1, "frames": 300},
    "static": {"psnr": 25.0, "lmd": 1.6, "fid": None, "mouth_correlation": 0, "frames": 300},
}
REASONS = {"fid": "the Inception network's weights were not found"}

MARKDOWN = """\
| method | drawn by | PSNR ↑ | FID ↓ [1] | LMD ↓ | mouth correlation ↑ | frames | extra |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| static | none | 25.00 | – | 1.60 | 0.000 | 300 | – |
| stage_two | tuned G | 30.46 | – | 1.20 | 0.813 | 300 | 0.5000 |
| mine | – | 20.00 | – | – | -0.100 | 300 | – |

1. The Inception network's weights were not found.
"""

TEXT = """\
method               static  stage_two    mine
----------------------------------------------
drawn by               none    tuned G       –
PSNR ↑                25.00      30.46   20.00
FID ↓ [1]                 –          –       –
LMD ↓                  1.60       1.20       –
mouth correlation ↑   0.000      0.813  -0.100
frames                  300        300     300
extra                     –     0.5000       –
1. The Inception network's weights were not found.
"""


def test_the_markdown_table_is_the_golden_one() -> None:
    assert markdown_table(SUMMARY, REASONS, METHODS) == MARKDOWN


def test_the_text_table_is_the_golden_one() -> None:
    assert text_table(SUMMARY, REASONS, METHODS) == TEXT


def test_metrics_with_the_same_reason_share_a_footnote() -> None:
    values = {"static": {"closure_recall": None, "closure_precision": None}}
    table = markdown_table(values, {"closure_recall": "no phones", "closure_precision": "no phones"}, METHODS)
    assert table.count("[1]") == 2 and table.count("No phones.") == 1


def test_without_reasons_there_are_no_footnotes() -> None:
    table = markdown_table({"static": {"psnr": 25.0}}, {}, METHODS)
    assert table == "| method | drawn by | PSNR ↑ |\n| --- | ---: | ---: |\n| static | none | 25.00 |\n"


def test_the_projects_own_rows_with_every_metric_fit_a_terminal_of_120_columns() -> None:
    values = {metric.name: 12345.678 if not metric.digits else -30.456 for metric in METRICS}
    lines = text_table(dict.fromkeys(METHODS.names, values), {"fid": "a reason"}, METHODS).splitlines()
    assert lines[0].split() == ["method", *METHODS.names] and len(METHODS.names) == 7
    assert lines[2].split()[2:] == ["none", "tuned", "G", "tuned", "G", "G", "tuned", "G", "G", "tuned", "G"]
    assert max(map(len, lines)) <= 120
