"""Stage invert: crops -> shards of W+ codes, float16 (T, L, 512)."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from stages.common import map_stage, run_stage
from stages.shard_stage import ClipWork, shard_inputs
from talking.batches import End, Frame, clip_frames, map_clips
from talking.config import Params
from talking.errors import Rejected
from talking.files import sha256_of
from talking.journal import Journal
from talking.media.video import iter_frames
from talking.models.backbone import Backbone
from talking.prefetch import prefetched
from talking.shards import ClipStatus, Sample, encode_array
from talking.storage import Location, absolute
from talking.synthesis.codes import best_device, invert_frames


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
        ((_, codes),) = self._codes(clip_frames(sample.key, iter_frames(sample.members["crops.mp4"])))
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
            yield from clip_frames(sample.key, iter_frames(sample.members["crops.mp4"]))

    def _codes(self, frames: Iterator[Frame[str] | End[str]]) -> Iterator[tuple[str, np.ndarray | Rejected]]:
        return map_clips(frames, partial(invert_frames, self.pair, batch=self.batch), self.batch)


def _members(codes: np.ndarray) -> dict[str, bytes]:
    return {"codes.npy": encode_array(codes.astype(np.float16))}


def main(params: Params, aligned: Location, backbone: Path, out: Location) -> None:
    """Invert every aligned clip."""
    weights = "".join(sha256_of(file) for file in sorted(backbone.glob("*.safetensors")))
    inputs = shard_inputs(aligned, weights)
    work = InvertWork(absolute(aligned), backbone.resolve(), params.invert.batch)
    map_stage(params, "invert", work, inputs, out, networks=True)


if __name__ == "__main__":
    run_stage(main, __doc__, "aligned", "backbone", "out")
