"""The square of a whole clip: it holds every face, is square, stays inside the frame, and does not move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.faces.whole_clip import clip_square, cut_square, face_bounds

HEIGHT, WIDTH = 288, 360


def faces(*centres: tuple[float, float], size: float = 60) -> np.ndarray:
    """Landmarks (T, 68, 2) on circles about centres."""
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    ring = size / 2 * np.stack([np.cos(angles), np.sin(angles)], -1)
    return np.stack([ring + centre for centre in centres]).astype(np.float32)


def test_by_hand() -> None:
    box = face_bounds(faces((150, 150)))
    np.testing.assert_allclose(box, [120, 120 - 0.35 * 60, 180, 180], atol=0.1)
    np.testing.assert_array_equal(clip_square(faces((150, 150)), HEIGHT, WIDTH, margin=0.1), [102, 91, 97])


@given(st.lists(st.tuples(st.floats(60, 300), st.floats(80, 230)), min_size=1, max_size=5), st.floats(0, 0.5))
def test_it_lies_in_the_frame_and_holds_every_face_where_that_is_possible(centres, margin: float) -> None:
    left, top, side = clip_square(faces(*centres), HEIGHT, WIDTH, margin)
    assert left >= 0 and top >= 0 and left + side <= WIDTH and top + side <= HEIGHT
    box = face_bounds(faces(*centres))
    if side < HEIGHT:
        assert left <= max(box[0], 0) + 1 and left + side >= min(box[2], WIDTH) - 1
        assert top <= max(box[1], 0) + 1 and top + side >= min(box[3], HEIGHT) - 1


def test_the_head_moves_in_it_as_it_moves_in_the_frame() -> None:
    landmarks = faces((140, 150), (160, 150))
    square = clip_square(landmarks, HEIGHT, WIDTH)
    frames = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    for frame, points in zip(frames, landmarks, strict=True):
        x, y = points.mean(axis=0).round().astype(int)
        frame[y - 3 : y + 4, x - 3 : x + 4] = 255
    crops = [cut_square(frame, square, 256) for frame in frames]
    places = [np.argwhere(crop[..., 0] > 128).mean(axis=0) for crop in crops]
    np.testing.assert_allclose(places[1] - places[0], [0, 20 * 256 / square[2]], atol=1)


def test_a_square_of_the_size_that_is_asked_for_is_copied_as_it_is() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    np.testing.assert_array_equal(cut_square(frame, np.array([10, 20, 64]), 64), frame[20:84, 10:74])


def test_points_on_one_place_are_no_face() -> None:
    with pytest.raises(TalkingError, match="span no face"):
        clip_square(np.zeros((3, 68, 2)), HEIGHT, WIDTH)
