"""The loss of an image encoder on a fixed generator (thesis eqs 3.1 to 3.3), and of identity and known codes."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.losses.identity import IdentityLoss
from talking.losses.perceptual import PerceptualLoss
from talking.systems.backbone.params import Encoder


@dataclass(frozen=True)
class Inversion:
    """What an encoder made of a batch: `prediction` of `target` (B, 3, R, R); codes `found` of `known` (N, L, D)."""

    target: Tensor
    prediction: Tensor
    known: Tensor | None = None
    found: Tensor | None = None


class EncoderLoss(nn.Module):
    """lambda_l2 L2 + lambda_lpips LPIPS (eq. 3.3), + lambda_identity (1 - cos), + lambda_known on codes that are known.

    L2 is the mean square over all numbers; the features of eq. 3.2 are those of LPIPS. `known_weight` is of the last
    term: what a process's share of the known codes counts beside its share of the pictures.
    """

    def __init__(self, params: Encoder, seed: int, known_weight: float = 1.0) -> None:
        super().__init__()
        self.params, self.known_weight = params, known_weight
        trunk = Path(params.lpips_trunk) if params.lpips_trunk else None
        self.perceptual = PerceptualLoss(params.lpips_net, trunk, seed=seed) if params.lambda_lpips else None
        wanted = params.lambda_identity and params.arcface
        self.identity = IdentityLoss(Path(params.arcface)) if wanted and params.arcface else None

    def forward(self, inversion: Inversion) -> dict[str, Tensor]:
        """Return the terms by name, scalars, and their weighted sum as `loss`."""
        params, target, prediction = self.params, inversion.target, inversion.prediction.float()
        terms = {"l2": F.mse_loss(prediction, target)}
        loss = params.lambda_l2 * terms["l2"]
        if self.perceptual is not None:
            with torch.no_grad():
                wanted = self.perceptual.features(target)
            terms["lpips"] = self.perceptual.distance(self.perceptual.features(prediction), wanted).mean()
            loss = loss + params.lambda_lpips * terms["lpips"]
        if self.identity is not None:
            terms["identity"] = self.identity(prediction, target).mean()
            loss = loss + params.lambda_identity * terms["identity"]
        if inversion.known is not None and inversion.found is not None:
            terms["known"] = F.mse_loss(inversion.found.float(), inversion.known)
            loss = loss + params.lambda_known * self.known_weight * terms["known"]
        return {**terms, "loss": loss}
