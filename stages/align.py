"""Stage align: resampled clips -> shards of landmarks, quads and crops."""

from collections.abc import Mapping
from dataclasses import dataclass

from stages.common import map_stage, parts_of, run_stage
from stages.shard_stage import ClipWork, shard_inputs
from talking.config import Align, Params
from talking.faces.align import align_clip
from talking.faces.finders import make_finder
from talking.media.video import encode_frames_bytes, iter_frames
from talking.shards import Sample, encode_array
from talking.storage import Location, absolute


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
            iter_frames(sample.members["video.mkv"]),
            self.finder,
            size=self.section.size,
            smoothing=self.section.smoothing,
            max_missing=self.section.max_missing,
            redetect_every=self.section.redetect_every,
        )
        return {
            "crops.mp4": encode_frames_bytes(
                aligned.crops, crf=self.section.crf, pixel_format="yuv444p", preset="veryfast"
            ),
            "landmarks.npy": encode_array(aligned.landmarks),
            "quads.npy": encode_array(aligned.quads),
        }


def main(params: Params, resampled: Location, out: Location) -> None:
    """Align every resampled clip."""
    inputs = shard_inputs(resampled, parts_of(params.align))
    work, networks = AlignWork(absolute(resampled), params.align), params.align.finder == "face_alignment"
    map_stage(params, "align", work, inputs, out, networks=networks)


if __name__ == "__main__":
    run_stage(main, __doc__, "resampled", "out")
