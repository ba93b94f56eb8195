"""Stage mfcc: resampled sound -> shards of audio windows, one window per frame."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stages.common import map_stage, parts_of, run_stage
from stages.shard_stage import ClipWork, shard_inputs
from talking.config import Params
from talking.media.audio import MfccConfig, mfcc_windows, read_wav
from talking.shards import Sample, encode_array
from talking.storage import Location, absolute


@dataclass
class MfccWork(ClipWork):
    """Computes the windows of a shard's clips."""

    config: MfccConfig

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the windows (T, 12, 28) of one clip."""
        samples, rate = read_wav(sample.members["sound.wav"])
        frames = json.loads(sample.members["meta.json"])["frames"]
        return {"windows.npy": encode_array(mfcc_windows(samples, rate, frames, self.config))}


def main(params: Params, resampled: Location, out: Location) -> None:
    """Compute the audio windows of every resampled clip."""
    config = MfccConfig(rate=params.resample.sound_rate, **vars(params.mfcc))
    work = MfccWork(absolute(resampled), config)
    map_stage(params, "mfcc", work, shard_inputs(resampled, parts_of(config)), out)


if __name__ == "__main__":
    run_stage(main, __doc__, "resampled", "out")
