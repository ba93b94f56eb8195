"""LipFollower followed while training, on drawn faces whose opening a code tells, seen by the real detector."""

import numpy as np
import pytest
import torch

from talking.corpora.demo.identity import draw_identity
from talking.corpora.demo.renderer import Renderer
from talking.corpora.demo.state import FaceState
from talking.data.clips import ClipArrays
from talking.faces.alignment import crop, ffhq_quad
from talking.faces.detectors import make_detector
from talking.systems.mm22.lips import LipFollower

OPENINGS = 8


class Drawn(torch.nn.Module):
    """Stands for G: the first number of a code, 0 to 1, is how far the mouth of a drawn face is open."""

    def __init__(self) -> None:
        super().__init__()
        renderer = Renderer(draw_identity(np.random.default_rng(5)))
        drawn = [renderer.frame(FaceState(opening=o, jaw=0.8 * o)) for o in np.linspace(0, 0.8, OPENINGS)]
        faces = np.stack([crop(frame, ffhq_quad(landmarks), 128) for frame, landmarks in drawn])
        self.faces = torch.nn.Parameter(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.faces[(codes[:, 0, 0] * (OPENINGS - 1)).round().long().clamp(0, OPENINGS - 1)]


def clip(number: int, frames: int = 24) -> ClipArrays:
    """Sound whose first number is the opening."""
    opening = 0.5 + 0.5 * np.sin(np.arange(frames) * (0.5 + 0.4 * number) + number)
    codes = np.zeros((frames, 2, 3), np.float32)
    codes[:, 0, 0] = opening
    windows = np.zeros((frames, 12, 28), np.float32)
    windows[:, 0, 0] = opening
    return ClipArrays(f"a_{number}", codes, windows)


@pytest.fixture(scope="module")
def lips() -> LipFollower:
    return LipFollower(Drawn(), make_detector("dlib"), [clip(0), clip(1)])


def from_sound(windows: np.ndarray, identity: np.ndarray) -> np.ndarray:
    codes = np.repeat(identity[None], len(windows), axis=0)
    codes[:, 0, 0] = windows[:, 0, 0]
    return codes


def test_lips_that_follow_the_sound_correlate_and_with_anothers_sound_do_not(lips) -> None:
    found = lips.correlations(from_sound)
    assert found["mouth_correlation"] > 0.99
    assert abs(found["mouth_wrong_audio"]) < 0.6


def test_a_mean_face_has_no_correlation(lips) -> None:
    found = lips.correlations(lambda windows, identity: np.repeat(identity[None], len(windows), axis=0))
    assert found == {"mouth_correlation": 0.0, "mouth_wrong_audio": 0.0}


def test_where_no_face_can_be_seen_nothing_is_said() -> None:
    blank = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 3 * 64 * 64), torch.nn.Unflatten(1, (3, 64, 64)))
    assert LipFollower(blank.requires_grad_(False), make_detector("dlib"), [clip(0)]).correlations(from_sound) == {}
