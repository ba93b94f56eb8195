"""The work of the stage mfcc: audio windows of the clips of a shard, one window per frame."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talking.data.members import ALTERED, META, SOUND, WINDOWS
from talking.data.shards import Sample, encode_array
from talking.media.alter import altered
from talking.media.audio import MfccConfig, mfcc_windows, read_wav
from talking.orchestration.shard_stage import ClipWork


@dataclass
class MfccWork(ClipWork):
    """Computes the windows of a shard's clips, and of the clips `training` those of `altered` other voices.

    What a clip's other voices are depends on its key alone.
    """

    config: MfccConfig
    altered: int = 0
    training: frozenset[str] = frozenset()

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the windows (T, 12, 28) of one clip, and of its altered copies (N, T, 12, 28) where there are any."""
        samples, rate = read_wav(sample.members[SOUND])
        frames = json.loads(sample.members[META])["frames"]
        members = {WINDOWS: encode_array(mfcc_windows(samples, rate, frames, self.config))}
        if not self.altered or sample.key not in self.training:
            return members
        draws = [np.random.default_rng((zlib.crc32(sample.key.encode()), number)) for number in range(self.altered)]
        copies = [mfcc_windows(altered(samples, rate, rng), rate, frames, self.config) for rng in draws]
        return {**members, ALTERED: encode_array(np.stack(copies))}
