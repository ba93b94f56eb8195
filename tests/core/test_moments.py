"""Moments that add up, against NumPy on the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from talking.core.moments import Moments

matrices = hnp.arrays(np.float64, st.tuples(st.integers(2, 30), st.just(3)), elements=st.floats(-100, 100, width=32))


@settings(deadline=None)
@given(matrices, st.data())
def test_moments_of_parts_add_up_to_those_of_the_whole(rows, data) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows) - 1))))
    moments = Moments.total(Moments.of(part) for part in np.split(rows, cuts))
    assert moments.count == len(rows)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(moments.covariance, np.cov(rows.T), rtol=1e-9, atol=1e-8)


def test_moments_keep_their_precision_far_from_zero() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32) + np.float32(1000)
    moments = Moments.of(rows[:400]) + Moments.of(rows[400:])
    np.testing.assert_allclose(moments.covariance, np.cov(rows.T.astype(np.float64)), rtol=1e-9, atol=1e-12)


def test_one_row_has_a_mean_and_no_covariance() -> None:
    moments = Moments.of(np.array([[1.0, 2.0]]))
    assert moments.mean.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="at least two rows, not 1"):
        _ = moments.covariance
