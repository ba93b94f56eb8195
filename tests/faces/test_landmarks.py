"""Measures of landmarks against hand-computed cases."""

import numpy as np

from talking.faces import landmarks as lm


def test_mouth_opening_is_the_mean_of_three_distances() -> None:
    points = np.zeros((2, 68, 2))
    points[1, 67], points[1, 66], points[1, 65] = (3, 4), (0, 4), (0, 6)
    np.testing.assert_allclose(lm.mouth_opening(points), [0, 5])


def test_outer_eye_distance_is_between_points_36_and_45() -> None:
    points = np.zeros((68, 2))
    points[36], points[45] = (10, 20), (40, 60)
    assert lm.outer_eye_distance(points) == 50


def test_the_groups_cover_the_68_points_once() -> None:
    groups = (lm.JAW, lm.BROWS, lm.NOSE, lm.RIGHT_EYE, lm.LEFT_EYE, lm.OUTER_LIPS, lm.INNER_LIPS)
    assert [index for group in groups for index in range(68)[group]] == list(range(68))


def test_on_a_photograph_the_groups_lie_where_their_names_say(astronaut_landmarks: np.ndarray) -> None:
    points = astronaut_landmarks
    assert points[lm.RIGHT_EYE, 0].max() < points[lm.NOSE, 0].mean() < points[lm.LEFT_EYE, 0].min()
    assert points[lm.BROWS, 1].max() < points[lm.EYES, 1].mean() < points[lm.MOUTH, 1].min() < points[lm.JAW, 1].max()
    assert points[lm.MOUTH, 0].min() == points[lm.MOUTH_CORNERS[0], 0]
    assert points[lm.MOUTH, 0].max() == points[lm.MOUTH_CORNERS[1], 0]
