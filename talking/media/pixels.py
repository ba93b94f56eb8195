"""Frames as bytes and pictures as tensors: from one to the other, on the device that holds them."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# BT.709 of full-range RGB in [0, 1] to Y in [16, 235] and Cb, Cr in [16, 240].
_TO_YUV = (
    (219 * 0.2126, 219 * 0.7152, 219 * 0.0722),
    (-224 * 0.2126 / 1.8556, -224 * 0.7152 / 1.8556, 112.0),
    (112.0, -224 * 0.7152 / 1.5748, -224 * 0.0722 / 1.5748),
)


def to_bytes(pictures: Tensor) -> Tensor:
    """Return pictures (T, 3, H, W) in about [-1, 1] as uint8 (T, H, W, 3) in whole, where they are."""
    scaled = pictures.float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous()


def to_yuv420(pictures: Tensor) -> Tensor:
    """Return pictures (T, 3, H, W) in about [-1, 1] as planes of Y, then Cb, Cr of half the size: uint8 (T, 1.5 H W).

    BT.709 in video range, as the project's videos are marked, H and W even; what ffmpeg takes as `yuv420p`, half the
    bytes of RGB.
    """
    rgb = (pictures.float().clamp(-1, 1) + 1) / 2
    yuv = torch.einsum("tchw,kc->tkhw", rgb, rgb.new_tensor(_TO_YUV))  # (T, 3, H, W)
    small = F.avg_pool2d(yuv[:, 1:], 2)  # (T, 2, H/2, W/2)
    planes = torch.cat([yuv[:, 0].flatten(1) + 16, small.flatten(1) + 128], 1)
    return planes.round_().clamp_(0, 255).to(torch.uint8)


def to_tensor(frames: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return uint8 frames (T, H, W, 3) as float32 (T, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_frames(pictures: torch.Tensor) -> np.ndarray:
    """Return pictures (T, 3, H, W) in about [-1, 1] as uint8 frames (T, H, W, 3)."""
    return to_bytes(pictures).cpu().numpy()
