"""The stream of training sequences: codes and windows side by side from shards, flat in memory, resumable.

There is one stream whatever the number of processes: they deal every step's clips out in turn, and what is drawn for
a clip depends on the seed and its position in the stream alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from talking.core.errors import TalkingError
from talking.data.masks import faces_in
from talking.data.members import ALTERED, CODES, WINDOWS
from talking.data.shards import Sample, ShardFolder, decode_array
from talking.data.share import Share

TINY = 1e-9


@dataclass(frozen=True)
class ClipArrays:
    """One clip: its key, codes (T, L, 512) float32 and audio windows (T, 12, 28) float32.

    `altered` are the windows (N, T, 12, 28) of its sound in other voices and rooms, where there are any. `faces` (T,)
    bool says which frames show a face, None that all do: the codes of the others are those of no face.
    """

    key: str
    codes: np.ndarray
    windows: np.ndarray
    altered: np.ndarray | None = None
    faces: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """Which frames show a face, (T,) bool."""
        return np.ones(len(self.codes), bool) if self.faces is None else self.faces

    def of_faces(self) -> "ClipArrays":
        """Return the frames that show a face alone, which then do not follow each other evenly."""
        if self.faces is None:
            return self
        altered = None if self.altered is None else self.altered[:, self.faces]
        return ClipArrays(self.key, self.codes[self.faces], self.windows[self.faces], altered)


@dataclass(frozen=True)
class Batch:
    """Sequences of frames: windows (B, S, 12, 28), codes (B, S, L, 512) and the identity codes (B, L, 512), float32.

    `positions`: of the B sequences in the stream of all processes, to draw by what belongs to a sequence. `faces`
    (B, S) bool: which frames show a face and may be learned from, at least one of each sequence; None: all.
    """

    windows: torch.Tensor
    codes: torch.Tensor
    identity: torch.Tensor
    positions: tuple[int, ...] = ()
    faces: torch.Tensor | None = None


def read_clips(codes: ShardFolder, windows: ShardFolder, shard: str, keys: frozenset[str]) -> Iterator[ClipArrays]:
    """Yield the clips of one shard that are in `keys`, reading the two folders side by side.

    Clips that only one folder has, the other stage having refused them, are passed over unless they are in `keys`.
    Raises `TalkingError` when the windows lack a clip of `keys` that the codes have, or hold it in another order.
    """
    return (_arrays(*pair) for pair in read_pairs(codes, windows, shard, keys))


def read_pairs(
    codes: ShardFolder, windows: ShardFolder, shard: str, keys: frozenset[str]
) -> Iterator[tuple[Sample, Sample]]:
    """Yield the samples of codes and of windows, or of another folder beside them, as `read_clips` does."""
    sounds = windows.read(shard)
    for sample in codes.read(shard):
        if sample.key not in keys:
            continue
        sound = next((other for other in sounds if other.key == sample.key), None)
        if sound is None:
            raise TalkingError(
                f"{shard}: {windows.folder} lacks {sample.key}, or has it in another order than {codes.folder}: "
                "run both stages again."
            )
        yield sample, sound


def all_clips(codes: ShardFolder, windows: ShardFolder, keys: Iterable[str]) -> Iterator[ClipArrays]:
    """Yield every clip of `keys` once, in the order of the shards."""
    wanted = frozenset(keys)
    for shard in codes.names:
        yield from read_clips(codes, windows, shard, wanted)


def _arrays(codes: Sample, windows: Sample) -> ClipArrays:
    frames, sound = decode_array(codes.members[CODES]), decode_array(windows.members[WINDOWS])
    length = min(len(frames), len(sound))
    copies = windows.members.get(ALTERED)
    altered = None if copies is None else decode_array(copies)[:, :length]
    faces = faces_in(codes.members, length)
    mask = None if faces.all() else faces
    return ClipArrays(codes.key, frames[:length].astype(np.float32), sound[:length], altered, mask)


class ClipStream:
    """Clips in an endless order that depends on the seed alone, of which each of `world` processes takes its share.

    Clips are mixed within a buffer of `buffer` clips, so memory does not grow with the corpus, and kept decoded when
    all of them fit into it. Clips that a run had before it was stopped are passed over, whole epochs of them unread.
    """

    def __init__(
        self,
        codes: ShardFolder,
        windows: ShardFolder,
        keys: frozenset[str],
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        buffer: int = 256,
    ) -> None:
        if len(keys) < world:
            raise TalkingError(
                f"{world} training processes share {len(keys)} clips: use at most as many processes as clips."
            )
        self.codes, self.windows, self.keys = codes, windows, keys
        self.seed, self.rank, self.world, self.buffer = seed, rank, world, buffer
        self._kept: dict[str, list[_Clip]] = {}

    def clips(self, skip: int = 0) -> Iterator[ClipArrays]:
        """Yield every `world`-th clip for ever, epoch after epoch, leaving out the first `skip` of them."""
        return self.dealt(self.world, skip)

    def dealt(self, batch: int, first_step: int = 0) -> Iterator[ClipArrays]:
        """Yield this process's clips for ever from step `first_step` on, when each step's `batch` clips are dealt out.

        Of the clips of a step it gets number `rank`, `rank` + `world` and so on.
        """
        first = first_step * batch
        size = sum(status.status == "ok" and status.clip in self.keys for status in self.codes.statuses)
        if not size:
            raise TalkingError(f"{self.codes.folder} holds no clip to train on: run the stages before again.")
        position = first - first % size
        for epoch in count(first // size):
            for clip in self._epoch(epoch):
                if position >= first and position % batch % self.world == self.rank:
                    yield clip.arrays()
                position += 1

    def _epoch(self, epoch: int) -> Iterator["_Clip"]:
        rng = np.random.default_rng((self.seed, epoch))
        waiting: list[_Clip] = []
        for clip in self._in_order(rng.permutation(self.codes.names)):
            waiting.append(clip)
            if len(waiting) > self.buffer:
                yield waiting.pop(int(rng.integers(len(waiting))))
        while waiting:
            yield waiting.pop(int(rng.integers(len(waiting))))

    def _in_order(self, shards: np.ndarray) -> Iterator["_Clip"]:
        for shard in map(str, shards):
            if len(self.keys) > self.buffer:
                yield from self._read(shard)
                continue
            if shard not in self._kept:
                self._kept[shard] = list(self._read(shard))
            yield from self._kept[shard]

    def _read(self, shard: str) -> Iterator["_Clip"]:
        kept = len(self.keys) <= self.buffer
        return (_Clip(*pair, kept) for pair in read_pairs(self.codes, self.windows, shard, self.keys))


class _Clip:
    """A clip as it lies in the shards, decoded where it is wanted: other processes take the others."""

    def __init__(self, codes: Sample, windows: Sample, kept: bool) -> None:
        self._held: tuple[Sample, Sample] | ClipArrays = (codes, windows)
        self._kept = kept

    def arrays(self) -> ClipArrays:
        if isinstance(self._held, ClipArrays):
            return self._held
        arrays = _arrays(*self._held)
        if self._kept:
            self._held = arrays
        return arrays


def draw_batches(
    stream: ClipStream,
    *,
    batch: int,
    sequence: int,
    first_step: int = 0,
    anywhere: bool = False,
    smooth: float = 0.0,
    speed: float = 0.0,
    altered: float = 0.0,
) -> Iterator[Batch]:
    """Yield this process's part of batches of `batch` sequences for ever, from number `first_step` on.

    All processes' parts of a number together are the same sequences however many processes share them.
    A sequence is `sequence` frames from a random place of a clip (a shorter clip repeats its last frame); the identity
    frame is drawn from the clip outside the sequence where the clip is longer (thesis section 4.3.3), or `anywhere`,
    of the frames that show a face.
    `smooth`: sigma in frames of the smoothing of the codes over time, against what E_I jitters. `speed`: sequences are
    taken up to this share slower or faster, sound and codes alike. `altered`: the share of sequences that are heard in
    another voice and room, where the clip has such copies.
    """
    share = Share("stage_one.batch", batch, stream.rank, stream.world)
    clips = stream.dealt(batch, first_step)
    for number in count(first_step):
        positions = tuple(number * batch + index for index in range(share.rank, batch, share.world_size))
        draws = [np.random.default_rng((stream.seed, 1, position)) for position in positions]
        taken = [_heard(_smoothed(next(clips), smooth), rng, altered) for rng in draws]
        cuts = [_cut(*pair, sequence, anywhere=anywhere, speed=speed) for pair in zip(taken, draws, strict=True)]
        yield _stack(cuts, positions)


def _cut(
    clip: ClipArrays, rng: np.random.Generator, sequence: int, *, anywhere: bool, speed: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a sequence's windows (S, 12, 28) and codes (S, L, 512), the identity code, and the faces' mask (S,)."""
    length, shown = len(clip.codes), np.flatnonzero(clip.mask)
    factor = 1 + rng.uniform(-speed, speed) if speed else 1.0
    start = int(rng.integers(max(length - round(sequence * factor), 0) + 1))
    taken = np.minimum(start + np.round(np.arange(sequence) * factor).astype(int), length - 1)
    if not clip.mask[taken].any():
        # The frame that it begins with is always taken, so one with a face is enough.
        taken = np.minimum(int(rng.choice(shown)) + taken - start, length - 1)
    outside = np.setdiff1d(shown, [] if anywhere else taken)
    identity = int(rng.choice(outside if len(outside) else shown))
    return _stretched(clip.windows[taken], factor), clip.codes[taken], clip.codes[identity], clip.mask[taken]


