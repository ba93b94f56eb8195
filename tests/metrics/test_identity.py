"""Identity similarity on pictures of a drawn face."""

import cv2
import numpy as np
import pytest

from talking.errors import TalkingError
from talking.metrics.identity import Identity, load_identity
from talking.metrics.unavailable import Unavailable


@pytest.fixture(scope="module")
def identity() -> Identity:
    measure = load_identity()
    assert not isinstance(measure, Unavailable)
    return measure


def landmarks() -> np.ndarray:
    """Points of an upright face of about 120 pixels; what the descriptor's crop needs are eyes, nose and mouth."""
    points = np.full((68, 2), 128.0)
    points[0:17] = np.stack([np.linspace(70, 186, 17), 190 - (np.linspace(-1, 1, 17) ** 2) * 90], axis=1)
    points[17:27] = np.stack([np.linspace(80, 176, 10), np.full(10, 95.0)], axis=1)
    points[27:36] = np.stack([np.full(9, 128.0), np.linspace(105, 145, 9)], axis=1)
    points[36:42] = (103, 112) + 6 * np.array([(-2, 0), (-1, -1), (1, -1), (2, 0), (1, 1), (-1, 1)])
    points[42:48] = (153, 112) + 6 * np.array([(-2, 0), (-1, -1), (1, -1), (2, 0), (1, 1), (-1, 1)])
    points[48:68] = np.stack([128 + 24 * np.cos(np.arange(20)), 165 + 8 * np.sin(np.arange(20))], axis=1)
    return points.astype(np.float32)


def face(skin: tuple[int, int, int], eyes: int) -> np.ndarray:
    picture = np.full((256, 256, 3), 60, np.uint8)
    cv2.ellipse(picture, (128, 130), (62, 84), 0, 0, 360, skin, -1)
    for x in (103, 153):
        cv2.circle(picture, (x, 112), eyes, (20, 20, 30), -1)
    cv2.ellipse(picture, (128, 165), (24, 8), 0, 0, 360, (150, 40, 50), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def test_a_face_is_itself_and_less_like_another(identity: Identity) -> None:
    first, second = face((220, 180, 150), 6), face((110, 80, 60), 14)
    points = np.repeat(landmarks()[None], 2, axis=0)
    true = np.stack([first, first])
    assert identity(true, true, points, points, every=1) == pytest.approx(1.0)
    assert identity(true, np.stack([second, second]), points, points, every=1) < 0.9
    slightly = np.clip(true.astype(int) + 3, 0, 255).astype(np.uint8)
    assert identity(true, slightly, points, points, every=1) > 0.93


def test_frames_without_a_face_are_left_out(identity: Identity) -> None:
    true = np.stack([face((220, 180, 150), 6)] * 2)
    made = np.stack([true[0], np.zeros_like(true[0])])
    points = np.repeat(landmarks()[None], 2, axis=0)
    holes = points.copy()
    holes[1] = np.nan
    assert identity(true, made, points, holes, every=1) == pytest.approx(1.0)
    assert identity(true, made, points, np.full_like(points, np.nan)) is None


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path) -> None:
    (tmp_path / "bad.dat").write_bytes(b"nothing")
    with pytest.raises(TalkingError, match=r"bad\.dat"):
        Identity(tmp_path / "bad.dat")
