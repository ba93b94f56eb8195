"""The Inception network that FID is defined by: its 2048 features, from the published weights where a user has them."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from talking.core.errors import TalkingError
from talking.losses.trunk import read_state
from talking.metrics.unavailable import Unavailable

WEIGHTS = "pt_inception-2015-12-05-6726825d.pth"
FEATURES = 2048
INPUT_SIDE = 299


class Inception:
    """Features of frames for FID."""

    def __init__(self, network: nn.Module, *, device: str, batch: int = 16) -> None:
        self._network = network.to(device)
        self._network.fc = nn.Identity()
        self._device, self._batch = device, batch

    @torch.no_grad()
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return features (T, 2048) float32 of frames (T, H, W, 3) uint8, enlarged to 299 pixels as the port does."""
        pieces = [self._features(frames[i : i + self._batch]) for i in range(0, len(frames), self._batch)]
        return np.concatenate(pieces) if pieces else np.empty((0, FEATURES), np.float32)

    def _features(self, frames: np.ndarray) -> np.ndarray:
        pictures = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device)
        pictures = pictures.permute(0, 3, 1, 2).float() / 255  # (B, 3, H, W)
        pictures = F.interpolate(pictures, size=(INPUT_SIDE, INPUT_SIDE), mode="bilinear", align_corners=False)
        result: np.ndarray = self._network(2 * pictures - 1).float().cpu().numpy()
        return result


def load_inception(folder: Path | None, *, device: str) -> Inception | Unavailable:
    """Load the published network from `folder`; Unavailable, with the reason, where its file is not there.

    Raises TalkingError for a file of that name that does not hold the network.
    """
    path = folder / WEIGHTS if folder else None
    if path is None or not path.is_file():
        where = f"in {path.parent.name}" if path else "as no folder of weights is set"
        return Unavailable(f"the Inception network's weights {WEIGHTS} were not found {where}")
    from talking.models.inception import build_inception  # Its torchvision takes seconds that few runs need to spend.

    network = build_inception()
    try:
        network.load_state_dict(read_state(path))
    except RuntimeError as error:
        raise TalkingError(f"{path} does not hold the Inception network of 2015; fetch {WEIGHTS} anew.") from error
    return Inception(network, device=device)
