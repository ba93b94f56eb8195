"""Stage two (MM'22 section 3.2.2): tune G on one speaker, codes fixed, as pivotal tuning does (Roich et al. 2021)."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from talking.losses.perceptual import PerceptualLoss
from talking.losses.reconstruction import region_weights
from talking.media.pixels import to_tensor
from talking.media.resizing import resize_frames
from talking.models.generator import FrameGenerator
from talking.systems.mm22.params import StageTwo
from talking.training.context import MemoryContext, TrainContext
from talking.training.loop import Descend, LoopSettings, Losses, Recipe, train

# Steps between checkpoints: seconds of work to do again after a kill, against a file of three networks.
SAVE_EVERY = 50


@dataclass(frozen=True)
class Faces:
    """What a generator is tuned on.

    codes: pivots E_I(x_t), (T, L, 512);
    crops: the frames x_t, (T, R', R', 3) uint8, of any size;
    landmarks: (T, 68, 2) in pixels of the crops, or None: the mouth then counts no more than the rest.
    """

    codes: np.ndarray
    crops: np.ndarray
    landmarks: np.ndarray | None = None


def shares(frames: int, clips: int) -> list[int]:
    """Return how many frames to take of each clip, as alike as whole numbers allow, `frames` in all."""
    ends = [frames * number // clips for number in range(clips + 1)]
    return [end - begin for begin, end in pairwise(ends)]


def evenly(count: int, length: int) -> np.ndarray:
    """Return the indices of `count` frames spread over a clip of `length` frames; the first where it is one."""
    count = min(count, length)
    return np.arange(count) * length // max(count, 1)


def tune_generator(
    generator: FrameGenerator,
    faces: Faces,
    params: StageTwo,
    perceptual: PerceptualLoss,
    *,
    seed: int,
    context: TrainContext | None = None,
) -> tuple[FrameGenerator, list[float]]:
    """Return a tuned copy of the generator, and the loss of every step.

    It ends early when the losses' moving average has not reached a new low for `stop_after` steps.
    L = lambda_lpips LPIPS + lambda_l2 mean square (equations 5 and 6), where the square counts `mouth_weight` times in
    the mouth's box. With a `context` that keeps checkpoints it goes on where it was killed.
    Raises `TalkingError` when the loss is no number.
    """
    recipe = TuningRecipe(generator, faces, params, perceptual, seed=seed)
    settings = LoopSettings(
        section="stage_two",
        remedy="lower stage_two.lr",
        steps=params.steps,
        seed=seed,
        report_every=SAVE_EVERY,
        save_every=SAVE_EVERY,
    )
    train(recipe, settings, context or MemoryContext(recipe.device))
    return recipe.tuned.eval().requires_grad_(False), recipe.losses


class TuningRecipe(Recipe):
    """A copy of the generator, tuned on a few faces whose order one generator of random numbers draws."""

    def __init__(
        self, generator: FrameGenerator, faces: Faces, params: StageTwo, perceptual: PerceptualLoss, *, seed: int
    ) -> None:
        self.params, self.perceptual = params, perceptual
        self.tuned = copy.deepcopy(generator).train().requires_grad_(True)
        self.device = next(self.tuned.parameters()).device
        codes = np.ascontiguousarray(faces.codes, dtype=np.float32)
        self.pivots = torch.from_numpy(codes).to(self.device)  # (T, L, 512)
        self.frames = to_tensor(resize_frames(faces.crops, generator.resolution), self.device)  # (T, 3, R, R)
        self.weights = _weights(faces, generator.resolution, params.mouth_weight).to(self.device)  # (T, 1, R, R)
        self.networks = {"generator": self.tuned}
        adam = torch.optim.Adam(synthesis_parameters(self.tuned), lr=params.lr, betas=params.betas)
        self.optimizers = {"generator": adam}
        self.draw = torch.Generator().manual_seed(seed)
        self.losses: list[float] = []

    def step(self, step: int, descend: Descend) -> Losses:  # noqa: ARG002
        """Bring the generator nearer to some of the frames."""
        params = self.params
        chosen = torch.randperm(len(self.pivots), generator=self.draw)[: params.batch]
        frames = self.frames[chosen]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=params.bf16):
            prediction = self.tuned(self.pivots[chosen])
            loss = params.lambda_lpips * self.perceptual(prediction, frames).mean() if params.lambda_lpips else 0.0
        loss = loss + params.lambda_l2 * ((prediction.float() - frames).square() * self.weights[chosen]).mean()
        descend(loss, "generator")
        self.losses.append(loss.item())
        return {"loss": self.losses[-1]}

    def settled(self) -> bool:
        """Tell whether the losses have reached no new low for long."""
        return settled(self.losses, self.params.stop_after, self.params.smooth)

    def state(self) -> dict[str, Any]:
        """Return where the random numbers stand, and the losses so far."""
        return {"draw": self.draw.get_state(), "losses": self.losses}

    def take(self, state: dict[str, Any]) -> None:
        """Go on there."""
        self.draw.set_state(state["draw"].cpu())
        self.losses = list(state["losses"])


def settled(losses: Sequence[float], patience: int | None, smooth: float) -> bool:
    """Return whether the moving average of losses (decay `smooth`) was lowest at least `patience` steps ago."""
    if patience is None or len(losses) <= patience:
        return False
    averages = list(accumulate(losses, lambda average, loss: smooth * average + (1 - smooth) * loss))
    return len(averages) - 1 - averages.index(min(averages)) >= patience


def _weights(faces: Faces, resolution: int, mouth: float) -> torch.Tensor:
    """Weights (T, 1, R, R) of mean 1: `mouth` in the mouth's box, where the landmarks say where it is."""
    if faces.landmarks is None or mouth == 1:
        return torch.ones(len(faces.codes), 1, 1, 1)
    points = torch.from_numpy(faces.landmarks).float() * (resolution / faces.crops.shape[1])
    weights = region_weights(points, resolution, mouth=mouth, eyes=1.0)
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def synthesis_parameters(generator: nn.Module) -> list[nn.Parameter]:
    """Return what tuning changes: everything but the mapping network, which codes in W+ do not pass."""
    return [parameter for name, parameter in generator.named_parameters() if not name.startswith("style.")]
