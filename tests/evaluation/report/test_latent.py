"""The latent check: interpolation keeps what it should, and the plotted path is the projection."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from talking.evaluation.report.latent import (
    interpolations,
    inversion_strip,
    lerp,
    path_figure,
    project,
    slerp,
    write_path,
)
from talking.evaluation.report.picture_grid import GAP, LABEL_WIDTH


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 20), st.floats(0.1, 50))
def test_slerp_keeps_the_norm_and_turns_evenly(seed, steps, norm) -> None:
    first, second = np.random.default_rng(seed).normal(size=(2, 12))
    first, second = norm * first / np.linalg.norm(first), norm * second / np.linalg.norm(second)
    path = slerp(first, second, steps)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), norm, rtol=1e-9)
    np.testing.assert_allclose(path[[0, -1]], [first, second], atol=1e-9 * norm)
    cosines = (path[1:] * path[:-1]).sum(axis=1) / norm**2
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-9)


def test_slerp_of_a_right_angle_is_the_circle() -> None:
    np.testing.assert_allclose(
        slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 3), [[1, 0], [0.5**0.5, 0.5**0.5], [0, 1]], atol=1e-12
    )


def test_slerp_of_equal_vectors_is_a_point_and_of_opposite_ones_nothing() -> None:
    vector = np.array([3.0, 4.0])
    np.testing.assert_allclose(slerp(vector, vector, 4), np.tile(vector, (4, 1)))
    with pytest.raises(ValueError, match="no great circle"):
        slerp(vector, -vector, 4)


def test_lerp_is_even_and_passes_the_middle() -> None:
    np.testing.assert_allclose(lerp(np.zeros(2), np.array([2.0, 4.0]), 3), [[0, 0], [1, 2], [2, 4]])


def test_the_four_ways_share_their_ends_and_differ_between() -> None:
    def to_w(z: np.ndarray) -> np.ndarray:
        return np.tanh(z) * 3

    first, second = np.random.default_rng(0).normal(size=(2, 8))
    ways = interpolations(first, second, 5, to_w)
    assert list(ways) == ["Z lerp", "Z slerp", "W lerp", "W slerp"]
    for way in ways.values():
        np.testing.assert_allclose(way[[0, -1]], to_w(np.stack([first, second])), atol=1e-9)
    middles = np.stack([way[2] for way in ways.values()])
    assert all(not np.allclose(middles[i], middles[j]) for i in range(4) for j in range(i))
    np.testing.assert_allclose(ways["Z lerp"][2], to_w((first + second) / 2))
    np.testing.assert_allclose(ways["W lerp"][2], (to_w(first) + to_w(second)) / 2)


def codes(frames: int = 30) -> np.ndarray:
    rng = np.random.default_rng(4)
    time = np.linspace(0, 6, frames)
    signals = np.stack([5 * np.sin(time), 2 * np.cos(2 * time)], axis=1)
    return (signals @ rng.normal(size=(2, 24)) + 0.1 * rng.normal(size=(frames, 24))).reshape(frames, 4, 6) + 7


def test_the_projection_is_that_of_scikit_learn_up_to_sign() -> None:
    points, shares = project(codes())
    reference = PCA(2).fit(codes().reshape(30, -1))
    expected = reference.transform(codes().reshape(30, -1))
    signs = np.sign((expected * points).sum(axis=0))
    np.testing.assert_allclose(points, expected * signs, atol=1e-8)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, rtol=1e-8)


def test_the_plotted_path_is_the_projection_coloured_by_time() -> None:
    figure = path_figure(codes(), rate=25)
    dots = figure.axes[0].collections[0]
    points, _ = project(codes())
    np.testing.assert_allclose(np.asarray(dots.get_offsets()), points)
    np.testing.assert_allclose(dots.get_array(), np.arange(30) / 25)
    np.testing.assert_allclose(np.asarray(figure.axes[0].lines[0].get_xydata()), points)


def test_the_same_path_is_written_as_the_same_bytes(tmp_path) -> None:
    for name in ("one.png", "two.png"):
        write_path(codes(), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert cv2.imread(str(tmp_path / "one.png")).std() > 1


def test_a_path_of_two_frames_is_none() -> None:
    with pytest.raises(ValueError, match="three frames"):
        project(codes(2))


def test_the_strip_has_real_frames_above_their_inversions() -> None:
    target = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.full((1, 8, 8, 3), 10, np.uint8)
    strip = inversion_strip(target, target + 100, 4)
    columns = [strip[:8, LABEL_WIDTH + k * (8 + GAP) : LABEL_WIDTH + k * (8 + GAP) + 8] for k in range(4)]
    assert [int(column.mean()) for column in columns] == [0, 30, 60, 90]
    assert strip.shape == (16 + GAP, LABEL_WIDTH + 4 * (8 + GAP) - GAP, 3)
    below = strip[8 + GAP :, LABEL_WIDTH : LABEL_WIDTH + 8]
    assert (below == 100).all()
