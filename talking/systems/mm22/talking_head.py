"""The talking-head model of stage one: E_A, D and the basis V, from audio windows and an identity code to W+ codes."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from talking.core.errors import TalkingError
from talking.models.basis import Basis, Projector
from talking.models.stored import filled_by, load_network, save_network
from talking.systems.mm22.audio_encoder import AudioEncoder, LstmState
from talking.systems.mm22.latent_decoder import LatentDecoder

NAME = "talking_head"


@dataclass(frozen=True)
class TalkingHeadSize:
    """Sizes of the networks: defaults are Tables 4.3 and 4.4 of the thesis."""

    n_coefficients: int = 12
    n_steps: int = 28
    width: int = 64
    lstm_layers: int = 3
    code_dim: int = 256
    hidden: int = 512
    whiten: bool = False


class TalkingHead(nn.Module):
    """w_t = w_I + h_t V with h_t = D(w_I projected on V, E_A(a_1 .. a_T)): equation 1 of MM'22."""

    window_mean: torch.Tensor
    window_std: torch.Tensor
    identity_mean: torch.Tensor
    identity_std: torch.Tensor

    def __init__(self, basis: Basis, size: TalkingHeadSize) -> None:
        super().__init__()
        self.size = size
        self.projector = Projector(basis, whiten=size.whiten)
        self.audio_encoder = AudioEncoder(
            size.n_coefficients, size.n_steps, code_dim=size.code_dim, lstm_layers=size.lstm_layers, width=size.width
        )
        self.latent_decoder = LatentDecoder(len(basis.components), code_dim=size.code_dim, hidden=size.hidden)
        self.register_buffer("window_mean", torch.zeros(size.n_coefficients, 1))  # (12, 1)
        self.register_buffer("window_std", torch.ones(size.n_coefficients, 1))  # (12, 1)
        self.register_buffer("identity_mean", torch.zeros(len(basis.components)))  # (K,)
        self.register_buffer("identity_std", torch.ones(len(basis.components)))  # (K,)

    def normalise(self, windows: tuple[np.ndarray, np.ndarray], identity: tuple[np.ndarray, np.ndarray]) -> None:
        """Set mean and standard deviation of windows (12,) and of projected identities (K,), from the training clips.

        People differ far more than one face moves: without this the identity drowns the sound in D's input.
        """
        self.window_mean.copy_(torch.as_tensor(windows[0])[:, None])
        self.window_std.copy_(torch.as_tensor(windows[1])[:, None])
        self.identity_mean.copy_(torch.as_tensor(identity[0]))
        self.identity_std.copy_(torch.as_tensor(identity[1]))

    def coefficients(self, windows: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Return h_t (B, T, K) of windows (B, T, 12, 28) and identity codes (B, L, 512)."""
        return self._decode(self.audio_encoder(self._normal(windows)), identity)

    def stream(
        self, windows: torch.Tensor, identity: torch.Tensor, state: LstmState | None = None
    ) -> tuple[torch.Tensor, LstmState]:
        """Return the codes (B, T, L, 512) of a part of a sound, and the LSTM's state to give with the part after it.

        The parts' codes are those that `forward` gives of the whole. `state` None begins; see `AudioEncoder.stream`.
        """
        audio_codes, state = self.audio_encoder.stream(self._normal(windows), state)
        return identity[:, None] + self.projector.displacements(self._decode(audio_codes, identity)), state

    def _normal(self, windows: torch.Tensor) -> torch.Tensor:
        return (windows - self.window_mean) / self.window_std

    def _decode(self, audio_codes: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        resting = (self.projector.identity(identity) - self.identity_mean) / self.identity_std  # (B, K)
        result: torch.Tensor = self.latent_decoder(resting, audio_codes)
        return result

    def forward(self, windows: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Return codes (B, T, L, 512) of windows (B, T, 12, 28) and identity codes (B, L, 512)."""
        return identity[:, None] + self.projector.displacements(self.coefficients(windows, identity))

    def save(self, folder: Path) -> None:
        """Write weights (with the basis) as safetensors and the sizes as JSON."""
        shape = {"components": len(self.projector.components), "n_styles": self.projector.n_styles}
        save_network(
            folder, NAME, self, {**asdict(self.size), **shape, "code_size": self.projector.components.shape[1]}
        )

    @classmethod
    def load(cls, folder: Path) -> "TalkingHead":
        """Read what `save` wrote, in eval mode. Raises TalkingError on a missing, damaged or foreign file."""
        config, state = load_network(folder, NAME)
        source = folder / f"{NAME}.safetensors"
        _check_basis(folder / f"{NAME}.json", config, state)
        model: TalkingHead = filled_by(cls._empty, cls.__name__, config, state, source)
        return model.eval()

    @classmethod
    def _empty(cls, *, components: int, code_size: int, n_styles: int, **size: Any) -> "TalkingHead":
        """Return a talking head of the sizes that `save` writes, of whatever numbers."""
        basis = np.zeros((components, code_size), np.float32), np.zeros(code_size, np.float32)
        variance = np.ones(components, np.float32)
        return cls(Basis(*basis, variance, total_variance=1.0, n_styles=n_styles), TalkingHeadSize(**size))


def _check_basis(path: Path, config: dict[str, Any], state: dict[str, torch.Tensor]) -> None:
    """Raise TalkingError unless the sizes of V in a config, read from `path`, are those of the V beside it."""
    rows, columns, styles = (config.get(name) for name in ("components", "code_size", "n_styles"))
    basis = state.get("projector.components")
    found = () if basis is None else tuple(basis.shape)
    if found != (rows, columns) or not isinstance(styles, int) or styles < 1 or found[-1] % styles:
        raise TalkingError(f"{path} is no talking head's (of another basis V than lies beside it): train it again.")


def trainable_parameters(model: nn.Module) -> int:
    """Count the numbers that training changes.

    E_A has 29,411,328 and D with K = 2500 has 2,956,740: 32,368,068 together by Tables 4.3 and 4.4, where MM'22
    (section 4) prints 29.68 million.
    """
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
