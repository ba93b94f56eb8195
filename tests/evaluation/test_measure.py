"""What an evaluation takes from one clip, with a detector whose landmarks are known by hand."""

import numpy as np
import pytest

from talking.corpora.clip import Segment
from talking.evaluation.evaluate import Networks
from talking.evaluation.measure import TRUE, Measurer
from talking.faces.detectors import Box
from talking.metrics.unavailable import Unavailable

SIZE, FRAMES = 64, 12
PHONES = (Segment(0.0, 0.2, "b"), Segment(0.2, 0.48, "a"))
NO_INCEPTION = Unavailable("no Inception")


class GreyDetector:
    """Reads the mouth's opening, in pixels, off the grey level of a frame; a black frame has no face."""

    def detect(self, frame: np.ndarray) -> Box | None:
        return Box(8, 8, 56, 56) if frame.max() else None

    def shows_face(self, frame: np.ndarray) -> bool:
        return self.detect(frame) is not None

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        points = np.tile(np.linspace(10, 54, 68, dtype=np.float32)[:, None], (1, 2))
        points[[61, 62, 63], :] = [[28, 40], [32, 40], [36, 40]]
        points[[67, 66, 65], :] = [[28, 40], [32, 40], [36, 40]]
        points[[65, 66, 67], 1] += float(frame[0, 0, 0]) / 10
        return points

    def aligned_box(self, size: int) -> Box | None:
        return None


