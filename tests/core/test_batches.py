"""Batches across the borders of clips: results are each clip's own, batches full, refused clips end where they do."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.batches import clip_frames, map_clips
from talking.core.errors import Rejected


def frames_of(clip: int, count: int, broken: bool = False):
    """Frames (2, 2, 3) that hold clip and number; a broken clip is refused at its end."""
    for number in range(count):
        yield np.full((2, 2, 3), (clip, number, 0), np.uint8)
    if broken:
        raise Rejected("undecodable", "no more of it can be read")


@given(
    clips=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=8),
    batch=st.integers(1, 7),
)
def test_every_clip_gets_its_own_results_whatever_the_batch(clips: list[tuple[int, bool]], batch: int) -> None:
    sizes: list[int] = []

    def compute(pictures: np.ndarray) -> np.ndarray:
        sizes.append(len(pictures))
        return pictures[:, 0, 0, :2].astype(int)

    parts = chain.from_iterable(clip_frames(n, frames_of(n, *clip)) for n, clip in enumerate(clips))
    found = list(map_clips(parts, compute, batch))
    assert [number for number, _ in found] == list(range(len(clips)))
    for (number, results), (count, broken) in zip(found, clips, strict=True):
        if broken or not count:
            assert isinstance(results, Rejected)
            assert results.reason == ("undecodable" if broken else "short")
        else:
            assert results.tolist() == [[number, frame] for frame in range(count)]
    assert all(size == batch for size in sizes[:-1])
    assert sum(sizes) == sum(count for count, _ in clips)


def test_frames_of_another_size_begin_another_batch() -> None:
    parts = chain(clip_frames("a", [np.zeros((2, 2, 3), np.uint8)] * 3), clip_frames("b", [np.ones((4, 4, 3), "u1")]))
    found = dict(map_clips(parts, lambda pictures: pictures.mean(axis=(1, 2, 3)), 8))
    assert found["a"].tolist() == [0, 0, 0]  # type: ignore[union-attr]
    assert found["b"].tolist() == [1]  # type: ignore[union-attr]


def test_an_error_that_is_no_refusal_goes_on() -> None:
    def broken():
        yield np.zeros((2, 2, 3), np.uint8)
        raise KeyError("nose")

    with pytest.raises(KeyError):
        list(map_clips(clip_frames("a", broken()), lambda pictures: pictures, 2))
