"""The quality of a backbone, with pairs whose inversion is known by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from talking.data.shards import ClipStatus, Sample, ShardFolder, write_index, write_shard
from talking.evaluation.inversion import KEPT, face_box, inversion_quality, sight_of
from talking.faces.detectors import Box
from talking.media.video import encode_frames_bytes

SIZE, FRAMES = 32, 6
KEYS = ["s1_a", "s1_b", "s2_a"]


class MiddleDetector:
    """Sees a mouth as open as the frame is bright."""

    def detect(self, frame: np.ndarray) -> Box | None:
        return Box(4, 4, 28, 28)

    def shows_face(self, frame: np.ndarray) -> bool:
        return True

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        points = np.tile(np.linspace(5, 27, 68, dtype=np.float32)[:, None], (1, 2))
        points[[61, 62, 63, 67, 66, 65], 1] = 20
        points[[65, 66, 67], 1] += frame.mean() / 50
        return points

    def aligned_box(self, size: int) -> Box | None:
        return None


class Grey(nn.Module):
    """A backbone that keeps the mean colour of a crop alone, changed by `slope`; itself its generator."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    @property
    def generator(self) -> "Grey":
        return self

    def invert(self, crops: torch.Tensor) -> torch.Tensor:
        return crops.mean(dim=(2, 3))[:, None] * self.slope  # (B, 1, 3)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return codes[:, 0, :, None, None].expand(-1, 3, SIZE, SIZE)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    """Three grey clips of two speakers, and one of another that is not asked for."""
    folder = tmp_path_factory.mktemp("aligned")
    keys = [*KEYS, "s2_b"]
    row = write_shard(folder / "all-000.tar", _samples(keys))
    write_index(folder, [row], [ClipStatus(key, key[:2], "all-000.tar", "ok") for key in keys])
    return ShardFolder(folder)


def _samples(keys: list[str]) -> Iterator[Sample]:
    for number, key in enumerate(keys):
        levels = (60 + 20 * np.arange(FRAMES) + 5 * number).astype(np.uint8)
        frames = np.ones((FRAMES, SIZE, SIZE, 3), np.uint8) * levels[:, None, None, None]
        yield Sample(key, {"crops.mp4": encode_frames_bytes(frames, crf=0, pixel_format="yuv444p")})


def test_a_backbone_that_keeps_everything_scores_perfectly(aligned: ShardFolder) -> None:
    quality = inversion_quality(Grey(1.0), aligned, KEYS, MiddleDetector())
    assert set(quality) == set(KEPT)
    assert (quality["psnr"], quality["lmd"], quality["missed_frames"]) == (100.0, 0.0, 0)
    assert quality["mouth_correlation"] == pytest.approx(1)
    assert quality["opening_slope"] == pytest.approx(1)
    assert (quality["clips"], quality["speakers"], quality["frames"]) == (3, 2, 3 * FRAMES)


def test_a_backbone_that_halves_the_movement_halves_the_slope(aligned: ShardFolder) -> None:
    quality = inversion_quality(Grey(0.5), aligned, KEYS, MiddleDetector())
    assert quality["mouth_correlation"] == pytest.approx(1, abs=1e-3)
    assert quality["opening_slope"] == pytest.approx(0.5, abs=0.02)
    assert quality["psnr"] < 30


def test_a_backbone_that_forgets_the_mouth_has_no_correlation(aligned: ShardFolder) -> None:
    quality = inversion_quality(Grey(0.0), aligned, ["s1_a"], MiddleDetector())
    assert quality["mouth_correlation"] == 0
    assert (quality["clips"], quality["speakers"]) == (1, 1)


def test_without_clips_there_are_no_numbers(aligned: ShardFolder) -> None:
    assert inversion_quality(Grey(1.0), aligned, [], MiddleDetector()) == dict.fromkeys(KEPT)


def test_a_sight_holds_the_frames_and_what_is_seen_in_them() -> None:
    frames = np.full((3, SIZE, SIZE, 3), 100, np.uint8)
    sight = sight_of(frames, MiddleDetector(), face_box(frames, MiddleDetector()))
    assert sight.frames is frames
    assert sight.landmarks.shape == (3, 68, 2)
    np.testing.assert_allclose(sight.landmarks[:, 66, 1] - sight.landmarks[:, 62, 1], 2)


def test_a_face_is_looked_for_in_every_frame_and_points_are_placed_in_all() -> None:
    frames = np.full((4, SIZE, SIZE, 3), 100, np.uint8)
    frames[[0, 2]] = 0

    class Lit(MiddleDetector):
        def shows_face(self, frame: np.ndarray) -> bool:
            return bool(frame.max())

    sight = sight_of(frames, Lit(), face_box(frames, Lit()))
    assert sight.found.tolist() == [False, True, False, True]
    assert np.isfinite(sight.landmarks).all()
    assert np.isnan(sight.openings).tolist() == [True, False, True, False]
    nowhere = sight_of(frames, Lit(), None)
    assert not nowhere.found.any() and np.isnan(nowhere.openings).all()


def test_a_clip_without_a_true_face_is_left_out(aligned: ShardFolder) -> None:
    class Blind(MiddleDetector):
        def shows_face(self, frame: np.ndarray) -> bool:
            return False

    assert inversion_quality(Grey(1.0), aligned, KEYS, Blind()) == dict.fromkeys(KEPT)
