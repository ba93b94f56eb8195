"""ArcFace's IR-SE50 (Deng et al. 2019), whose embeddings tell identities apart, under the names of its checkpoint."""

import torch.nn.functional as F
from torch import Tensor, nn

from talking.models.psp import STAGES, Bottleneck

EMBEDDING = 512
LAST_SIDE = 7


class IRSE50(nn.Module):
    """Maps aligned faces to identity embeddings: the body of the pSp encoder, and a linear layer over its last map."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        self.body = nn.Sequential(
            *(
                Bottleneck(n_in if i == 0 else n_out, n_out, 2 if i == 0 else 1)
                for n_in, n_out, count in STAGES
                for i in range(count)
            )
        )
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(EMBEDDING),
            nn.Dropout(0.6),
            nn.Flatten(),
            nn.Linear(EMBEDDING * LAST_SIDE**2, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING),
        )

    def forward(self, faces: Tensor) -> Tensor:
        """`faces` (B, 3, 112, 112) RGB in [-1, 1] -> (B, 512), each of length one."""
        return F.normalize(self.output_layer(self.body(self.input_layer(faces))))
