"""LMD, mouth correlation and slope on landmarks whose answers are known by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.metrics.mouth import lmd, lmd_normalised, missed_frames, mouth_correlation, opening_slope


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


def test_lmd_is_the_mean_distance_of_the_mouths_points_alone() -> None:
    true = speaking(np.zeros(2))
    made = true.copy()
    made[0, 48:68] += (3, 4)
    made[:, :48] += 50
    assert lmd(true, made) == pytest.approx(2.5)
    assert lmd_normalised(true, made) == pytest.approx(2.5 / 80)


def test_one_moved_point_of_twenty_counts_a_twentieth() -> None:
    true = speaking(np.zeros(1))
    made = true.copy()
    made[0, 60, 0] += 20
    assert lmd(true, made) == pytest.approx(1.0)


def test_lmd_grows_with_the_picture_and_the_normalised_one_does_not() -> None:
    true, made = speaking(wave(seed=0)), speaking(wave(seed=1))
    assert lmd(2 * true, 2 * made) == pytest.approx(2 * lmd(true, made), rel=1e-5)
    assert lmd_normalised(2 * true, 2 * made) == pytest.approx(lmd_normalised(true, made), rel=1e-5)


def test_correlation_is_numpys_of_the_openings() -> None:
    a, b = wave(seed=0), wave(seed=1)
    assert mouth_correlation(speaking(a), speaking(b)) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-5)


def test_slope_is_that_of_numpys_line() -> None:
    a, b = wave(seed=0), wave(seed=1)
    assert opening_slope(speaking(a), speaking(b)) == pytest.approx(np.polyfit(a, b, 1)[0], abs=1e-5)


@given(st.floats(0.2, 3), st.floats(0, 10))
def test_scale_and_offset_change_the_slope_and_not_the_correlation(scale: float, offset: float) -> None:
    true = speaking(wave())
    made = speaking(scale * wave() + offset)
    assert mouth_correlation(true, made) == pytest.approx(1, abs=1e-4)
    assert opening_slope(true, made) == pytest.approx(scale, rel=1e-3)


def test_a_frozen_mouth_correlates_with_nothing() -> None:
    true, frozen = speaking(wave()), speaking(np.full(50, 5.3))
    assert mouth_correlation(true, frozen) == 0.0
    assert mouth_correlation(frozen, true) == 0.0
    assert opening_slope(true, frozen) == pytest.approx(0.0)
    assert opening_slope(frozen, true) == 0.0


def test_the_finders_jitter_on_a_frozen_mouth_is_not_taken_for_speech() -> None:
    true = wave()
    jitter = 5 + 0.04 * (true - true.mean())
    assert np.corrcoef(true, jitter)[0, 1] > 0.99
    assert mouth_correlation(speaking(true), speaking(jitter)) == 0.0


def test_a_frame_without_a_face_is_counted_and_left_out_of_the_means() -> None:
    true, made = speaking(wave(seed=0)), speaking(wave(seed=1))
    holes = made.copy()
    holes[[3, 10]] = np.nan
    keep = np.setdiff1d(np.arange(50), [3, 10])
    assert missed_frames(holes) == 2 and missed_frames(made) == 0
    for measure in (lmd, lmd_normalised, mouth_correlation, opening_slope):
        assert measure(true, holes) == pytest.approx(measure(true[keep], made[keep]))


def test_without_a_face_there_is_no_number() -> None:
    true, made = speaking(wave()), np.full((50, 68, 2), np.nan, np.float32)
    assert [measure(true, made) for measure in (lmd, lmd_normalised, mouth_correlation, opening_slope)] == [None] * 4


def test_landmarks_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, 68, 2\)"):
        lmd(speaking(wave(50)), speaking(wave(49)))
