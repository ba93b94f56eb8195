"""The rows of the comparison as frames: floors, ceilings and the model's two stages, of one test clip."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from talking.evaluation.methods import NO_GENERATOR
from talking.synthesis.codes import synthesise_frames
from talking.systems.mm22.delivery import AS_PREDICTED, Delivery
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.linear import LinearFit, linear_inputs
from talking.systems.mm22.material import Material
from talking.systems.mm22.methods import LINEAR, METHODS, TUNED_G, WRONG_AUDIO
from talking.systems.mm22.talking_head import TalkingHead

# The description is IPTC's term for media that a trained model made, which other programs look for.
MARK = {
    "comment": "synthetic media: made by Talking",
    "description": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}


@dataclass
class RowMaker:
    """Everything that turns sound into frames for one speaker; floors that predict codes have the model's delivery."""

    model: Ensemble
    linear: LinearFit
    generator: torch.nn.Module
    tuned: torch.nn.Module
    size: int
    delivery: Delivery = AS_PREDICTED

    def rows(self, material: Material, wanted: Iterable[str] = METHODS.names) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each wanted row's name and frames (T, size, size, 3) uint8.

        `METHODS` says by which generator each is drawn: those of one generator differ in their codes alone, and the
        one of the true codes is their ceiling.
        """
        return ((row, self._draw(row, material)) for row in wanted)

    def _draw(self, row: str, material: Material) -> np.ndarray:
        drawn_by = METHODS[row].drawn_by
        if drawn_by == NO_GENERATOR:
            return np.repeat(material.identity[None], len(material.codes), axis=0)
        return synthesise_frames(
            self.tuned if drawn_by == TUNED_G else self.generator, self._codes(row, material), self.size
        )

    def _codes(self, row: str, material: Material) -> np.ndarray:
        if METHODS[row].kind == "ceiling":
            return material.codes
        identity = material.codes[material.first]
        if row == LINEAR:
            codes = linear_codes(self.linear, self.model, material.windows, identity)
        else:
            sound = material.other if row == WRONG_AUDIO else material.windows
            codes = predicted_codes(self.model, sound, identity)
        return self.delivery(codes, identity)


@torch.no_grad()
def predicted_codes(model: TalkingHead | Ensemble, windows: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Return codes (T, L, 512) of windows (T, 12, 28) and an identity code (L, 512)."""
    device = next(model.parameters()).device
    sound = torch.from_numpy(windows)[None].to(device)
    result: np.ndarray = model(sound, torch.from_numpy(identity)[None].to(device, torch.float32))[0].cpu().numpy()
    return result


@torch.no_grad()
def linear_codes(
    linear: LinearFit, model: TalkingHead | Ensemble, windows: np.ndarray, identity: np.ndarray
) -> np.ndarray:
    """Return the linear floor's codes (T, L, 512), through the basis of the model that it is compared with."""
    projector, device = model.projector, model.projector.components.device
    start = torch.from_numpy(identity)[None].to(device, torch.float32)
    inputs = linear_inputs(windows, projector.identity(start)[0].cpu().numpy())
    coefficients = torch.from_numpy(linear.ridge(inputs))[None].to(device, torch.float32)
    return (start[:, None] + projector.displacements(coefficients))[0].cpu().numpy()
