"""The drawn faces against dlib: it must find them, with their mouths where they truly are and as open as they are."""

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import dlib
import numpy as np
import pytest

from talking.corpora.demo.identity import draw_identity
from talking.corpora.demo.renderer import Renderer
from talking.corpora.demo.state import FaceState

STATES = (
    FaceState(press=1.0),
    FaceState(opening=0.8, jaw=0.7, spread=0.2, blink=0.3, roll_deg=2.0),
    FaceState(opening=0.35, jaw=0.3, spread=-0.8, gaze=(0.4, 0.1), brow=0.6, shift=(0.03, -0.02), scale=1.02),
)


@cache
def renderer(seed: int) -> Renderer:
    return Renderer(draw_identity(np.random.default_rng(seed)))


@cache
def predictor() -> dlib.shape_predictor:
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("dlib's 68-point predictor is not installed (package face_recognition_models)")
    folder = Path(spec.submodule_search_locations[0]) / "models"
    return dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat"))


@cache
def detector() -> dlib.fhog_object_detector:
    return dlib.get_frontal_face_detector()


def dlib_points(frame: np.ndarray) -> np.ndarray:
    boxes = detector()(frame)
    assert len(boxes) == 1
    return np.array([(p.x, p.y) for p in predictor()(frame, boxes[0]).parts()], dtype=float)


def lip_gap(points: np.ndarray) -> float:
    return float(np.mean([np.linalg.norm(points[a] - points[b]) for a, b in ((61, 67), (62, 66), (63, 65))]))


def eyes_apart(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[36] - points[45]))


def test_the_same_seed_gives_the_same_identity_and_the_same_bytes() -> None:
    first, second = (draw_identity(np.random.default_rng(5)) for _ in range(2))
    assert first == second
    frame, points = Renderer(first).frame(STATES[1])
    again, same = renderer(5).frame(STATES[1])
    assert frame.tobytes() == again.tobytes()
    assert points.tobytes() == same.tobytes()


def test_frames_do_not_depend_on_the_frames_before_them() -> None:
    face = renderer(5)
    first, _ = face.frame(STATES[0])
    face.frame(STATES[1])
    assert np.array_equal(first, face.frame(STATES[0])[0])


def test_frames_and_landmarks_have_the_agreed_shape_and_size() -> None:
    frame, points = renderer(1).frame(FaceState())
    assert frame.shape == (288, 360, 3)
    assert frame.dtype == np.uint8
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    assert 66 <= eyes_apart(points) <= 82


def test_another_frame_size_shows_the_same_face_larger() -> None:
    identity = draw_identity(np.random.default_rng(1))
    frame, points = Renderer(identity, 720, 576).frame(STATES[1])
    _, small = renderer(1).frame(STATES[1])
    assert frame.shape == (576, 720, 3)
    np.testing.assert_allclose(points, 2 * small + 0.5, atol=0.01)


@pytest.mark.parametrize("seed", range(12))
def test_dlib_finds_the_face_and_its_mouth_within_four_percent(seed: int) -> None:
    errors = []
    for state in STATES:
        frame, truth = renderer(seed).frame(state)
        seen = dlib_points(frame)
        errors.append(np.linalg.norm(seen[48:] - truth[48:], axis=1).mean() / eyes_apart(truth))
    assert np.mean(errors) <= 0.04


@pytest.mark.parametrize("seed", [0, 2, 3, 6])
def test_dlib_sees_the_lips_open_as_they_truly_do(seed: int) -> None:
    openings = np.linspace(0, 1, 9)
    pairs = []
    for k, opening in enumerate(openings):
        state = FaceState(opening=float(opening), jaw=0.8 * float(opening), spread=(-0.5, 0.0, 0.5)[k % 3])
        frame, truth = renderer(seed).frame(state)
        pairs.append((lip_gap(truth), lip_gap(dlib_points(frame))))
    true_gap, seen_gap = np.array(pairs).T
    assert np.all(np.diff(true_gap) > 0)
    assert np.corrcoef(true_gap, seen_gap)[0, 1] >= 0.92


def test_the_chin_and_lower_lip_follow_the_jaw_and_the_eyes_stay() -> None:
    face = renderer(3)
    rest, opened = (face.frame(state)[1] for state in (FaceState(), FaceState(opening=1.0, jaw=1.0)))
    assert opened[8, 1] - rest[8, 1] > 5
    assert opened[57, 1] - rest[57, 1] > 8
    np.testing.assert_array_equal(opened[36:48], rest[36:48])


def test_rounding_narrows_the_mouth_and_spreading_widens_it() -> None:
    def width(spread: float) -> float:
        points = renderer(3).frame(FaceState(spread=spread))[1]
        return float(points[54, 0] - points[48, 0])

    assert width(-1.0) < 0.8 * width(0.0) < width(0.0) < width(1.0)


def test_an_open_mouth_is_darker_inside_than_closed_lips() -> None:
    face = renderer(3)
    state = FaceState(opening=0.9, jaw=0.8, teeth=0.0)
    opened, points = face.frame(state)
    column, row = np.round(points[[62, 66]].mean(axis=0)).astype(int)
    closed, _ = face.frame(replace(state, opening=0.0, jaw=0.0))
    lip = closed[int(points[62, 1]) + 3, column].astype(int).sum()
    assert opened[row, column].astype(int).sum() < 0.7 * lip


def test_a_blink_closes_the_lids_and_moving_the_head_moves_every_landmark() -> None:
    face = renderer(3)
    _, rest = face.frame(FaceState())
    _, shut = face.frame(FaceState(blink=1.0))
    assert np.linalg.norm(shut[37] - shut[41]) < 0.15 * np.linalg.norm(rest[37] - rest[41])
    _, moved = face.frame(FaceState(shift=(0.1, 0.0)))
    np.testing.assert_allclose(moved - rest, np.tile([0.1 * face.unit, 0.0], (68, 1)), atol=0.01)
