"""Ridge regression against NumPy's least squares and the textbook's closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.models.ridge import Normal, Ridge, solve


def problem(count: int = 80, seed: int = 0, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, 5) of very different sizes and targets (N, 2) with intercepts."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(count, 5)) * [1, 10, 0.1, 3, 1] + [0, 5, 0, 0, -2]
    return inputs, inputs @ rng.normal(size=(5, 2)) + [7, -40] + noise * rng.normal(size=(count, 2))


def test_without_a_penalty_it_is_least_squares_with_an_intercept() -> None:
    inputs, targets = problem()
    wanted = np.linalg.lstsq(np.c_[inputs, np.ones(len(inputs))], targets, rcond=None)[0]
    np.testing.assert_allclose(solve(Normal.of(inputs, targets), 0.0).weights, wanted, rtol=1e-6)


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 2.0])
def test_with_a_penalty_it_is_least_squares_with_rows_that_pull_to_zero(penalty) -> None:
    """The penalty on W_f is one more 0 observed at sqrt(N * penalty * variance of x_f); the intercept has none."""
    inputs, targets = problem()
    pull = np.diag(np.sqrt(penalty * len(inputs)) * inputs.std(axis=0))
    x = np.r_[np.c_[inputs, np.ones(len(inputs))], np.c_[pull, np.zeros(5)]]
    wanted = np.linalg.lstsq(x, np.r_[targets, np.zeros((5, 2))], rcond=None)[0]
    np.testing.assert_allclose(solve(Normal.of(inputs, targets), penalty).weights, wanted, rtol=1e-6, atol=1e-8)


def test_a_huge_penalty_leaves_the_mean_of_the_targets() -> None:
    inputs, targets = problem()
    ridge = solve(Normal.of(inputs, targets), 1e9)
    np.testing.assert_allclose(ridge(inputs), np.broadcast_to(targets.mean(axis=0), targets.shape), rtol=1e-5)


def test_neither_the_unit_nor_the_zero_of_an_input_changes_anything() -> None:
    inputs, targets = problem()
    other = inputs * [1, 1000, 1, 0.01, 1] + [0, 0, 30, 1, -8]
    left, right = (solve(Normal.of(x, targets), 0.1)(x) for x in (inputs, other))
    np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(1, 79)), st.integers(0, 100))
def test_normal_equations_of_parts_add_up_to_those_of_the_whole(cuts, seed) -> None:
    inputs, targets = problem(seed=seed)
    cut = sorted(cuts)
    parts = [Normal.of(*part) for part in zip(np.split(inputs, cut), np.split(targets, cut), strict=True)]
    whole, summed = Normal.of(inputs, targets), sum(parts[1:], parts[0])
    np.testing.assert_allclose(summed.xx, whole.xx, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(summed.xy, whole.xy, rtol=1e-9, atol=1e-9)


def test_float32_rows_are_summed_in_double_precision() -> None:
    inputs, targets = (part.astype(np.float32) for part in problem())
    normal = Normal.of(inputs, targets)
    assert normal.xx.dtype == normal.xy.dtype == np.float64
    np.testing.assert_allclose(normal.xx[:5, :5], inputs.T.astype(np.float64) @ inputs.astype(np.float64), rtol=1e-12)


def test_collinear_inputs_are_solved_all_the_same() -> None:
    inputs, targets = problem(noise=0.0)
    twice = np.c_[inputs, inputs[:, :1]]
    np.testing.assert_allclose(solve(Normal.of(twice, targets), 1e-6)(twice), targets, atol=1e-2)


def test_saved_weights_come_back_with_the_same_bits(tmp_path) -> None:
    ridge = solve(Normal.of(*problem()), 0.1)
    ridge.save(tmp_path / "a.safetensors")
    assert np.array_equal(Ridge.load(tmp_path / "a.safetensors").weights, ridge.weights)
    with pytest.raises(TalkingError, match="run the stage stage_one first"):
        Ridge.load(tmp_path / "none.safetensors")
