"""A film from frames that are still being made: encoded in a thread, then joined with the sound."""

import queue
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from talking.core.errors import FullDisk
from talking.core.files import atomic_path, temporary_folder
from talking.media.sound_stream import add_sound
from talking.media.video import encode_frames

# Frames that wait for the encoder at most: a batch, so that the next one can be made meanwhile.
WAITING = 32
_POLL_S = 0.2


class _AbandonedError(Exception):
    """The frames ended with an error; what was encoded is of no use."""


def write_film(
    frames: Iterable[np.ndarray],
    target: Path,
    *,
    sound: Path,
    rate: int = 25,
    crf: int = 12,
    preset: str = "medium",
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write frames, uint8 RGB (H, W, 3) each, with the sound of a file as H.264 and AAC mp4; return their number.

    A thread encodes them while the caller's iterator makes more, WAITING at most ahead of it. The sound is as long as
    the picture. The film appears under its name when it is complete. Raises what the iterator, `encode_frames` and
    `add_sound` raise.
    """
    counted = _Counted(frames)
    with atomic_path(target) as unfinished, temporary_folder(target) as folder:
        silent = folder / "silent.mp4"

        def encode(taken: Iterator[np.ndarray]) -> None:
            encode_frames(taken, silent, rate=rate, crf=crf, preset=preset, metadata=metadata)

        try:
            in_thread(counted, encode)
            add_sound(silent, sound, unfinished, frames=counted.count, rate=rate)
        except FullDisk as error:
            # Of what the frames are made from it is told rightly, of parts of the film and of the sound it is not.
            if error.target not in (silent, sound, unfinished):
                raise
            raise FullDisk(target) from error
    return counted.count


def in_thread(frames: Iterable[np.ndarray], use: Callable[[Iterator[np.ndarray]], None]) -> None:
    """Run `use` on the frames in a thread, while this one makes them; an error of either ends both and is raised."""
    waiting: queue.Queue[np.ndarray | BaseException | None] = queue.Queue(WAITING)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(use, _taken(waiting))
        try:
            for frame in frames:
                if not _put(waiting, frame, task):
                    break
        except BaseException:
            _put(waiting, _AbandonedError(), task)
            raise
        _put(waiting, None, task)
        task.result()


def _taken(waiting: "queue.Queue[np.ndarray | BaseException | None]") -> Iterator[np.ndarray]:
    while (frame := waiting.get()) is not None:
        if isinstance(frame, BaseException):
            raise frame
        yield frame


def _put(
    waiting: "queue.Queue[np.ndarray | BaseException | None]",
    item: np.ndarray | BaseException | None,
    task: "Future[None]",
) -> bool:
    """Wait for a place in the queue; return False where nobody takes any more."""
    while not task.done():
        try:
            waiting.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False


class _Counted:
    """Frames that pass, and how many."""

    def __init__(self, frames: Iterable[np.ndarray]) -> None:
        self.count = 0
        self._frames = frames

    def __iter__(self) -> Iterator[np.ndarray]:
        for frame in self._frames:
            self.count += 1
            yield frame
