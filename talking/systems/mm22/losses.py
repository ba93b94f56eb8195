"""The loss of stage one (MM'22 equation 4): lambda_latent L_latent + lambda_LPIPS L_LPIPS."""

from dataclasses import dataclass

import torch
from torch import nn

from talking.losses.perceptual import PerceptualLoss
from talking.models.basis import Projector
from talking.systems.mm22.latent_loss import latent_loss

MOUTH_BOX = (0.32, 0.68, 0.6, 0.85)  # left, right, top, bottom, as shares of the side


@dataclass(frozen=True)
class Target:
    """What a batch should become: displacements (B, T, L, 512) from the identity codes (B, L, 512).

    `faces` (B, T) bool: which frames show a face and may be learned from; None: all.
    """

    displacements: torch.Tensor
    identity: torch.Tensor
    faces: torch.Tensor | None = None


class LatentTerm(nn.Module):
    """L_latent, either between codes as the paper has it, or between whitened coefficients weighted per component.

    Between codes everything that moves counts by its variance, and light and pose outweigh the lips. Whitened, every
    component counts alike; the weights (K,), of mean 1, then favour the components that sound can predict. The share
    `lips` of the loss is taken between what a linear `readout` (K, P) makes of both: the points of the mouth.
    """

    weights: torch.Tensor
    readout: torch.Tensor

    def __init__(
        self,
        projector: Projector,
        *,
        between: str,
        kind: str,
        weights: torch.Tensor,
        readout: torch.Tensor | None = None,
        lips: float = 0.0,
    ) -> None:
        super().__init__()
        self.projector, self.between, self.kind, self.lips = projector, between, kind, lips
        self.register_buffer("weights", weights)
        self.register_buffer("readout", torch.zeros(len(weights), 1) if readout is None else readout)

    def forward(
        self, coefficients: torch.Tensor, displacements: torch.Tensor, counted: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the scalar loss of h_t (B, T, K) against displacements (B, T, L, 512), of the frames `counted` (B, T).

        It is 0 where no frame counts.
        """
        if counted is not None and not counted.any():
            return 0 * coefficients.sum()
        if counted is not None:
            coefficients, displacements = coefficients[counted][None], displacements[counted][None]  # (1, N, ...)
        loss = self._of_all(coefficients, displacements)
        if not self.lips:
            return loss
        wanted = self.projector.coefficients(displacements)  # (B, T, K)
        mouths = latent_loss(coefficients @ self.readout, wanted @ self.readout, self.kind)
        return (1 - self.lips) * loss + self.lips * mouths

    def _of_all(self, coefficients: torch.Tensor, displacements: torch.Tensor) -> torch.Tensor:
        if self.between == "codes":
            return latent_loss(self.projector.displacements(coefficients), displacements, self.kind)
        wanted, scale = self.projector.coefficients(displacements), self.weights.sqrt()
        return latent_loss(coefficients * scale, wanted * scale, self.kind)


class ImageTerm(nn.Module):
    """L_LPIPS between G(w_I + h_t V) and G(w_t), the inverted frame (equation 3), on a few frames of each sequence.

    `mouth` times the mean square in the box where an FFHQ crop has its mouth is added.
    """

    def __init__(
        self, projector: Projector, generator: nn.Module, perceptual: PerceptualLoss, frames: int, mouth: float = 0.0
    ) -> None:
        super().__init__()
        self.projector, self.generator, self.perceptual, self.frames = projector, generator, perceptual, frames
        self.mouth = mouth
        self.generator.requires_grad_(False)

    def forward(self, coefficients: torch.Tensor, target: Target, generator: torch.Generator) -> torch.Tensor:
        """Return the scalar loss; `generator` draws which frames of the sequence are looked at."""
        length = coefficients.shape[1]
        chosen = torch.randperm(length, generator=generator)[: self.frames]
        codes = target.identity[:, None] + self.projector.displacements(coefficients[:, chosen])
        with torch.no_grad():
            target_codes = target.identity[:, None] + target.displacements[:, chosen]
            shown = self.generator(target_codes.flatten(0, 1))  # (B F, 3, R, R)
            wanted = self.perceptual.features(shown)
        drawn = self.generator(codes.flatten(0, 1))
        faces = None if target.faces is None else target.faces[:, chosen].flatten()  # (B F,)
        loss = _mean_of(self.perceptual.distance(self.perceptual.features(drawn), wanted), faces)
        if not self.mouth:
            return loss
        return loss + self.mouth * _mean_of((mouth_of(drawn) - mouth_of(shown)).square(), faces)


def _mean_of(values: torch.Tensor, faces: torch.Tensor | None) -> torch.Tensor:
    """Return the mean of values (N, ...) over the frames with a face (N,); 0 where there is none."""
    if faces is None:
        return values.mean()
    each = values.flatten(1).mean(dim=1) if values.dim() > 1 else values  # (N,)
    return torch.where(faces, each, torch.zeros_like(each)).sum() / faces.sum().clamp(min=1)


def mouth_of(pictures: torch.Tensor) -> torch.Tensor:
    """Return the part of aligned pictures (B, 3, R, R) where FFHQ's alignment puts the mouth, open or closed."""
    side = pictures.shape[-1]
    left, right, top, bottom = (round(share * side) for share in MOUTH_BOX)
    return pictures[..., top:bottom, left:right]
