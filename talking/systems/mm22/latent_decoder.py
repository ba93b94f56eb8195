"""The latent decoder D (thesis section 4.3.1.4, Table 4.4, eq. 4.3): identity and sound to a displacement."""

from typing import Any

import torch
from torch import Tensor, nn


class LatentDecoder(nn.Module):
    """Maps the identity's coefficients and an audio code to the coefficients h_t of the displacement d_t = h_t V."""

    def __init__(self, n_components: int, code_dim: int = 256, hidden: int = 512) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "n_components": n_components,
            "code_dim": code_dim,
            "hidden": hidden,
        }
        self.layers = nn.Sequential(
            nn.Linear(n_components + code_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_components),
        )

    def forward(self, identity: Tensor, codes: Tensor) -> Tensor:
        """`identity` (B, K): w_I projected on V; `codes` (B, T, code_dim) of E_A -> h (B, T, K)."""
        repeated = identity[:, None].expand(-1, codes.shape[1], -1)  # (B, T, K)
        result: Tensor = self.layers(torch.cat([repeated, codes], dim=2))
        return result
