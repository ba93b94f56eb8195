"""Landmark detectors against annotated photographs, stored landmarks and cases by hand; missing weights are named."""

import urllib.request
import xml.etree.ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.corpora.demo.identity import draw_identity
from talking.corpora.demo.renderer import Renderer
from talking.corpora.demo.state import FaceState
from talking.faces.alignment import crop, ffhq_quad, to_crop
from talking.faces.detectors import Box, FaceAlignmentDetector, LandmarkDetector, foremost, make_detector
from talking.faces.landmarks import MOUTH, outer_eye_distance


def annotated(path: Path) -> list[tuple[Path, list[np.ndarray]]]:
    """Read dlib's XML: pictures, and per picture the landmarks (68, 2) of its faces."""
    found = []
    for image in xml.etree.ElementTree.parse(path).iter("image"):
        faces = [[(float(part.get("x", 0)), float(part.get("y", 0))) for part in box.iter("part")] for box in image]
        found.append((path.parent / str(image.get("file")), [np.array(face) for face in faces if len(face) == 68]))
    return found


def error(points: np.ndarray, face: np.ndarray) -> float:
    """Return the mean distance of points (68, 2) from a face's, in distances between the eyes' outer corners."""
    return float(np.hypot(*(points - face).T).mean() / outer_eye_distance(face))


def is_of(box: Box, face: np.ndarray) -> bool:
    """Tell whether the box is this face's: their middles lie within a quarter of its side."""
    middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2]
    return bool(np.abs((face.min(0) + face.max(0)) / 2 - middle).max() < (box.right - box.left) / 4)


def test_dlib_agrees_with_annotated_photographs(real_data: Path, detector: LandmarkDetector) -> None:
    errors = []
    for name in ("testing_with_face_landmarks.xml", "training_with_face_landmarks.xml"):
        for path, faces in annotated(real_data / "faces" / name):
            frame = cv2.imread(str(path))[..., ::-1]
            box = detector.detect(frame)
            assert box is not None, path.name
            points = detector.landmarks(frame, box)
            errors += [error(points, face) for face in faces if is_of(box, face)]
    assert len(errors) == 9
    assert np.median(errors) < 0.03
    assert max(errors) < 0.08


def test_dlib_finds_the_stored_landmarks_to_a_pixel(
    detector: LandmarkDetector, astronaut: np.ndarray, astronaut_landmarks: np.ndarray
) -> None:
    box = detector.detect(astronaut)
    assert box is not None
    points = detector.landmarks(astronaut, box)
    assert points.dtype == np.float32
    assert points.shape == (68, 2)
    assert np.hypot(*(points - astronaut_landmarks).T).mean() < 1
    assert np.abs((points - astronaut_landmarks).mean(0)).max() < 0.3


def test_landmarks_are_finer_than_a_pixel(detector: LandmarkDetector, astronaut: np.ndarray) -> None:
    box = detector.detect(astronaut)
    assert box is not None
    for shift in (0.25, 0.5, 0.75):
        moved = cv2.warpAffine(astronaut, np.array([[1, 0, shift], [0, 1, 0]]), (512, 512))
        step = (detector.landmarks(moved, box) - detector.landmarks(astronaut, box)).mean(0)
        np.testing.assert_allclose(step, [shift, 0], atol=0.2)


def test_a_frame_larger_than_the_scanned_one_gives_the_same_face(
    detector: LandmarkDetector, astronaut: np.ndarray
) -> None:
    large = cv2.resize(astronaut, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    small_box, large_box = detector.detect(astronaut), detector.detect(large)
    assert small_box is not None
    assert large_box is not None
    np.testing.assert_allclose((np.array(large_box) + 0.5) / 3 - 0.5, small_box, atol=12)
    difference = (detector.landmarks(large, large_box) + 0.5) / 3 - 0.5 - detector.landmarks(astronaut, small_box)
    assert np.hypot(*difference.T).mean() < 2


@pytest.mark.parametrize("shape", [(288, 360, 3), (60, 60, 3)])
def test_a_frame_without_a_face_has_no_box(shape: tuple[int, int, int], detector: LandmarkDetector) -> None:
    assert detector.detect(np.zeros(shape, np.uint8)) is None


def test_a_box_beyond_the_picture_still_gives_68_points(detector: LandmarkDetector, astronaut: np.ndarray) -> None:
    assert detector.landmarks(astronaut, Box(-400, -400, -300, -300)).shape == (68, 2)


def test_of_two_faces_the_larger_or_else_the_more_central_is_foremost() -> None:
    small, large = Box(40, 40, 60, 60), Box(35, 35, 75, 75)
    aside = Box(0, 40, 20, 60)
    assert foremost([small, large], 100, 100) == large
    assert foremost([aside, small], 100, 100) == small
    assert foremost([], 100, 100) is None


def test_two_people_side_by_side_give_the_nearer_one(detector: LandmarkDetector, astronaut: np.ndarray) -> None:
    near = astronaut[:300, 80:380]
    far = cv2.resize(near, (180, 180), interpolation=cv2.INTER_AREA)
    frame = np.full((300, 500, 3), 200, np.uint8)
    frame[:180, :180], frame[:, 200:] = far, near
    box = detector.detect(frame)
    assert box is not None
    assert box.left > 200


def test_an_unknown_detector_is_refused_by_name() -> None:
    with pytest.raises(TalkingError, match="no landmark detector 'mtcnn'; choose one of dlib, face_alignment"):
        make_detector("mtcnn")


def test_a_missing_or_foreign_model_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match=r"absent\.dat does not exist"):
        make_detector("dlib", weights=tmp_path / "absent.dat")
    foreign = tmp_path / "foreign.dat"
    foreign.write_text("this is text")
    with pytest.raises(TalkingError, match=r"foreign\.dat is not a landmark model"):
        make_detector("dlib", weights=foreign)


