"""Aligned pictures with landmarks for training a backbone: from a face set, or from the training speakers' crops."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from talking.core.errors import TalkingError
from talking.data.masks import faces_in
from talking.data.members import CROPS, LANDMARKS, PICTURE, QUADS
from talking.data.shards import Sample, ShardFolder, decode_array
from talking.faces.alignment import to_crop
from talking.media.video import decode_frames


@dataclass(frozen=True)
class Images:
    """Pictures (N, 3, R, R) uint8 and their landmarks (N, 68, 2) float32 in pixels of these pictures."""

    pictures: torch.Tensor
    landmarks: torch.Tensor

    def batch(self, chosen: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pictures (B, 3, R, R) in [-1, 1] and landmarks (B, 68, 2)."""
        pictures = self.pictures[chosen].to(device, torch.float32) / 127.5 - 1
        return pictures, self.landmarks[chosen].to(device)


def load_face_set(folder: Path, resolution: int) -> Images:
    """Read every still of a face set, shrunk to `resolution`. Raises `TalkingError` when the folder has none."""
    faces = ShardFolder(folder)
    return _collect((_still(sample) for name in faces.names for sample in faces.read(name)), resolution, folder)


def load_crops(folder: Path, keys: frozenset[str], resolution: int, most: int) -> Images:
    """Read about `most` frames of the clips in `keys`, evenly spaced over those with a face.

    Memory does not grow with the clips.
    """
    aligned = ShardFolder(folder)
    per_clip = max(1, most // max(1, len(keys)))
    samples = (sample for name in aligned.names for sample in aligned.read(name) if sample.key in keys)
    return _collect((still for sample in samples for still in _frames(sample, per_clip)), resolution, folder)


def _still(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    picture = cv2.imdecode(np.frombuffer(sample.members[PICTURE], np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise TalkingError(f"{sample.key} of the face set is no picture that can be read: make the face set again.")
    return picture, decode_array(sample.members[LANDMARKS])


def _frames(sample: Sample, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    crops = decode_frames(sample.members[CROPS])
    landmarks, quads = (decode_array(sample.members[name]) for name in (LANDMARKS, QUADS))
    shown = np.flatnonzero(faces_in(sample.members, len(crops)))
    for index in shown[np.unique(np.linspace(0, len(shown) - 1, count).astype(int))]:
        yield crops[index], to_crop(landmarks[index], quads[index], crops.shape[1])


def _collect(stills: Iterable[tuple[np.ndarray, np.ndarray]], resolution: int, folder: Path) -> Images:
    pictures, landmarks = [], []
    for picture, points in stills:
        pictures.append(_shrunk(picture, resolution))
        landmarks.append(points * (resolution / len(picture)))
    if not pictures:
        raise TalkingError(f"{folder} holds no picture to train a backbone on: run the stage that writes it again.")
    return Images(torch.stack(pictures), torch.from_numpy(np.stack(landmarks)).float())


def _shrunk(picture: np.ndarray, resolution: int) -> torch.Tensor:
    """Shrink (H, H, 3) to (3, R, R) by the filter that the backbone shrinks crops with, so that both see alike."""
    whole = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    shrunk = F.interpolate(whole, size=(resolution, resolution), mode="bilinear", antialias=True)
    return shrunk[0].round().clamp(0, 255).to(torch.uint8)
