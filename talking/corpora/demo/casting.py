"""Who takes part: the random streams of speakers and strangers, and the cast that each stream draws.

Every person has a random stream of its own, named by group and number, so that what is drawn depends neither on the
number of processes nor on how many other people there are, and no stranger is ever a speaker.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from talking.core.errors import TalkingError
from talking.corpora.demo.articulation import Manner, draw_manner
from talking.corpora.demo.espeak import Voice
from talking.corpora.demo.identity import Identity, draw_identity
from talking.corpora.demo.speech import draw_voice

SPEAKERS, STRANGERS, VOLUNTEERS = 0, 1, 2

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Person:
    """A speaker: the face, the voice that fits it and the manner of moving the lips."""

    identity: Identity
    voice: Voice
    manner: Manner


def stream(seed: int, group: int, number: int, name: str = "") -> np.random.Generator:
    """Return the random stream of person `number` of a group, or of that person's clip `name`; `seed` is 0 or more."""
    key = (group, number, int.from_bytes(name.encode())) if name else (group, number)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def draw_person(rng: np.random.Generator, *, feminine: bool) -> Person:
    """Return a random speaker of the sex asked for, so that a small cast has both."""
    identity = draw_identity(rng)
    while identity.feminine != feminine:
        identity = draw_identity(rng)
    return Person(identity, draw_voice(rng, float(identity.feminine)), draw_manner(rng))


def check_ours(folder: Path, marker: str) -> None:
    """Raise `TalkingError` unless `folder` is absent, empty, or holds the file `marker` that an earlier run left."""
    if folder.exists() and not (folder.is_dir() and ((folder / marker).is_file() or not any(folder.iterdir()))):
        raise TalkingError(
            f"{folder} holds something else than an earlier run's output: name another folder or empty it."
        )


def check_counts(**counts: int) -> None:
    """Raise `TalkingError` for the first count below 1, by its name."""
    for name, value in counts.items():
        if value < 1:
            raise TalkingError(f"demo.{name} is {value}: it must be 1 or more.")


def in_parallel(
    work: Callable[[_Task], _Result], tasks: Iterable[_Task], workers: int | None = None
) -> Iterator[_Result]:
    """Yield `work(task)` for all tasks in their order, by `workers` processes (None: one a core; 1: this one)."""
    tasks = list(tasks)
    count = min(workers or cpu_count() or 1, len(tasks))
    if count <= 1:
        yield from map(work, tasks)
        return
    # Spawned, since a fork of a process that runs threads (torch, OpenCV) may hang.
    with ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(work, tasks)
