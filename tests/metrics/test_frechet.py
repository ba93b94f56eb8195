"""The Fréchet distance against numpy, scipy, torchmetrics and Gaussians by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torchmetrics.image.fid import _compute_fid

from talking.core.moments import Moments
from talking.metrics.frechet import frechet_distance


def features(seed: int, count: int = 200, size: int = 6, mean: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(mean, 1, (count, size)) @ rng.normal(0, 1, (size, size))


def gaussian(mean: list[float], variances: list[float]) -> Moments:
    """Moments of two features on each axis, of exactly this mean and these variances."""
    size = len(mean)
    spread = np.sqrt(np.array(variances) * (2 * size - 1) / 2)
    return Moments.of(np.concatenate([np.diag(spread), -np.diag(spread)]) + mean)


def test_gaussians_that_differ_in_mean_are_its_square_apart() -> None:
    assert frechet_distance(gaussian([0, 0], [1, 2]), gaussian([3, 4], [1, 2])) == pytest.approx(25)


def test_gaussians_that_differ_in_spread_are_the_deviations_squares_apart() -> None:
    expected = (1 - 3) ** 2 + (2 - 5) ** 2
    assert frechet_distance(gaussian([0, 0], [1, 4]), gaussian([0, 0], [9, 25])) == pytest.approx(expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_that_of_torchmetrics_and_of_scipys_root(seed: int) -> None:
    a, b = features(seed), features(seed + 1, mean=0.3)
    moments = [torch.from_numpy(x) for data in (a, b) for x in (data.mean(axis=0), np.cov(data.T))]
    value = frechet_distance(Moments.of(a), Moments.of(b))
    root = sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    by_scipy = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert value == pytest.approx(float(_compute_fid(*moments)), rel=1e-6, abs=1e-8)
    assert value == pytest.approx(by_scipy, rel=1e-6, abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_symmetric_and_zero_only_for_equal_sets(seed: int) -> None:
    a, b = Moments.of(features(seed)), Moments.of(features(seed + 1))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) > 1e-3


def test_fewer_frames_than_dimensions_still_have_a_distance() -> None:
    a, b = Moments.of(features(0, count=4, size=30)), Moments.of(features(1, count=4, size=30))
    assert np.isfinite(frechet_distance(a, b)) and frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_one_frame_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="at least two rows"):
        frechet_distance(Moments.of(features(0, count=1)), Moments.of(features(1)))
