"""Tracking against detection in every frame, on a moving photograph and real clips; and what makes it detect again."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.faces.detectors import Box, LandmarkDetector
from talking.faces.landmarks import RIGID, mouth_opening, outer_eye_distance
from talking.faces.tracking import track
from talking.media.video import decode_frames


class CountingDetector:
    """A detector that counts what is asked of it; `watch` may change the landmarks that a call number gives."""

    def __init__(
        self, detector: LandmarkDetector, watch: Callable[[int, np.ndarray], np.ndarray] | None = None
    ) -> None:
        self.detector, self.watch = detector, watch
        self.detected = self.predicted = 0

    def detect(self, frame: np.ndarray) -> Box | None:
        self.detected += 1
        return self.detector.detect(frame)

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        points = self.detector.landmarks(frame, box)
        self.predicted += 1
        return self.watch(self.predicted, points) if self.watch else points

    def aligned_box(self, size: int) -> Box | None:
        return None


def detected(frames: np.ndarray, detector: LandmarkDetector) -> np.ndarray:
    """Return the landmarks (T, 68, 2) of a detection in every frame."""
    boxes = [detector.detect(frame) for frame in frames]
    return np.stack(
        [detector.landmarks(frame, box) for frame, box in zip(frames, boxes, strict=True) if box is not None]
    )


def moving(photograph: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frames (T, 288, 360, 3) in which the photograph sways and comes nearer, and their maps (T, 2, 3)."""
    frames, maps = [], []
    for time in range(count):
        matrix = cv2.getRotationMatrix2D((225.0, 125.0), 8 * np.sin(time / 9), 1 + 0.006 * time)
        matrix[:, 2] += (-45 + 30 * np.sin(time / 11), 30 + 10 * np.sin(time / 5))
        frames.append(cv2.warpAffine(photograph, matrix, (360, 288), borderMode=cv2.BORDER_REFLECT_101))
        maps.append(matrix)
    return np.stack(frames), np.stack(maps)


@pytest.fixture(scope="module")
def swaying(astronaut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return moving(astronaut, 40)


def test_a_moving_face_is_followed_from_one_detection(
    swaying: tuple[np.ndarray, np.ndarray], astronaut_landmarks: np.ndarray, detector: LandmarkDetector
) -> None:
    frames, maps = swaying
    found = track(frames, detector)
    assert found.detections == 1
    points = np.stack([points for points in found.landmarks if points is not None])
    true = astronaut_landmarks @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
    error = np.hypot(*np.moveaxis(points - true, -1, 0)).mean(1) / outer_eye_distance(true)
    assert len(points) == 40
    assert error.max() < 0.05
    assert np.ptp(true[:, 30, 0]) > 40  # the nose has really moved


def test_tracked_landmarks_are_as_near_the_truth_as_detected_ones(
    swaying: tuple[np.ndarray, np.ndarray], astronaut_landmarks: np.ndarray, detector: LandmarkDetector
) -> None:
    frames, maps = swaying
    true = astronaut_landmarks @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
    tracked = np.stack([points for points in track(frames, detector).landmarks if points is not None])
    each = detected(frames, detector)
    assert np.abs(tracked - true).mean() < 1.1 * np.abs(each - true).mean()


def test_a_lost_face_is_found_again(swaying: tuple[np.ndarray, np.ndarray], detector: LandmarkDetector) -> None:
    frames = swaying[0].copy()
    frames[15:19] = 0
    found = track(frames, detector)
    assert [index for index, points in enumerate(found.landmarks) if points is None] == [15, 16, 17, 18]
    assert found.detections == 1 + 4 + 1


def test_a_face_covered_by_texture_is_lost(swaying: tuple[np.ndarray, np.ndarray], detector: LandmarkDetector) -> None:
    frames = swaying[0][:12].copy()
    noise = np.random.default_rng(0).integers(0, 256, (24, 30, 3), np.uint8)
    frames[6:9] = cv2.resize(noise, (360, 288), interpolation=cv2.INTER_CUBIC)
    found = track(frames, detector)
    assert [index for index, points in enumerate(found.landmarks) if points is None] == [6, 7, 8]


def test_a_cut_to_another_place_is_noticed(astronaut: np.ndarray, detector: LandmarkDetector) -> None:
    here, there = astronaut[:300, 60:420], astronaut[:300, 120:480]
    found = track([here, here, there, there], detector)
    assert found.detections == 2
    step = found.landmarks[2][RIGID].mean(0) - found.landmarks[1][RIGID].mean(0)  # type: ignore[index]
    np.testing.assert_allclose(step, [-60, 0], atol=3)


@pytest.mark.parametrize("offset", [40.0, 4000.0])
def test_landmarks_that_jump_make_it_detect_again(
    offset: float, astronaut: np.ndarray, detector: LandmarkDetector
) -> None:
    counting = CountingDetector(detector, lambda call, points: points + np.float32(offset * (call == 3)))
    found = track([astronaut] * 5, counting)
    assert found.detections == counting.detected == 2
    np.testing.assert_allclose(found.landmarks[2], found.landmarks[1], atol=1e-3)


def test_a_step_that_is_allowed_is_no_loss(astronaut: np.ndarray, detector: LandmarkDetector) -> None:
    counting = CountingDetector(detector, lambda call, points: points + np.float32(3 * (call == 3)))
    assert track([astronaut] * 5, counting, max_step=0.1).detections == 1
    counting = CountingDetector(detector, lambda call, points: points + np.float32(3 * (call == 3)))
    assert track([astronaut] * 5, counting, max_step=0.02).detections > 1


@pytest.mark.parametrize(("every", "detections"), [(0, 1), (1, 10), (3, 4), (4, 3), (100, 1)])
def test_detection_is_repeated_as_often_as_asked(
    every: int, detections: int, astronaut: np.ndarray, detector: LandmarkDetector
) -> None:
    counting = CountingDetector(detector)
    found = track([astronaut[:300, 60:420]] * 10, counting, redetect_every=every)
    assert found.detections == counting.detected == detections
    assert counting.predicted == 10


def test_frames_without_a_face_give_none(detector: LandmarkDetector) -> None:
    found = track(np.zeros((3, 120, 160, 3), np.uint8), detector)
    assert found.landmarks == [None, None, None]
    assert found.detections == 3


def test_impossible_parameters_are_refused(detector: LandmarkDetector) -> None:
    with pytest.raises(TalkingError, match="max_step 0"):
        track([], detector, max_step=0)
    with pytest.raises(TalkingError, match="redetect_every -1"):
        track([], detector, redetect_every=-1)


@pytest.mark.parametrize("name", ["s1/lwiy8p", "s93/lbbc2a", "s97/sbwe5n"])
def test_on_real_clips_tracking_sees_what_detection_sees(
    name: str, real_data: Path, detector: LandmarkDetector
) -> None:
    frames = decode_frames(real_data / "grid" / f"{name}.mpg")
    found = track(frames, detector)
    tracked = np.stack([points for points in found.landmarks if points is not None])
    each = detected(frames, detector)
    assert found.detections == 1
    assert np.hypot(*np.moveaxis(tracked - each, -1, 0)).mean() < 0.5
    assert np.corrcoef(mouth_opening(tracked), mouth_opening(each))[0, 1] > 0.97
    jitter = [np.hypot(*np.moveaxis(np.diff(points[:, RIGID], 2, axis=0), -1, 0)).mean() for points in (tracked, each)]
    assert jitter[0] < 1.15 * jitter[1]
