"""Frames to W+ codes and back, in batches."""

import numpy as np
import torch

from talking.media.pixels import to_frames, to_tensor
from talking.media.resizing import resize_frames
from talking.models.backbone import Backbone
from talking.models.generator import FrameGenerator
from talking.synthesis.engine import Engine, cpu_has_bfloat16


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

    A `FrameGenerator` draws by the `Engine`, prepared anew since its weights may have changed; another module draws by
    itself. `batch`: frames drawn at once, by default what suits the device.
    """
    if isinstance(generator, FrameGenerator):
        return resize_frames(Engine(generator, batch=batch).draw(codes), size)
    device, batch = next(generator.parameters()).device, batch or 32
    parts = []
    for at in range(0, len(codes), batch):
        chunk = torch.from_numpy(np.ascontiguousarray(codes[at : at + batch])).to(device, torch.float32)
        parts.append(to_frames(generator(chunk)))
    return resize_frames(np.concatenate(parts), size)
