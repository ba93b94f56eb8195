"""The work of the stage mfcc: audio windows of the clips of a shard, one window per frame."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from talking.data.shards import Sample, encode_array
from talking.media.audio import MfccConfig, mfcc_windows, read_wav
from talking.orchestration.shard_stage import ClipWork


@dataclass
class MfccWork(ClipWork):
    """Computes the windows of a shard's clips."""

    config: MfccConfig

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the windows (T, 12, 28) of one clip."""
        samples, rate = read_wav(sample.members["sound.wav"])
        frames = json.loads(sample.members["meta.json"])["frames"]
        return {"windows.npy": encode_array(mfcc_windows(samples, rate, frames, self.config))}
