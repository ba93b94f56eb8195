"""The work of the stage invert: W+ codes of the clips of a shard, float16 (T, L, 512)."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from talking.core.accelerators import best_device
from talking.core.batches import End, Frame, clip_frames, map_clips
from talking.core.errors import Rejected
from talking.core.prefetch import prefetched
from talking.data.journal import Journal
from talking.data.members import CODES, CROPS
from talking.data.shards import ClipStatus, Sample, encode_array
from talking.media.video import iter_frames
from talking.models.backbone import Backbone
from talking.orchestration.shard_stage import ClipWork
from talking.synthesis.codes import invert_frames


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
        ((_, codes),) = self._codes(clip_frames(sample.key, iter_frames(sample.members[CROPS])))
        if isinstance(codes, Rejected):
            raise codes
        return _members(codes)

    def _samples(self, shard: str, statuses: list[ClipStatus], journal: Journal) -> Iterator[Sample]:
        with closing(prefetched(self._frames(shard, journal), 2 * self.batch)) as frames:
            for key, codes in self._codes(frames):
                refused = codes if isinstance(codes, Rejected) else None
                statuses.append(self._status(key, shard, refused))
                if not isinstance(codes, Rejected):
                    yield Sample(key, _members(codes))

    def _frames(self, shard: str, journal: Journal) -> Generator[Frame[str] | End[str], None, None]:
        for sample in self.folder.read(shard):
            try:
                journal.begin(sample.key)
            except Rejected as error:
                yield End(sample.key, error)
                continue
            yield from clip_frames(sample.key, iter_frames(sample.members[CROPS]))

    def _codes(self, frames: Iterator[Frame[str] | End[str]]) -> Iterator[tuple[str, np.ndarray | Rejected]]:
        return map_clips(frames, partial(invert_frames, self.pair, batch=self.batch), self.batch)


def _members(codes: np.ndarray) -> dict[str, bytes]:
    return {CODES: encode_array(codes.astype(np.float16))}
