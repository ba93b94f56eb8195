"""Intervals of a table's metrics, and paired differences between rows, on scores that are made by hand."""

import json

import numpy as np
import pytest
from scipy.stats import bootstrap

from talking.evaluation.evaluate import ClipScores, summarise
from talking.evaluation.intervals import METRICS, differences, intervals, with_intervals
from talking.metrics.closure import Closure

HARD = np.random.default_rng(3).normal(0, 5, 24)


def score(number: int, row: str, psnr: float = 20.0, speaker: str = "s1", **changes: object) -> ClipScores:
    plain = ClipScores(f"{speaker}_{number}", speaker, row, 75, 0, psnr, 0.9, 1.0, 0.01, 0.8, 0.9)
    return ClipScores(**(plain.__dict__ | changes))


def table(**rows: np.ndarray) -> list[ClipScores]:
    """Clips of one speaker, with a PSNR per row."""
    return [score(n, row, float(value)) for row, values in rows.items() for n, value in enumerate(values)]


def test_the_interval_of_a_mean_is_scipys() -> None:
    values = 25 + HARD
    expected = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=0).confidence_interval
    bounds = intervals(table(stage_two=values), seed=0, draws=20000)["stage_two"]
    assert (bounds["psnr_low"], bounds["psnr_high"]) == pytest.approx((expected.low, expected.high), abs=0.1)


def test_the_value_of_the_table_lies_in_its_interval_and_every_metric_has_one() -> None:
    scores = [
        score(n, "stage_two", 20 + n, f"s{n % 3}", lpips=n / 10, identity=0.5, lse_d=9.0 - n, lse_c=n, closure=lips)
        for n in range(6)
        for lips in [Closure(n, 6, n, n + 1, n, 6, 9 - n, 10)]
    ]
    values, bounds = summarise(scores)["stage_two"], intervals(scores, seed=1)["stage_two"]
    for name in METRICS:
        assert bounds[f"{name}_low"] <= values[name] + 1e-12 and values[name] <= bounds[f"{name}_high"] + 1e-12
    assert (bounds["fid_low"], bounds["fid_high"]) == (None, None)


def test_closures_are_added_over_the_drawn_clips_before_they_are_divided() -> None:
    """Clips of 1 in 1 and of 0 in 9: drawn alike they give 1 in 10, and 1 or 0 when one is drawn twice."""
    scores = [score(0, "a", closure=Closure(1, 1, 1, 1)), score(1, "a", closure=Closure(0, 9, 0, 3))]
    bounds = intervals(scores, seed=0)["a"]
    assert (bounds["closure_recall_low"], bounds["closure_recall_high"]) == (0.0, 1.0)
    many = [score(n, "a", closure=Closure(n % 2, 1 + 8 * (n % 2 == 0), 0, 1)) for n in range(200)]
    wide = intervals(many, seed=0)["a"]
    assert 0.07 < wide["closure_recall_low"] < 0.1 < wide["closure_recall_high"] < 0.14


def test_fewer_than_two_clips_with_a_number_have_no_interval() -> None:
    bounds = intervals([score(0, "a", lmd=2.0), score(1, "a", lmd=None)], seed=0)["a"]
    assert (bounds["lmd_low"], bounds["lmd_high"], bounds["lpips_low"]) == (None, None, None)
    assert bounds["psnr_low"] == 20.0


def test_bounds_join_their_row_and_change_no_key_of_it() -> None:
    scores = table(static=HARD + 30, stage_two=HARD + 20)
    plain = summarise(scores)
    joined = with_intervals(plain, intervals(scores, seed=0))
    assert all(joined[row][name] == value for row in plain for name, value in plain[row].items())
    assert joined["static"]["psnr_low"] < joined["static"]["psnr"] < joined["static"]["psnr_high"]
    json.dumps(joined, allow_nan=False)


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    """Clips differ by 5 dB, the rows by 1 on every clip, give or take 0.1: only the pairing shows it."""
    noise = np.random.default_rng(4).normal(0, 0.1, 24)
    scores = table(stage_two=25 + HARD, wrong_audio=24 + HARD + noise)
    rows = intervals(scores, seed=0)
    assert rows["wrong_audio"]["psnr_high"] > rows["stage_two"]["psnr_low"], "apart, the intervals overlap"
    found = differences(scores, "stage_two", seed=0)["wrong_audio"]
    assert found["psnr"] == pytest.approx(-1 + noise.mean())
    assert (found["psnr_low"], found["psnr_high"]) == pytest.approx((-1, -1), abs=0.1)


