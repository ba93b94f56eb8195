"""What is measured of a model: the rows differ by their generator alone, and agree with the evaluation's own scores."""

from dataclasses import dataclass

import numpy as np
import torch

from talking.corpora import roles
from talking.faces.detectors import Box
from talking.metrics.image import psnr
from talking.models.ridge import Ridge
from talking.synthesis.codes import synthesise_frames
from talking.systems.mm22.ablations.measure import KEPT, HeldOut, few_of, first_of_each, score_rows, summary
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.material import Material
from talking.systems.mm22.predict import RowMaker

NO_LINEAR = LinearFit(Ridge(np.zeros((1, 1))), *(np.zeros(1, np.float32) for _ in range(5)), penalty=1.0)


@dataclass
class Points:
    """A detector that sees a mouth as open as the picture is bright."""

    def aligned_box(self, size: int) -> Box:
        return Box(0, 0, size, size)

    def detect(self, frame: np.ndarray) -> Box:
        return Box(0, 0, *frame.shape[1::-1])

    def shows_face(self, frame: np.ndarray) -> bool:
        return True

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        points = np.random.default_rng(0).uniform(0, 30, (68, 2)).astype(np.float32)
        points[[65, 66, 67], 1] = 40 + frame.mean() / 10
        return points


class Bright(torch.nn.Module):
    """Stands for G: the first number of a code is the brightness, to which `more` is added."""

    def __init__(self, more: float) -> None:
        super().__init__()
        self.more = torch.nn.Parameter(torch.tensor(more))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return (codes[:, 0, 0] + self.more)[:, None, None, None].expand(-1, 3, 32, 32)


class Model(torch.nn.Module):
    """Stands for stage one: the code is the window's first number."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, windows: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        codes = identity[:, None].expand(-1, windows.shape[1], -1, -1).clone()
        codes[..., 0, 0] = windows[:, :, 0, 0]
        return codes


def test_the_better_generator_scores_better_on_the_same_codes() -> None:
    rng, model, generators = np.random.default_rng(1), Model(), {"stage_one": Bright(0.2), "stage_two": Bright(0.02)}
    windows = np.zeros((12, 12, 28), np.float32)
    windows[:, 0, 0] = rng.uniform(-0.5, 0.5, 12)
    codes = np.zeros((12, 6, 8), np.float32)
    codes[:, 0, 0] = windows[:, 0, 0]
    crops = synthesise_frames(Bright(0.0), codes, 32)
    crops = np.clip(crops + rng.integers(0, 3, crops.shape), 0, 255).astype(np.uint8)
    clip = HeldOut(
        roles.TestClip("a_1", "a", "", "unseen", "a_2", "", measured_from=4),
        Material(codes, windows, -windows, crops[0]),
        crops,
    )
    maker = RowMaker(model, NO_LINEAR, generators["stage_one"], generators["stage_two"], 32)
    scores = score_rows(maker, clip, Points(), ("stage_one", "stage_two"))
    assert [score.row for score in scores] == ["stage_one", "stage_two"]
    wanted = psnr(crops[4:], synthesise_frames(generators["stage_two"], codes, 32)[4:]).mean()
    assert scores[1].psnr == wanted > scores[0].psnr
    assert scores[1].mouth_correlation is not None and scores[1].mouth_correlation > 0.95
    floors = score_rows(maker, clip, Points(), ("inversion", "wrong_audio", "static"))
    inversion, wrong, static = (score.mouth_correlation or 0 for score in floors)
    assert inversion > 0.95 and wrong < -0.9 and static == 0
    table = summary(scores)
    assert list(table) == ["stage_one", "stage_two"] and set(table["stage_two"]) == set(KEPT)
    assert (table["stage_two"]["frames"], table["stage_two"]["clips"]) == (8, 1)


def test_so_many_clips_of_each_speaker_are_taken() -> None:
    clips = [("a_1", "a"), ("b_1", "b"), ("a_2", "a"), ("a_3", "a")]
    assert first_of_each(clips, 2) == ["a_1", "a_2", "b_1"]


def test_few_are_those_of_stage_two_or_of_stage_one_where_nothing_was_tuned() -> None:
    one, two = ({"mouth_correlation": 0.5, "lmd": lmd, "psnr": None, "ssim": 0.9} for lmd in (2.0, 1.0))
    assert few_of({"stage_one": one, "stage_two": two}) == {"mouth_correlation": 0.5, "lmd": 1.0, "psnr": None}
    assert few_of({"static": two, "stage_one": one})["lmd"] == 2.0