def clip(levels: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return grey frames (T, size, size, 3)."""
    return np.ones((len(levels), size, size, 3), np.uint8) * levels.astype(np.uint8)[:, None, None, None]


LEVELS = np.array([100, 100, 100, 110, 120, 130, 140, 130, 120, 110, 100, 100])


@pytest.fixture
def measurer() -> Measurer:
    return Measurer(GreyDetector(), Networks(), NO_INCEPTION, columns=4, thumbnail=16)


def measure(measurer: Measurer, target: np.ndarray, prediction: dict[str, np.ndarray], measured_from: int = 0):
    return measurer.measure(
        target, prediction, PHONES, key="s1_a", speaker="s1", split="unseen", measured_from=measured_from
    )


def test_a_perfect_row_and_a_frozen_one(measurer: Measurer) -> None:
    target = clip(LEVELS)
    measured = measure(measurer, target, {"static": np.repeat(target[:1], FRAMES, axis=0), "inversion": target.copy()})
    static, inversion = measured.scores
    assert (static.row, inversion.row) == ("static", "inversion")
    assert (inversion.psnr, inversion.lmd, inversion.frames) == (100.0, 0.0, FRAMES)
    assert inversion.mouth_correlation == pytest.approx(1)
    assert static.mouth_correlation == 0
    assert static.psnr == pytest.approx((5 * 100 + 2 * (28.131 + 22.110 + 18.589) + 16.090) / 12, abs=0.01)
    assert (measured.key, measured.speaker, measured.split) == ("s1_a", "s1", "unseen")


def test_the_openings_are_those_that_the_detector_sees(measurer: Measurer) -> None:
    target = clip(LEVELS)
    measured = measure(measurer, target, {"stage_one": clip(LEVELS - 20)})
    assert list(measured.openings) == [TRUE, "stage_one"]
    np.testing.assert_allclose(measured.openings[TRUE], LEVELS / 10, atol=1e-4)
    np.testing.assert_allclose(measured.openings["stage_one"], LEVELS / 10 - 2, atol=1e-4)


def test_longer_videos_are_cut_to_the_shortest(measurer: Measurer) -> None:
    measured = measure(measurer, clip(LEVELS), {"a": clip(LEVELS[:10]), "b": clip(LEVELS[:11])})
    assert [score.frames for score in measured.scores] == [10, 10]
    assert [score.psnr for score in measured.scores] == [100.0, 100.0]
    assert {len(opening) for opening in measured.openings.values()} == {10}


def test_true_crops_are_resized_to_the_videos(measurer: Measurer) -> None:
    measured = measure(measurer, clip(LEVELS, size=2 * SIZE), {"inversion": clip(LEVELS)})
    assert measured.scores[0].psnr == 100.0


def test_frames_without_a_face_are_counted_one_by_one_and_have_no_opening(measurer: Measurer) -> None:
    levels = np.resize(LEVELS, 40)
    dark = np.where(np.isin(np.arange(40), [3, 30, 31]), 0, levels)
    measured = measure(measurer, clip(levels), {"stage_two": clip(dark)})
    assert (measured.scores[0].frames, measured.scores[0].missed_frames) == (40, 3)
    assert np.flatnonzero(np.isnan(measured.openings["stage_two"])).tolist() == [3, 30, 31]


def test_no_row_is_measured_on_what_was_seen_nor_where_the_true_video_has_no_face(measurer: Measurer) -> None:
    target = clip(np.where(np.arange(12) == 6, 0, LEVELS))
    spoiled = clip(np.where(np.isin(np.arange(12), [0, 1, 2, 3, 6]), 250, LEVELS))
    measurer.inception = lambda frames: frames.reshape(len(frames), -1)[:, :3].astype(np.float32)
    measured = measure(measurer, target, {"static": spoiled, "stage_two": target.copy()}, measured_from=4)
    assert [score.frames for score in measured.scores] == [7, 7]
    assert [score.psnr for score in measured.scores] == [100.0, 100.0]
    assert [score.lmd for score in measured.scores] == [0.0, 0.0]
    assert {len(features) for features in measured.features.values()} == {7}
    assert {len(opening) for opening in measured.openings.values()} == {12}
    assert measured.faceless == 1
    assert measured.lips is not None and measured.lips.bilabials == 1, "frames 0 to 4 are a b, and 4 alone is measured"


def test_the_identity_image_is_not_measured_unless_told(measurer: Measurer) -> None:
    prediction = {"static": np.repeat(clip(LEVELS)[:1], FRAMES, axis=0)}
    measured = measurer.measure(clip(LEVELS), prediction, PHONES, key="s1_a", speaker="s1", split="unseen")
    assert measured.scores[0].frames == FRAMES - 1


def test_a_clip_without_a_true_face_has_no_scores(measurer: Measurer) -> None:
    measured = measure(measurer, clip(LEVELS * 0), {"static": clip(LEVELS)})
    assert (measured.scores, measured.faceless, measured.lips) == ([], FRAMES, None)


def test_made_frames_are_looked_at_where_the_true_face_is(measurer: Measurer) -> None:
    boxes = []

    class Recorder(GreyDetector):
        def detect(self, frame: np.ndarray) -> Box | None:
            found = int(frame.max())
            return Box(found, 0, 60, 60) if found else None

        def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
            boxes.append(box)
            return super().landmarks(frame, box)

    measurer.detector = Recorder()
    measure(measurer, clip(LEVELS), {"stage_two": clip(LEVELS + 7)})
    assert set(boxes) == {Box(100, 0, 60, 60)}


def test_the_stills_are_evenly_spaced_and_small(measurer: Measurer) -> None:
    measured = measure(measurer, clip(LEVELS), {"static": clip(LEVELS[::-1])})
    assert {still.shape for still in measured.stills.values()} == {(4, 16, 16, 3)}
    assert measured.stills[TRUE][:, 0, 0, 0].tolist() == LEVELS[[0, 4, 7, 11]].tolist()
    assert measured.stills["static"][:, 0, 0, 0].tolist() == LEVELS[::-1][[0, 4, 7, 11]].tolist()


def test_stills_are_not_enlarged(measurer: Measurer) -> None:
    measurer.thumbnail = 500
    measured = measure(measurer, clip(LEVELS), {"static": clip(LEVELS)})
    assert measured.stills["static"].shape == (4, SIZE, SIZE, 3)


def test_features_are_taken_where_there_is_a_network(measurer: Measurer) -> None:
    assert measure(measurer, clip(LEVELS), {"static": clip(LEVELS)}).features == {}
    measurer.inception = lambda frames: frames.reshape(len(frames), -1)[:, :3].astype(np.float32)
    features = measure(measurer, clip(LEVELS), {"static": clip(LEVELS - 1)}).features
    assert list(features) == [TRUE, "static"]
    assert features["static"][:, 0].tolist() == (LEVELS - 1).tolist()


def test_frames_in_which_align_saw_no_face_do_not_count_and_the_first_with_one_is_the_identity(
    measurer: Measurer,
) -> None:
    """The made frames are wrong there and in the identity image alone: a row that is perfect where it counts."""
    faces = np.ones(FRAMES, bool)
    faces[[0, 1, 6]] = False
    prediction = clip(LEVELS)
    prediction[[0, 1, 2, 6]] = 250
    measured = measurer.measure(
        clip(LEVELS), {"inversion": prediction}, PHONES, key="s1_a", speaker="s1", split="unseen", faces=faces
    )
    (score,) = measured.scores
    assert (score.psnr, score.lmd, score.frames) == (100.0, 0.0, FRAMES - 4)
    assert measured.faceless == 1 and np.isnan(measured.openings[TRUE][[0, 1, 6]]).all()
