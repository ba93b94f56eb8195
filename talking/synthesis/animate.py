"""The rows of the comparison as frames: floors, ceiling and the model's two stages, of one test clip."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from talking.models.talking_head import TalkingHead
from talking.synthesis.codes import synthesise_frames
from talking.training.linear import LinearFit, linear_inputs

ROWS = ("static", "wrong_audio", "linear", "inversion", "stage_one", "stage_two")
# The description is IPTC's term for media that a trained model made, which other programs look for.
MARK = {
    "comment": "synthetic media: made by Talking",
    "description": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}


@dataclass(frozen=True)
class Material:
    """What the rows are made from.

    codes: E_I of the true frames, (T, L, 512);
    windows, other: the clip's own audio windows and another clip's, (T, 12, 28);
    identity: the identity image, (R, R, 3) uint8.
    """

    codes: np.ndarray
    windows: np.ndarray
    other: np.ndarray
    identity: np.ndarray


@dataclass
class RowMaker:
    """Everything that turns sound into frames for one speaker."""

    model: TalkingHead
    linear: LinearFit
    generator: torch.nn.Module
    tuned: torch.nn.Module
    size: int

    def rows(self, material: Material) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each row's name and frames (T, size, size, 3) uint8.

        `linear`, `wrong_audio` and `stage_two` are drawn by the speaker's tuned generator, so that they differ in their
        codes alone; `inversion` and `stage_one` by the backbone's own.
        """
        identity, length = material.codes[0], len(material.codes)
        own = predicted_codes(self.model, material.windows, identity)
        yield "static", np.repeat(material.identity[None], length, axis=0)
        yield "inversion", self._draw(self.generator, material.codes)
        yield "linear", self._draw(self.tuned, linear_codes(self.linear, self.model, material.windows, identity))
        yield "wrong_audio", self._draw(self.tuned, predicted_codes(self.model, material.other, identity))
        yield "stage_one", self._draw(self.generator, own)
        yield "stage_two", self._draw(self.tuned, own)

    def _draw(self, generator: torch.nn.Module, codes: np.ndarray) -> np.ndarray:
        return synthesise_frames(generator, codes, self.size)


@torch.no_grad()
def predicted_codes(model: TalkingHead, windows: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Return codes (T, L, 512) of windows (T, 12, 28) and an identity code (L, 512)."""
    device = next(model.parameters()).device
    sound = torch.from_numpy(windows)[None].to(device)
    return model(sound, torch.from_numpy(identity)[None].to(device, torch.float32))[0].cpu().numpy()


@torch.no_grad()
def linear_codes(linear: LinearFit, model: TalkingHead, windows: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Return the linear floor's codes (T, L, 512), through the basis of the model that it is compared with."""
    projector, device = model.projector, model.projector.components.device
    start = torch.from_numpy(identity)[None].to(device, torch.float32)
    inputs = linear_inputs(windows, projector.identity(start)[0].cpu().numpy())
    coefficients = torch.from_numpy(linear.ridge(inputs))[None].to(device, torch.float32)
    return (start[:, None] + projector.displacements(coefficients))[0].cpu().numpy()


def fit_length(windows: np.ndarray, length: int) -> np.ndarray:
    """Return windows (length, 12, 28): cut, or their last one repeated."""
    return windows[np.minimum(np.arange(length), len(windows) - 1)]
