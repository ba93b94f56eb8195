"""Frames to W+ codes and back, in batches."""

import cv2
import numpy as np
import torch

from talking.accelerators import best_device
from talking.models.backbone import Backbone
from talking.models.stylegan2 import Generator
from talking.synthesis.engine import Engine, cpu_has_bfloat16
from talking.synthesis.pixels import to_bytes

__all__ = ["best_device", "invert_frames", "resize_frames", "synthesise_frames", "to_frames", "to_tensor"]


def to_tensor(frames: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return uint8 frames (T, H, W, 3) as float32 (T, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_frames(pictures: torch.Tensor) -> np.ndarray:
    """Return pictures (T, 3, H, W) in about [-1, 1] as uint8 frames (T, H, W, 3)."""
    return to_bytes(pictures).cpu().numpy()


@torch.no_grad()
def invert_frames(backbone: Backbone, crops: np.ndarray, batch: int = 64, *, exact: bool = False) -> np.ndarray:
    """Return the codes (T, L, 512) float32 of crops (T, R, R, 3) uint8.

    Where the processor multiplies bfloat16 by itself the encoder runs in it, unless `exact`: twice as fast, and the
    codes are off by about 1 % of their distance from the mean latent.
    """
    device = next(backbone.parameters()).device
    half = not exact and device.type == "cpu" and cpu_has_bfloat16()
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        parts = [backbone.invert(to_tensor(crops[at : at + batch], device)) for at in range(0, len(crops), batch)]
    return torch.cat(parts).float().cpu().numpy()


@torch.no_grad()
def synthesise_frames(generator: torch.nn.Module, codes: np.ndarray, size: int, batch: int | None = None) -> np.ndarray:
    """Return frames (T, size, size, 3) uint8 of codes (T, L, 512), resized when the generator draws another size.

    A `Generator` draws by the engine of `talking.synthesis.engine`, prepared anew since its weights may have changed;
    another module draws by itself. `batch`: frames drawn at once, by default what suits the device.
    """
    if isinstance(generator, Generator):
        return resize_frames(Engine(generator, batch=batch).draw(codes), size)
    device, batch = next(generator.parameters()).device, batch or 32
    parts = []
    for at in range(0, len(codes), batch):
        chunk = torch.from_numpy(np.ascontiguousarray(codes[at : at + batch])).to(device, torch.float32)
        parts.append(to_frames(generator(chunk)))
    return resize_frames(np.concatenate(parts), size)


def resize_frames(frames: np.ndarray, size: int) -> np.ndarray:
    """Return frames (T, size, size, 3): enlarged by a cubic spline, shrunk by area."""
    if frames.shape[1] == size:
        return frames
    how = cv2.INTER_CUBIC if size > frames.shape[1] else cv2.INTER_AREA
    return np.stack([cv2.resize(frame, (size, size), interpolation=how) for frame in frames])
