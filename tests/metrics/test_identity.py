"""IdentityScore similarity on pictures of a drawn face."""

import cv2
import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.metrics.identity import IdentityScore, load_identity
from talking.metrics.unavailable import Unavailable


@pytest.fixture(scope="module")
def identity() -> IdentityScore:
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


def test_a_face_is_itself_and_less_like_another(identity: IdentityScore) -> None:
    first, second = face((220, 180, 150), 6), face((110, 80, 60), 14)
    points = np.repeat(landmarks()[None], 2, axis=0)
    target = np.stack([first, first])
    found = np.ones(2, bool)
    assert identity(target, target, points, points, found, every=1) == pytest.approx(1.0)
    assert identity(target, np.stack([second, second]), points, points, found, every=1) < 0.9
    slightly = np.clip(target.astype(int) + 3, 0, 255).astype(np.uint8)
    assert identity(target, slightly, points, points, found, every=1) > 0.93


def test_a_frame_without_a_face_is_nobody(identity: IdentityScore) -> None:
    target = np.stack([face((220, 180, 150), 6)] * 2)
    points = np.repeat(landmarks()[None], 2, axis=0)
    assert identity(target, target, points, points, np.array([True, False]), every=1) == pytest.approx(0.5)
    assert identity(target[:0], target[:0], points[:0], points[:0], np.ones(0, bool)) is None


def test_one_of_so_many_frames_is_looked_at(identity: IdentityScore, monkeypatch) -> None:
    levels: list[int] = []

    def descriptor(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
        levels.append(int(frame[0, 0, 0]))
        return np.zeros(128)

    monkeypatch.setattr(identity, "descriptor", descriptor)
    target = np.arange(25, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    points = np.zeros((25, 68, 2), np.float32)
    assert identity(target, target + 100, points, points, np.ones(25, bool), every=10) == 1.0
    assert levels == [0, 100, 10, 110, 20, 120]
    identity(target, target + 200, points, points, np.ones(25, bool), every=10)
    assert levels[6:] == [200, 210, 220], "the true frames are known by now"


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path) -> None:
    (tmp_path / "bad.dat").write_bytes(b"nothing")
    with pytest.raises(TalkingError, match=r"bad\.dat"):
        IdentityScore(tmp_path / "bad.dat")
