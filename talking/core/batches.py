"""Full batches for a model out of clips of any length: a batch goes across the borders of clips, results do not."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from talking.core.errors import Rejected

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Frame(Generic[Key]):
    """A frame of a clip, uint8 (H, W, 3)."""

    clip: Key
    picture: np.ndarray


@dataclass(frozen=True)
class End(Generic[Key]):
    """The end of a clip: of all its frames, or where it turned out that it cannot be used."""

    clip: Key
    refused: Rejected | None = None


def clip_frames(clip: Key, frames: Iterable[np.ndarray]) -> Iterator[Frame[Key] | End[Key]]:
    """Yield the frames of a clip and its end; a clip that cannot be decoded ends there, refused."""
    try:
        for frame in frames:
            yield Frame(clip, frame)
    except Rejected as error:
        yield End(clip, error)
        return
    yield End(clip)


def map_clips(
    parts: Iterable[Frame[Key] | End[Key]], compute: Callable[[np.ndarray], np.ndarray], batch: int
) -> Iterator[tuple[Key, np.ndarray | Rejected]]:
    """Yield each clip's results (T, ...) in order, or why it was refused; `compute` maps (B, H, W, 3) to (B, ...).

    Every batch but the last has `batch` frames. No more frames than that are held, however long a clip is.
    Frames of one batch are of one size: another size begins a new batch.
    """
    waiting: list[Frame[Key]] = []
    ends: deque[End[Key]] = deque()
    results: dict[Key, list[np.ndarray]] = {}
    for part in parts:
        if isinstance(part, End):
            ends.append(part)
        elif waiting and (len(waiting) == batch or part.picture.shape != waiting[0].picture.shape):
            _compute(waiting, compute, results)
            yield from _complete(ends, results)
            waiting = [part]
        else:
            waiting.append(part)
    if waiting:
        _compute(waiting, compute, results)
    yield from _complete(ends, results)


def _compute(
    frames: list[Frame[Key]], compute: Callable[[np.ndarray], np.ndarray], results: dict[Key, list[np.ndarray]]
) -> None:
    for frame, result in zip(frames, compute(np.stack([frame.picture for frame in frames])), strict=True):
        results.setdefault(frame.clip, []).append(result)


def _complete(
    ends: deque[End[Key]], results: dict[Key, list[np.ndarray]]
) -> Iterator[tuple[Key, np.ndarray | Rejected]]:
    """Yield the clips that have ended: when a batch has been computed, all frames before those ends are in it."""
    while ends:
        end = ends.popleft()
        made = results.pop(end.clip, [])
        if end.refused or not made:
            yield end.clip, end.refused or Rejected("short", "the clip has no frame")
        else:
            yield end.clip, np.stack(made)