def _heard(clip: ClipArrays, rng: np.random.Generator, share: float) -> ClipArrays:
    """Return the clip with one of its altered sounds, for a random `share` of clips."""
    if not share or clip.altered is None or rng.random() >= share:
        return clip
    return replace(clip, windows=clip.altered[rng.integers(len(clip.altered))])


def _smoothed(clip: ClipArrays, sigma: float) -> ClipArrays:
    """Gaussian smoothing of a clip's codes over time, into which those of frames without a face do not enter."""
    if not sigma:
        return clip
    if clip.faces is None:
        return replace(clip, codes=gaussian_filter1d(clip.codes, sigma, axis=0, mode="nearest"))
    share = clip.faces.astype(clip.codes.dtype)[:, None, None]
    codes, shares = (gaussian_filter1d(each, sigma, axis=0, mode="nearest") for each in (clip.codes * share, share))
    return replace(clip, codes=codes / np.maximum(shares, TINY))


def _stretched(windows: np.ndarray, factor: float) -> np.ndarray:
    """Return windows (S, 12, 28) as if spoken `factor` times as fast: columns about the middle, `factor` apart.

    Past either end the outermost column is repeated.
    """
    if factor == 1:
        return windows
    last = windows.shape[2] - 1
    places = np.clip(last / 2 + (np.arange(last + 1) - last / 2) * factor, 0, last)
    low = np.minimum(places.astype(int), last - 1)
    share = (places - low).astype(windows.dtype)
    result: np.ndarray = windows[:, :, low] * (1 - share) + windows[:, :, low + 1] * share
    return result


def _stack(cuts: Sequence[tuple[np.ndarray, ...]], positions: tuple[int, ...]) -> Batch:
    windows, codes, identity, faces = (torch.from_numpy(np.stack(part)) for part in zip(*cuts, strict=True))
    return Batch(windows, codes, identity, positions, None if faces.all() else faces)
