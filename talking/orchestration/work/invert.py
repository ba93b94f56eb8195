"""The work of the stage invert: W+ codes of the clips of a shard, float16 (T, L, 512)."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from talking.core.accelerators import best_device
from talking.core.batches import End, Frame, clip_frames, map_clips
from talking.core.errors import Rejected
from talking.core.prefetch import prefetched
from talking.data.journal import Journal
from talking.data.members import CODES, CROPS, FACES
from talking.data.shards import ClipStatus, Sample, encode_array
from talking.media.video import iter_frames
from talking.models.backbone import Backbone
from talking.orchestration.shard_stage import ClipWork
from talking.synthesis.codes import invert_frames


@dataclass(frozen=True)
class _Clip:
    """A clip on its way through batches, and what it brings along: its mask of frames with a face."""

    key: str
    kept: Mapping[str, bytes] = field(compare=False)

    @classmethod
    def of(cls, sample: Sample) -> "_Clip":
        return cls(sample.key, {name: sample.members[name] for name in (FACES,) if name in sample.members})

    def members(self, codes: np.ndarray) -> dict[str, bytes]:
        return {CODES: encode_array(codes.astype(np.float16)), **self.kept}


Parts = Iterator[Frame[_Clip] | End[_Clip]]


@dataclass
class InvertWork(ClipWork):
    """Inverts the crops of a shard's clips, in batches across their borders; a thread decodes ahead of the model."""

    backbone: Path
    batch: int

    def prepare(self) -> None:
        """Load the image encoder."""
        super().prepare()
        self.pair = Backbone.load(self.backbone).to(best_device())

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the codes of one clip on its own."""
        ((clip, codes),) = self._codes(clip_frames(_Clip.of(sample), iter_frames(sample.members[CROPS])))
        if isinstance(codes, Rejected):
            raise codes
        return clip.members(codes)

    def _samples(self, shard: str, statuses: list[ClipStatus], journal: Journal) -> Iterator[Sample]:
        with closing(prefetched(self._frames(shard, journal), 2 * self.batch)) as frames:
            for clip, codes in self._codes(frames):
                refused = codes if isinstance(codes, Rejected) else None
                statuses.append(self._status(clip.key, shard, refused))
                if not isinstance(codes, Rejected):
                    yield Sample(clip.key, clip.members(codes))

    def _frames(self, shard: str, journal: Journal) -> Generator[Frame[_Clip] | End[_Clip], None, None]:
        for sample in self.folder.read(shard):
            try:
                journal.begin(sample.key)
            except Rejected as error:
                yield End(_Clip.of(sample), error)
                continue
            yield from clip_frames(_Clip.of(sample), iter_frames(sample.members[CROPS]))

    def _codes(self, frames: Parts) -> Iterator[tuple[_Clip, np.ndarray | Rejected]]:
        return map_clips(frames, partial(invert_frames, self.pair, batch=self.batch), self.batch)