def test_face_alignment_without_its_weights_says_which_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("weights must not be downloaded")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(
        TalkingError, match=rf"lacks its weights {FaceAlignmentDetector.DETECTOR}.*put it into {tmp_path}"
    ):
        make_detector("face_alignment", device="cpu", weights=tmp_path)
    (tmp_path / FaceAlignmentDetector.DETECTOR).touch()
    with pytest.raises(TalkingError, match=f"lacks its weights {FaceAlignmentDetector.PREDICTOR}"):
        make_detector("face_alignment", device="cpu", weights=tmp_path)


def test_face_alignment_looks_where_torch_keeps_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(TalkingError, match=f"put it into {tmp_path}/hub/checkpoints"):
        make_detector("face_alignment", device="cpu")


def test_face_alignment_computes_on_the_device_that_the_process_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talking.faces.detectors.FaceAlignmentDetector", lambda device, weights: (device, weights))
    assert make_detector("face_alignment", weights=tmp_path) == (str(best_device()), tmp_path)
    assert make_detector("face_alignment", device="meta", weights=tmp_path) == ("meta", tmp_path)


def test_face_alignment_runs_on_files_that_lie_here(
    tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With untrained networks of the published names: the wiring, not the quality."""
    import torch
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    torch.manual_seed(0)
    detector = s3fd().state_dict()
    for name in detector:
        if "conf" in name:  # the share of the class "face" is the last of each confidence layer's channels: never one
            detector[name].zero_()
            detector[name][-1] = -20 if name.endswith("bias") else 0
    torch.save(detector, tmp_path / FaceAlignmentDetector.DETECTOR)
    predictor = FAN(4).state_dict()
    torch.save(predictor, tmp_path / FaceAlignmentDetector.PREDICTOR)
    detector = FaceAlignmentDetector("cpu", tmp_path)
    frame = astronaut[:160, 140:300]
    assert detector.detect(frame) is None
    asked = {}

    def predicted(picture: np.ndarray, detected_faces: list[np.ndarray]) -> list[np.ndarray]:
        asked["boxes"] = detected_faces
        return [np.full((68, 2), 7.0)]

    monkeypatch.setattr(detector._library, "get_landmarks_from_image", predicted)
    points = detector.landmarks(frame, Box(30, 80, 120, 170))
    np.testing.assert_array_equal(asked["boxes"], [[30, 80, 120, 170]])
    assert (points.shape, points.dtype) == ((68, 2), np.float32)
    for name, value in detector._library.face_alignment_net.state_dict().items():
        assert torch.equal(value, predictor[name]), name


def test_in_an_ffhq_crop_the_face_is_where_dlib_is_told_that_it_is(
    detector: LandmarkDetector, astronaut: np.ndarray, astronaut_landmarks: np.ndarray
) -> None:
    quad = ffhq_quad(astronaut_landmarks)
    box = detector.aligned_box(256)
    assert box is not None
    points = detector.landmarks(crop(astronaut, quad, 256), box)
    assert error(points, to_crop(astronaut_landmarks, quad, 256)) < 0.02


def test_the_mouth_is_found_in_crops_of_long_faces_too(detector: LandmarkDetector) -> None:
    """Where the detector is run on the crop itself, the mouths of some of these are sought below the nose."""
    box = detector.aligned_box(256)
    assert box is not None
    errors = []
    for seed in range(12):
        frame, truth = Renderer(draw_identity(np.random.default_rng(seed))).frame(FaceState(opening=0.3, jaw=0.25))
        quad = ffhq_quad(truth)
        points, true = detector.landmarks(crop(frame, quad, 256), box), to_crop(truth, quad, 256)
        errors.append(np.hypot(*(points - true)[MOUTH].T).mean() / outer_eye_distance(true))
    assert max(errors) < 0.04 and np.mean(errors) < 0.02


def test_a_face_is_seen_in_every_crop_in_which_the_detector_finds_one_and_in_no_other(
    detector: LandmarkDetector, astronaut: np.ndarray, astronaut_landmarks: np.ndarray
) -> None:
    whole = crop(astronaut, ffhq_quad(astronaut_landmarks), 256)
    half = np.where(np.arange(256)[:, None, None] < 110, whole, 0)
    pictures = [whole, cv2.GaussianBlur(whole, (0, 0), 6), half, np.zeros_like(whole), whole[::-1]]
    for size in (256, 128):
        sized = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures]
        assert [detector.shows_face(picture) for picture in sized] == [detector.detect(p) is not None for p in sized]
        assert [detector.shows_face(sized[index]) for index in (0, 3, 4)] == [True, False, False]


def test_sfd_boxes_of_crops_are_not_known_beforehand() -> None:
    assert FaceAlignmentDetector.aligned_box(object.__new__(FaceAlignmentDetector), 256) is None
