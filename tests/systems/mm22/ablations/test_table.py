"""Tables of ablations: means and deviations by hand, missing runs named."""

import statistics

import pytest

from talking.systems.mm22.ablations.settings import Plan, Row, Table
from talking.systems.mm22.ablations.table import Result, missing, report, spread, summary_of

PLAN = Plan(
    (1, 2, 3),
    {"whole": Row("whole"), "cut": Row("without L_latent")},
    (Table("Table 3", ("cut.stage_one", "whole.stage_two")),),
)


def result(row: str, seed: int, psnr: float | None, lmd: float = 1.0) -> Result:
    numbers = {"psnr": psnr, "lmd": lmd, "clips": 6}
    return Result(row, seed, {"stage_one": numbers, "stage_two": {**numbers, "lmd": lmd / 2}}, f"{row}-{seed}")


def test_mean_and_deviation_of_a_sample() -> None:
    values = [30.0, 31.5, 33.0]
    assert spread(values) == pytest.approx((statistics.mean(values), statistics.stdev(values)))
    assert spread([None, 2.0]) == (2.0, None) and spread([None]) == (None, None)
    assert spread([float("nan"), 1, 3]) == pytest.approx((2.0, 2**0.5))


def test_rows_and_stages_are_kept_apart() -> None:
    results = [result("whole", 1, 30.0), result("whole", 2, 32.0), result("cut", 1, 20.0)]
    numbers = summary_of(results)
    assert numbers["whole.stage_two"]["psnr"] == 31.0 and numbers["whole.stage_two"]["psnr_std"] == 2**0.5
    assert numbers["whole.stage_two"]["lmd"] == 0.5 and numbers["whole.stage_one"]["lmd"] == 1.0
    assert numbers["cut.stage_one"]["psnr_std"] is None and numbers["cut.stage_one"]["seeds"] == 1


def test_the_report_has_mean_and_spread_and_says_what_is_missing() -> None:
    results = [result("whole", seed, psnr) for seed, psnr in ((1, 30.0), (2, 31.0), (3, 32.0))]
    results += [result("cut", 1, None, 2.25)]
    text = report(PLAN, results, ["A note."])
    lines = text.splitlines()
    whole, cut = (next(line for line in lines if line.startswith(f"| {title}")) for title in ("whole", "without"))
    assert (
        whole.startswith("| whole | stage_two | tuned G | 3 |")
        and "| 31.00 ± 1.00 |" in whole
        and "| 0.50 ± 0.00 |" in whole
    )
    assert cut.startswith("| without L_latent | stage_one | G | 1 | – |") and "| 2.25 |" in cut
    assert "**Missing, having failed or not been run:** cut with seed 2, cut with seed 3." in lines
    assert "A note." in lines and "## Table 3" in lines
    assert missing(PLAN, results + [result("cut", seed, 1.0) for seed in (2, 3)]) == []


def test_a_floor_stands_under_its_own_name() -> None:
    plan = Plan((1,), {"whole": Row("the default")}, (Table("Floors", ("whole.linear", "whole.stage_one")),))
    numbers = {"linear": {"psnr": 25.0}, "stage_one": {"psnr": 26.0}}
    lines = report(plan, [Result("whole", 1, numbers, "x")], []).splitlines()
    assert any(line.startswith("| linear | – | G | 1 | 25.00 |") for line in lines)
    assert any(line.startswith("| the default | stage_one | G | 1 | 26.00 |") for line in lines)


def test_a_row_without_any_run_is_dashes() -> None:
    text = report(PLAN, [result("whole", 1, 30.0)], [])
    assert "| without L_latent | stage_one | G | 0 | – |" in text
