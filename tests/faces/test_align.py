"""Aligning a clip: gaps, refusals, stillness, smoothing, and how many frames are held."""

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import Rejected, TalkingError
from talking.faces.align import align_clip
from talking.faces.alignment import crop, ffhq_quad, smooth_quads, to_crop
from talking.faces.detectors import Box, LandmarkDetector
from talking.faces.landmarks import EYES
from talking.media.video import decode_frames

FACE = np.random.default_rng(5).integers(0, 256, (60, 60, 3), np.uint8)


class MarkedDetector:
    """Finds a face where a marked square begins, in frames made by `marked`: a detector whose truth is known."""

    def detect(self, frame: np.ndarray) -> Box | None:
        if frame[0, 0, 0] == 0:
            return None
        x, y = (int(value) for value in frame[0, 1, :2])
        return Box(x, y, x + 60, y + 60)

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        corner = frame[0, 1, :2].astype(np.float32)
        return corner + np.random.default_rng(1).uniform(10, 50, (68, 2)).astype(np.float32)

    def aligned_box(self, size: int) -> Box | None:
        return None


def marked(*places: tuple[int, int] | None) -> Iterator[np.ndarray]:
    for place in places:
        frame = np.zeros((200, 240, 3), np.uint8)
        if place:
            frame[0, 0, 0], frame[0, 1, :2] = 255, place
            frame[place[1] : place[1] + 60, place[0] : place[0] + 60] = FACE
        yield frame


def test_an_aligned_clip_has_a_crop_a_quad_and_landmarks_per_frame() -> None:
    aligned = align_clip(marked((80, 70), (82, 71), (84, 72)), MarkedDetector(), size=64)
    assert (aligned.crops.shape, aligned.crops.dtype) == ((3, 64, 64, 3), np.uint8)
    assert (aligned.landmarks.shape, aligned.landmarks.dtype) == ((3, 68, 2), np.float32)
    assert (aligned.quads.shape, aligned.quads.dtype) == ((3, 4, 2), np.float32)
    assert (aligned.missing, aligned.detections) == (0, 1)
    np.testing.assert_array_equal(aligned.quads, ffhq_quad(aligned.landmarks))
    frames = marked((80, 70), (82, 71), (84, 72))
    expected = [crop(frame, quad, 64) for frame, quad in zip(frames, aligned.quads, strict=True)]
    np.testing.assert_array_equal(aligned.crops, expected)


def test_a_short_gap_is_filled_from_its_neighbours() -> None:
    aligned = align_clip(marked((80, 70), None, None, None, (88, 78)), MarkedDetector(), size=32, max_missing=0.6)
    assert aligned.missing == 3 and aligned.faces.tolist() == [True, False, False, False, True]
    np.testing.assert_allclose(np.diff(aligned.landmarks, axis=0), 2, atol=1e-4)


def test_gaps_at_the_ends_take_the_nearest_face() -> None:
    aligned = align_clip(marked(None, (80, 70), None), MarkedDetector(), size=32, max_missing=0.7)
    assert aligned.missing == 2 and aligned.faces.tolist() == [False, True, False]
    np.testing.assert_array_equal(aligned.landmarks[[0, 2]], aligned.landmarks[[1, 1]])


@pytest.mark.parametrize("frames", [[None], [None] * 4, [None] * 40])
def test_a_faceless_clip_is_refused(frames: list[None], detector: LandmarkDetector) -> None:
    with pytest.raises(Rejected, match="show") as refused:
        align_clip(marked(*frames), detector, max_missing=1.0)
    assert refused.value.reason == "faceless"


def test_a_clip_with_too_few_faces_is_refused_with_numbers() -> None:
    with pytest.raises(Rejected, match="2 of 4 frames show no face; at most 25% may") as refused:
        align_clip(marked((80, 70), None, (80, 70), None), MarkedDetector(), size=32, max_missing=0.25)
    assert refused.value.reason == "faceless"


