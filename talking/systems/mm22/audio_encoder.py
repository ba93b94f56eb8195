"""The audio encoder E_A (thesis section 4.3.1.3, Table 4.3): windows of MFCC through convolutions, then an LSTM."""

from typing import Any

from torch import Tensor, nn

LstmState = tuple[Tensor, Tensor]
BASE_WIDTH = 64
HIDDEN_PER_WIDTH = 32


class AudioEncoder(nn.Module):
    """Maps the audio windows of a sequence of frames to one code per frame.

    `width` is the number of channels of the first convolution; the others and the hidden linear layer keep Table 4.3's
    proportions to it.
    """

    def __init__(
        self,
        n_coefficients: int = 12,
        n_steps: int = 28,
        *,
        code_dim: int = 256,
        lstm_layers: int = 3,
        width: int = BASE_WIDTH,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "n_coefficients": n_coefficients,
            "n_steps": n_steps,
            "code_dim": code_dim,
            "lstm_layers": lstm_layers,
            "width": width,
        }
        self.code_dim = code_dim
        self.convolutions = nn.Sequential(
            *_convolution(1, width),
            *_convolution(width, 2 * width),
            nn.MaxPool2d(3, (1, 2)),
            *_convolution(2 * width, 4 * width),
            *_convolution(4 * width, 4 * width),
            *_convolution(4 * width, 8 * width),
            nn.MaxPool2d(3, 2),
        )
        flat = 8 * width * pooled(pooled(n_coefficients, 1), 2) * pooled(pooled(n_steps, 2), 2)
        hidden = HIDDEN_PER_WIDTH * width
        self.linears = nn.Sequential(nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, code_dim), nn.ReLU())
        self.lstm = nn.LSTM(code_dim, code_dim, lstm_layers, batch_first=True)

    def forward(self, windows: Tensor) -> Tensor:
        """`windows` (B, T, n_coefficients, n_steps) -> audio codes (B, T, code_dim)."""
        result: Tensor = self.lstm(self._listen(windows))[0]
        return result

    def stream(self, windows: Tensor, state: LstmState | None = None) -> tuple[Tensor, LstmState]:
        """Return the audio codes of a part of a sequence, (B, T, code_dim), and the LSTM's state after it.

        The state, each half (lstm_layers, B, code_dim), is to be given with the part that follows; None begins.
        """
        result: tuple[Tensor, LstmState] = self.lstm(self._listen(windows), state)
        return result

    def _listen(self, windows: Tensor) -> Tensor:
        b, t = windows.shape[:2]
        x = self.convolutions(windows.flatten(0, 1).unsqueeze(1))  # (B T, 8 width, 4, 6)
        x = self.linears(x.flatten(1))  # (B T, code_dim)
        result: Tensor = x.view(b, t, -1)
        return result


def pooled(length: int, stride: int) -> int:
    """Return the length that a max-pool of three without padding leaves of `length`."""
    return (length - 3) // stride + 1


def _convolution(n_in: int, n_out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU()
