"""The work of the stage align: landmarks, quads and crops of the clips of a shard."""

from collections.abc import Mapping
from dataclasses import dataclass

from talking.data.members import CROPS, LANDMARKS, QUADS, VIDEO
from talking.data.shards import Sample, encode_array
from talking.faces.align import align_clip
from talking.faces.finders import make_finder
from talking.media.video import encode_frames_bytes, iter_frames
from talking.orchestration.params import Align
from talking.orchestration.shard_stage import ClipWork


@dataclass
class AlignWork(ClipWork):
    """Aligns the clips of a shard."""

    section: Align

    def prepare(self) -> None:
        """Load the finder."""
        super().prepare()
        self.finder = make_finder(self.section.finder)

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Find, track and crop the face of one clip."""
        aligned = align_clip(
            iter_frames(sample.members[VIDEO]),
            self.finder,
            size=self.section.size,
            smoothing=self.section.smoothing,
            max_missing=self.section.max_missing,
            redetect_every=self.section.redetect_every,
        )
        return {
            CROPS: encode_frames_bytes(aligned.crops, crf=self.section.crf, pixel_format="yuv444p", preset="veryfast"),
            LANDMARKS: encode_array(aligned.landmarks),
            QUADS: encode_array(aligned.quads),
        }