def test_a_paired_difference_is_scipys_of_the_clips_differences() -> None:
    gap = np.random.default_rng(6).gamma(2, 1, 24)
    expected = bootstrap((gap,), np.mean, n_resamples=20000, method="percentile", rng=0).confidence_interval
    found = differences(table(stage_two=HARD, linear=HARD + gap), "stage_two", seed=0, draws=20000)["linear"]
    assert (found["psnr_low"], found["psnr_high"]) == pytest.approx((expected.low, expected.high), abs=0.05)


def test_a_row_without_some_clips_is_compared_on_those_that_it_has() -> None:
    scores = [*table(stage_two=np.array([10.0, 20.0, 90.0])), *table(other=np.array([11.0, 22.0]))]
    assert differences(scores, "stage_two", seed=0)["other"]["psnr"] == pytest.approx(1.5)


def test_a_clip_without_a_number_in_either_row_is_left_out_of_the_pair() -> None:
    lmds = {"stage_two": [1.0, 2.0, None], "linear": [2.0, None, 5.0]}
    scores = [score(n, row, lmd=lmd) for row, values in lmds.items() for n, lmd in enumerate(values)]
    found = differences(scores, "stage_two", seed=0)["linear"]
    assert (found["lmd"], found["lmd_low"]) == (pytest.approx(1.0), None)


def test_the_difference_of_closure_is_that_of_the_two_ratios() -> None:
    counts = {"stage_two": (3, 4, 4, 4), "wrong_audio": (1, 4, 0, 0)}
    scores = [score(n, row, closure=Closure(*c)) for row, c in counts.items() for n in range(5)]
    found = differences(scores, "stage_two", seed=0)["wrong_audio"]
    assert (found["closure_recall"], found["closure_recall_low"], found["closure_recall_high"]) == (-0.5, -0.5, -0.5)
    assert (found["closure_precision"], found["closure_precision_low"]) == (None, None)


def test_j_is_sensitivity_and_specificity_less_one_in_values_bounds_and_differences() -> None:
    """By hand, with numpy: the two ratios of the drawn clips' sums, added in each draw before the percentiles."""
    rng = np.random.default_rng(8)
    counts = {row: rng.integers(1, 9, (40, 2)) for row in ("stage_two", "static")}
    lips = {row: [Closure(0, 0, 0, 0, s, 10, p, 20) for s, p in pairs.tolist()] for row, pairs in counts.items()}
    scores = [score(n, row, closure=each) for row, many in lips.items() for n, each in enumerate(many)]
    values = {row: pairs[:, 0].mean() / 10 + pairs[:, 1].mean() / 20 - 1 for row, pairs in counts.items()}
    assert summarise(scores)["static"]["closure_j"] == pytest.approx(values["static"])
    found = differences(scores, "stage_two", seed=0)["static"]
    assert found["closure_j"] == pytest.approx(values["static"] - values["stage_two"])
    drawn = rng.integers(0, 40, (20000, 40))
    js = {
        row: pairs[drawn, 0].mean(axis=1) / 10 + pairs[drawn, 1].mean(axis=1) / 20 - 1 for row, pairs in counts.items()
    }
    bounds = intervals(scores, seed=0, draws=20000)["static"]
    wanted = np.quantile(js["static"], (0.025, 0.975))
    assert (bounds["closure_j_low"], bounds["closure_j_high"]) == pytest.approx(tuple(wanted), abs=0.01)
    wanted = np.quantile(js["static"] - js["stage_two"], (0.025, 0.975))
    assert (found["closure_j_low"], found["closure_j_high"]) == pytest.approx(tuple(wanted), abs=0.01)


def test_the_reference_is_not_compared_with_itself_and_must_be_there() -> None:
    scores = table(stage_two=HARD, linear=HARD)
    assert list(differences(scores, "stage_two", seed=0)) == ["linear"]
    assert differences(scores, "absent", seed=0) == {}
