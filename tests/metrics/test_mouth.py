"""LMD, mouth correlation and slope on landmarks whose answers are known by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.faces.landmarks import MOUTH
from talking.metrics.mouth import lmd, lmd_normalised, mouth_correlation, mouth_distances, opening_slope


def face() -> np.ndarray:
    """A face (68, 2) whose eyes' outer corners are 80 apart and whose lips are shut."""
    points = np.full((68, 2), 100.0, np.float32)
    points[36], points[45] = (60, 80), (140, 80)
    return points


def speaking(opening: np.ndarray) -> np.ndarray:
    """Landmarks (T, 68, 2) whose inner lips stand `opening` (T,) apart."""
    landmarks = np.repeat(face()[None], len(opening), axis=0)
    landmarks[:, [65, 66, 67], 1] += np.asarray(opening, np.float32)[:, None]
    return landmarks


def wave(length: int = 50, seed: int = 0) -> np.ndarray:
    return 5 + 4 * np.sin(np.arange(length) / 3 + seed) + np.random.default_rng(seed).normal(0, 0.2, length)


def on_all(measure: Callable[..., float | None], target: np.ndarray, prediction: np.ndarray) -> float | None:
    """Return a measure of frames that all have a face."""
    return measure(target, prediction, np.ones(len(target), bool))


def test_lmd_is_the_mean_distance_of_the_mouths_points_alone() -> None:
    target = speaking(np.zeros(2))
    prediction = target.copy()
    prediction[0, 48:68] += (3, 4)
    prediction[:, :48] += 50
    assert on_all(lmd, target, prediction) == pytest.approx(2.5)
    assert on_all(lmd_normalised, target, prediction) == pytest.approx(2.5 / 80)


def test_one_moved_point_of_twenty_counts_a_twentieth() -> None:
    target = speaking(np.zeros(1))
    prediction = target.copy()
    prediction[0, 60, 0] += 20
    assert on_all(lmd, target, prediction) == pytest.approx(1.0)


def test_lmd_grows_with_the_picture_and_the_normalised_one_does_not() -> None:
    target, prediction = speaking(wave(seed=0)), speaking(wave(seed=1))
    assert on_all(lmd, 2 * target, 2 * prediction) == pytest.approx(2 * on_all(lmd, target, prediction), rel=1e-5)
    assert on_all(lmd_normalised, 2 * target, 2 * prediction) == pytest.approx(
        on_all(lmd_normalised, target, prediction), rel=1e-5
    )


def test_correlation_is_numpys_of_the_openings() -> None:
    a, b = wave(seed=0), wave(seed=1)
    assert on_all(mouth_correlation, speaking(a), speaking(b)) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-5)


def test_slope_is_that_of_numpys_line() -> None:
    a, b = wave(seed=0), wave(seed=1)
    assert on_all(opening_slope, speaking(a), speaking(b)) == pytest.approx(np.polyfit(a, b, 1)[0], abs=1e-5)


@given(st.floats(0.2, 3), st.floats(0, 10))
def test_scale_and_offset_change_the_slope_and_not_the_correlation(scale: float, offset: float) -> None:
    target = speaking(wave())
    prediction = speaking(scale * wave() + offset)
    assert on_all(mouth_correlation, target, prediction) == pytest.approx(1, abs=1e-4)
    assert on_all(opening_slope, target, prediction) == pytest.approx(scale, rel=1e-3)


def test_a_frozen_mouth_correlates_with_nothing() -> None:
    target, frozen = speaking(wave()), speaking(np.full(50, 5.3))
    assert on_all(mouth_correlation, target, frozen) == 0.0
    assert on_all(mouth_correlation, frozen, target) == 0.0
    assert on_all(opening_slope, target, frozen) == pytest.approx(0.0)
    assert on_all(opening_slope, frozen, target) == 0.0


