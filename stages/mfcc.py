"""Stage mfcc: resampled sound -> shards of audio windows, one window per frame."""

from talking.data.storage import Location, absolute
from talking.media.audio import MfccConfig
from talking.orchestration.params import Params
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.stage import map_stage, parts_of, run_stage
from talking.orchestration.work.mfcc import MfccWork


def main(params: Params, resampled: Location, out: Location) -> None:
    """Compute the audio windows of every resampled clip."""
    config = MfccConfig(rate=params.resample.sound_rate, **vars(params.mfcc))
    work = MfccWork(absolute(resampled), config)
    map_stage(params, "mfcc", work, shard_inputs(resampled, parts_of(config)), out)


if __name__ == "__main__":
    run_stage(main, __doc__, "resampled", "out")
