"""LPIPS (Zhang et al. 2018) as a measure, by an ImageNet trunk from a file; without the file there is no number."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talking.core.files import sha256_of
from talking.losses.perceptual import PerceptualLoss
from talking.metrics.unavailable import Unavailable

STEMS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
# Torchvision's files, each of which ends in the first eight digits of its SHA-256.
FILES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth", "squeeze": "squeezenet1_1-b8a52dc0.pth"}
PUBLISHED = {net: Path(file).stem[-8:] for net, file in FILES.items()}


class Lpips:
    """LPIPS of made frames against true ones, 0 for equal frames; `note` says by which trunk."""

    def __init__(self, net: str, trunk_weights: Path, *, device: str, batch: int = 8) -> None:
        self.note = _note(net, trunk_weights)
        self._loss = PerceptualLoss(net, trunk_weights).to(device)
        self._device, self._batch = device, batch

    @torch.no_grad()
    def __call__(self, target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Return the distance of each frame, (T,) float64, of videos (T, H, W, 3) uint8."""
        if target.shape != prediction.shape:
            raise ValueError(f"videos of shapes {target.shape} and {prediction.shape} cannot be compared")
        starts = range(0, len(target), self._batch)
        pieces = [self._distances(target[i : i + self._batch], prediction[i : i + self._batch]) for i in starts]
        return np.concatenate(pieces) if pieces else np.empty(0)

    def _distances(self, target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        result: np.ndarray = self._loss(self._tensor(prediction), self._tensor(target)).double().cpu().numpy()
        return result

    def _tensor(self, frames: np.ndarray) -> Tensor:
        pictures = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device)
        return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1  # (B, 3, H, W)


def load_lpips(
    folder: Path | None, *, device: str, nets: tuple[str, ...] = ("alex", "vgg", "squeeze")
) -> Lpips | Unavailable:
    """Load LPIPS by the first of `nets` whose trunk lies in `folder` under torchvision's name, or say what is missing.

    The default order is that of the literature: AlexNet's trunk is the one the authors recommend for measuring.
    """
    for net in nets:
        for path in sorted(folder.glob(f"{STEMS[net]}*")) if folder else []:
            if path.suffix in {".pth", ".safetensors"}:
                return Lpips(net, path, device=device)
    where = f"in {folder.name}" if folder else "as no folder of weights is set"
    names = ", ".join(FILES[net] for net in nets)
    return Unavailable(f"no trunk's weights were found {where}; LPIPS needs one of {names}")


def _note(net: str, path: Path) -> str:
    digest = sha256_of(path)
    if digest.startswith(PUBLISHED[net]):
        return f"LPIPS ({net}) by torchvision's published trunk {path.name}"
    return f"LPIPS ({net}) by the trunk {path.name} (SHA-256 {digest[:8]}), which is not torchvision's published file"
