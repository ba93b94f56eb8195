"""The identity loss of encoder-based inversion (Richardson et al. 2021, eq. 3): 1 - cosine in ArcFace's embedding."""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from talking.losses.trunk import read_state
from talking.models.ir_se50 import IRSE50
from talking.models.stored import check_state

FRAME = 256
LEFT, RIGHT, TOP, BOTTOM = 32, 220, 35, 223  # pixels of the FFHQ crop that ArcFace's own crop covers, as pSp takes it
SIDE = 112


class IdentityLoss(nn.Module):
    """How unlike two faces are as persons; frozen. `weights` is a file of ArcFace's IR-SE50. Raises TalkingError."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.network = IRSE50()
        state = read_state(weights)
        check_state(weights, self.network, state)
        self.network.load_state_dict(state)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "IdentityLoss":  # noqa: ARG002
        """Stay in evaluation mode whatever the model around it does."""
        return super().train(False)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return 1 - cosine (B,) of aligned pictures `prediction` and `target`, (B, 3, R, R) in [-1, 1]."""
        return 1 - (self.embed(prediction) * self.embed(target)).sum(dim=1)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return embeddings (B, 512) of length one of aligned pictures (B, 3, R, R)."""
        if pictures.shape[-1] != FRAME:
            pictures = F.interpolate(pictures, size=(FRAME, FRAME), mode="bilinear", antialias=True)
        faces = F.adaptive_avg_pool2d(pictures[:, :, TOP:BOTTOM, LEFT:RIGHT], SIDE)
        result: Tensor = self.network(faces)
        return result