def test_the_detector_jitter_on_a_frozen_mouth_is_not_taken_for_speech() -> None:
    target = wave()
    jitter = 5 + 0.04 * (target - target.mean())
    assert np.corrcoef(target, jitter)[0, 1] > 0.99
    assert on_all(mouth_correlation, speaking(target), speaking(jitter)) == 0.0


MEASURES = (lmd, lmd_normalised, mouth_correlation, opening_slope)
# The way to the best value: down, down, up, and for the slope towards 1.
LOSSES = (lambda x: x, lambda x: x, lambda x: -x, lambda x: abs(x - 1))


def test_a_missed_frame_counts_as_the_largest_distance_there_is() -> None:
    target = speaking(np.array([0.0, 0.0, 8.0]))  # the lower lip's 3 points of 20 move by 8: mouths at most 1.2 apart
    prediction = target.copy()
    prediction[0, MOUTH] += (0.5, 0.0)
    prediction[1, MOUTH] += (0.0, 0.25)
    assert mouth_distances(target, prediction, np.array([True, True, True])).tolist() == [0.5, 0.25, 0.0]
    np.testing.assert_allclose(mouth_distances(target, prediction, np.array([True, False, True])), [0.5, 1.2, 0.0])
    prediction[0, MOUTH] += (2.0, 0.0)
    np.testing.assert_allclose(mouth_distances(target, prediction, np.array([True, False, True])), [2.5, 2.5, 0.0])
    np.testing.assert_allclose(mouth_distances(target, prediction, np.array([False, True, True])), [2.5, 0.25, 0.0])


def test_a_missed_frame_has_the_mean_opening_of_the_others_where_that_correlates_less() -> None:
    target, opening, found = speaking(np.array([0.0, 3, 6, 3])), np.array([0.0, 3, 6, 3]), np.array([1, 1, 0, 1]) > 0
    wanted = np.corrcoef([0, 3, 6, 3], [0, 3, 2, 3])[0, 1]
    assert mouth_correlation(target, speaking(opening), found) == pytest.approx(wanted, abs=1e-6)
    wrong = np.array([0.0, 3, 0, 3])
    assert mouth_correlation(target, speaking(wrong), found) == pytest.approx(np.corrcoef([0, 3, 6, 3], wrong)[0, 1])
    assert opening_slope(target, speaking(opening), found) == pytest.approx(
        np.polyfit([0, 3, 6, 3], [0, 3, 2, 3], 1)[0]
    )


@given(st.integers(0, 10**6), st.sets(st.integers(0, 19), min_size=1), st.floats(-1.5, 1.5))
def test_missed_frames_never_improve_a_row(seed: int, missed: set[int], share: float) -> None:
    rng = np.random.default_rng(seed)
    target, noise = wave(20, seed % 7), rng.normal(0, 3, 20)
    prediction = speaking(share * target + noise)
    prediction[:, MOUTH] += rng.normal(0, 1, (20, 20, 2))
    found = ~np.isin(np.arange(20), list(missed))
    for measure, loss in zip(MEASURES, LOSSES, strict=True):
        assert (
            loss(measure(speaking(target), prediction, found))
            >= loss(on_all(measure, speaking(target), prediction)) - 1e-12
        )


def test_a_row_without_any_face_is_worse_than_a_frozen_one_and_says_nothing_over_time() -> None:
    target = speaking(wave())
    frozen, none = np.repeat(target[:1], 50, axis=0), np.zeros(50, bool)
    assert lmd(target, target, none) >= on_all(lmd, target, frozen)
    assert mouth_correlation(target, target, none) == 0.0 and opening_slope(target, target, none) == 0.0


def test_without_frames_there_is_no_number() -> None:
    nothing = np.zeros((0, 68, 2))
    assert [measure(nothing, nothing, np.zeros(0, bool)) for measure in MEASURES] == [None] * 4


def test_landmarks_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, 68, 2\)"):
        on_all(lmd, speaking(wave(50)), speaking(wave(49)))
    with pytest.raises(ValueError, match="found faces"):
        lmd(speaking(wave(50)), speaking(wave(50)), np.ones(49, bool))
