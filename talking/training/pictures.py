"""The pictures that a pair is trained on and measured by: training ones and held-out ones, of other people."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.training.images import load_crops, load_face_set


@dataclass(frozen=True)
class PictureSource:
    """Where the pictures lie: a face set, or aligned crops of the clips named `train` and `held_out_clips`.

    Of a face set the last `held_out` pictures are held out; it holds identity after identity, so these are strangers,
    but for the one identity that the border may cut. Of crops about `most` are read, and `held_out` of other speakers.
    """

    folder: Path
    train: tuple[str, ...] = ()
    held_out_clips: tuple[str, ...] = ()
    most: int = 20_000
    held_out: int = 64

    def load(self, resolution: int) -> tuple[Tensor, Tensor]:
        """Return training and held-out pictures, (N, 3, R, R) and (M, 3, R, R) uint8. Raises TalkingError."""
        if self.train:
            train = load_crops(self.folder, frozenset(self.train), resolution, self.most).pictures
            return train, self._other_clips(resolution)
        pictures = load_face_set(self.folder, resolution).pictures
        if len(pictures) < 2 * self.held_out:
            raise TalkingError(
                f"{self.folder} has {len(pictures)} pictures, too few to hold {self.held_out} out: "
                "make the face set larger or pictures.held_out smaller."
            )
        return pictures[: -self.held_out][: self.most], pictures[-self.held_out :]

    def _other_clips(self, resolution: int) -> Tensor:
        if not self.held_out_clips:
            raise TalkingError(f"{self.folder} has no clip of a held-out speaker: name validation_speakers and align.")
        clips = frozenset(self.held_out_clips)
        return load_crops(self.folder, clips, resolution, self.held_out).pictures


def draw_batch(pictures: Tensor, count: int, draw: torch.Generator, device: torch.device, *, mirror: bool) -> Tensor:
    """Return `count` of the pictures, drawn at random, as (B, 3, R, R) in [-1, 1]; `mirror` turns half of them round.

    `draw` is a generator of the CPU.
    """
    chosen = torch.randint(len(pictures), (count,), generator=draw)
    flipped = torch.rand(count, generator=draw) < 0.5
    batch = pictures[chosen].to(device, torch.float32) / 127.5 - 1
    if not mirror:
        return batch
    return torch.where(flipped.to(device)[:, None, None, None], batch.flip(3), batch)
