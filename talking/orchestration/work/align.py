"""The work of the stage align: landmarks, quads and crops of the clips of a shard."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talking.data.members import CROPS, FACES, LANDMARKS, QUADS, SQUARE, VIDEO, WHOLE
from talking.data.shards import Sample, encode_array
from talking.faces.align import align_clip
from talking.faces.detectors import make_detector
from talking.faces.whole_clip import clip_square, cut_square
from talking.media.video import encode_frames_bytes, iter_frames
from talking.orchestration.params import Align
from talking.orchestration.shard_stage import ClipWork


@dataclass
class AlignWork(ClipWork):
    """Aligns the clips of a shard."""

    section: Align

    def prepare(self) -> None:
        """Load the detector."""
        super().prepare()
        self.detector = make_detector(self.section.detector)

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Find, track and crop the face of one clip."""
        aligned = align_clip(
            iter_frames(sample.members[VIDEO]),
            self.detector,
            size=self.section.size,
            smoothing=self.section.smoothing,
            max_missing=self.section.max_missing,
            redetect_every=self.section.redetect_every,
        )
        return {
            **self._whole(sample.members[VIDEO], aligned.landmarks[aligned.faces]),
            CROPS: encode_frames_bytes(aligned.crops, crf=self.section.crf, pixel_format="yuv444p", preset="veryfast"),
            LANDMARKS: encode_array(aligned.landmarks),
            QUADS: encode_array(aligned.quads),
            FACES: encode_array(aligned.faces),
        }

    def _whole(self, video: bytes, landmarks: np.ndarray) -> dict[str, bytes]:
        """Return the whole clip's crops and their square, where params ask for them: the frames are read once more."""
        if not self.section.whole_clip:
            return {}
        square: np.ndarray | None = None
        crops = []
        for frame in iter_frames(video):
            if square is None:
                height, width = frame.shape[:2]
                square = clip_square(landmarks, height, width, self.section.whole_margin)
            crops.append(cut_square(frame, square, self.section.size))
        made = encode_frames_bytes(np.stack(crops), crf=self.section.crf, pixel_format="yuv444p", preset="veryfast")
        return {WHOLE: made, SQUARE: encode_array(np.asarray(square))}