def test_a_long_gap_is_refused_when_it_becomes_too_long() -> None:
    frames = marked((80, 70), (80, 70), None, None, None, None, (80, 70))
    with pytest.raises(Rejected, match="frames 2 to 4 show no face; at most 2 on end may"):
        align_clip(frames, MarkedDetector(), size=32, max_missing=1.0, longest_gap=2)
    assert len(list(frames)) == 2


def test_a_clip_without_frames_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        align_clip(iter(()), MarkedDetector())
    assert refused.value.reason == "short"


def test_impossible_parameters_are_refused() -> None:
    for wrong in ({"max_missing": 1.5}, {"longest_gap": -1}, {"size": 0}, {"smoothing": -1.0}):
        with pytest.raises(TalkingError):
            align_clip(marked((80, 70)), MarkedDetector(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("smoothing", [0.0, 0.4, 2.0, 30.0])
def test_smoothing_in_one_pass_equals_smoothing_the_whole(smoothing: float) -> None:
    steps = np.random.default_rng(2).integers(60, 100, (25, 2))
    aligned = align_clip(marked(*(tuple(step) for step in steps)), MarkedDetector(), size=16, smoothing=smoothing)
    np.testing.assert_allclose(aligned.quads, smooth_quads(ffhq_quad(aligned.landmarks), smoothing), atol=1e-4)


@pytest.mark.parametrize(("smoothing", "most"), [(0.0, 3), (1.0, 6)])
def test_few_frames_are_held_at_a_time(smoothing: float, most: int) -> None:
    living: list[weakref.ref[np.ndarray]] = []
    counts = []

    def watched() -> Iterator[np.ndarray]:
        for frame in marked(*[(80, 70)] * 30):
            own = frame.copy()
            living.append(weakref.ref(own))
            counts.append(sum(reference() is not None for reference in living))
            yield own

    align_clip(watched(), MarkedDetector(), size=16, smoothing=smoothing)
    assert len(counts) == 30
    assert max(counts) <= most


def test_crops_of_a_still_picture_do_not_jitter(astronaut: np.ndarray, detector: LandmarkDetector) -> None:
    aligned = align_clip([astronaut[:300, 60:420]] * 6, detector)
    assert np.ptp(aligned.crops, axis=0).max() == 0


def test_crops_of_a_still_but_noisy_picture_hardly_jitter(astronaut: np.ndarray, detector: LandmarkDetector) -> None:
    random = np.random.default_rng(0)
    still = astronaut[:300, 60:420].astype(float)
    noisy = [np.clip(still + random.normal(0, 4, still.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    alone, smoothed = (align_clip(noisy, detector, smoothing=smoothing).quads for smoothing in (0.0, 2.0))
    assert alone.std(0).max() < 0.6
    assert smoothed.std(0).max() < 0.6 * alone.std(0).max()


def test_the_same_clip_gives_the_same_bytes(astronaut: np.ndarray, detector: LandmarkDetector) -> None:
    frames = [astronaut[:300, 60 + step : 420 + step] for step in range(0, 12, 3)]
    one, two = align_clip(frames, detector), align_clip(frames, detector)
    assert one.crops.tobytes() == two.crops.tobytes()
    assert one.landmarks.tobytes() == two.landmarks.tobytes()


def test_a_real_clip_is_aligned_whole(real_data: Path, detector: LandmarkDetector) -> None:
    frames = decode_frames(real_data / "grid" / "s1" / "bbaf2n.mpg")
    aligned = align_clip(frames, detector)
    assert aligned.crops.shape == (75, 256, 256, 3)
    assert (aligned.missing, aligned.detections) == (0, 1)
    eyes = to_crop(aligned.landmarks, aligned.quads, 256)[:, EYES].mean(1)
    # The middle of the eyes of an aligned face: in the centre, a little above.
    np.testing.assert_allclose(eyes, np.broadcast_to([127.5, 120], (75, 2)), atol=6)
