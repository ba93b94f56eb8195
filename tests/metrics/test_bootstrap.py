"""The bootstrap over speakers against hand-computed distributions, scipy, and the share of truths that it covers."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from talking.metrics.bootstrap import percentile_interval, resampled_sums, scheme


def means(speakers: list[str], values: np.ndarray, seed: int = 0, draws: int = 2000) -> np.ndarray:
    columns = np.stack([values, np.ones(len(values))], axis=1)
    sums = resampled_sums(speakers, columns, seed=seed, draws=draws)
    return sums[:, 0] / sums[:, 1]


def test_two_speakers_of_one_clip_give_three_means_in_the_shares_of_two_coins() -> None:
    drawn = means(["a", "b"], np.array([0.0, 1.0]), draws=8000)
    shares = [float((drawn == value).mean()) for value in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)
    assert percentile_interval(drawn) == (0.0, 1.0)


def test_speakers_are_drawn_before_their_clips() -> None:
    """Were the four clips drawn at once, a mean of 0 would come once in 16 draws; by speaker it comes once in four."""
    drawn = means(["a", "a", "b", "b"], np.array([0.0, 0.0, 1.0, 1.0]), draws=8000)
    assert float((drawn == 0).mean()) == pytest.approx(0.25, abs=0.02)


def test_a_speaker_drawn_twice_has_its_clips_drawn_twice() -> None:
    """Of two speakers, of clips 0 and 1 each, the number of ones is binomial of 4 whichever speakers are drawn."""
    drawn = means(["a", "a", "b", "b"], np.array([0.0, 1.0, 0.0, 1.0]), draws=16000)
    shares = [float((drawn == count / 4).mean()) for count in range(5)]
    assert shares == pytest.approx([1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16], abs=0.015)


def test_every_draw_has_as_many_clips_of_one_speaker_as_there_are() -> None:
    sums = resampled_sums(["a"] * 7, np.ones((7, 1)), seed=3, draws=50)
    assert (sums == 7).all()


@pytest.mark.parametrize("speakers", [["a"] * 30, [f"s{i}" for i in range(30)]], ids=["one speaker", "one clip each"])
def test_it_is_scipys_where_there_is_but_one_level(speakers: list[str]) -> None:
    values = np.random.default_rng(1).gamma(2.0, 3.0, 30)
    expected = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=2).confidence_interval
    low, high = percentile_interval(means(speakers, values, draws=20000)) or (0, 0)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.08)
    assert high - low > 2


def test_the_interval_of_a_normal_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(5).normal(10, 2, 400)
    half = 1.96 * values.std() / np.sqrt(400)
    low, high = percentile_interval(means(["a"] * 400, values, draws=8000)) or (0, 0)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_it_covers_the_truth_of_new_speakers_as_often_as_it_says() -> None:
    """Twelve speakers that differ, of six clips that differ: 95 % intervals, a little short as of few."""
    rng, covered, plain = np.random.default_rng(7), 0, 0
    speakers = [f"s{i}" for i in range(12) for _ in range(6)]
    for trial in range(200):
        values = np.repeat(rng.normal(0, 1, 12), 6) + rng.normal(0, 1, 72)
        low, high = percentile_interval(means(speakers, values, seed=trial, draws=400)) or (0, 0)
        covered += low <= 0 <= high
        low, high = percentile_interval(means(["one"] * 72, values, seed=trial, draws=400)) or (0, 0)
        plain += low <= 0 <= high
    assert 0.89 <= covered / 200 <= 0.99
    assert plain / 200 < 0.75, "clips drawn as if all were of one speaker cover far less"


def test_the_seed_decides_every_draw() -> None:
    speakers, values = ["a", "a", "b"], np.array([1.0, 2.0, 4.0])
    assert (means(speakers, values, seed=1) == means(speakers, values, seed=1)).all()
    assert (means(speakers, values, seed=1) != means(speakers, values, seed=2)).any()


def test_columns_see_the_same_draws() -> None:
    values = np.random.default_rng(0).normal(size=(10, 1))
    sums = resampled_sums(["a"] * 4 + ["b"] * 6, np.concatenate([values, values + 3], axis=1), seed=0, draws=100)
    np.testing.assert_allclose(
        sums[:, 1] - sums[:, 0], 3 * resampled_sums(["a"] * 4 + ["b"] * 6, np.ones((10, 1)), seed=0, draws=100)[:, 0]
    )


def test_draws_without_a_number_are_left_out() -> None:
    drawn = np.concatenate([np.linspace(0, 100, 101), [np.nan]])
    assert percentile_interval(drawn, level=0.9) == pytest.approx((5, 95))
    assert percentile_interval(np.array([np.nan])) is None


def test_the_scheme_says_what_few_speakers_cannot_tell() -> None:
    assert "not others" in scheme(1) and "too narrow" in scheme(2)
    assert "95 %" in scheme(10) and "narrow" not in scheme(10)
