"""Stage mfcc: resampled sound -> shards of audio windows, a window per frame; of training clips in other voices too."""

from pathlib import Path

from talking.core.errors import TalkingError
from talking.data.shards import ShardFolder
from talking.data.storage import Location, absolute
from talking.orchestration.clips import keys_of
from talking.orchestration.params import Params
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.stage import map_stage, parts_of, run_stage
from talking.orchestration.windows import config_of
from talking.orchestration.work.mfcc import MfccWork


def main(params: Params, resampled: Location, out: Location, manifest: Path | None) -> None:
    """Compute the audio windows of every resampled clip; the manifest says which clips are for training."""
    config, altered = config_of(params), params.mfcc.altered
    if altered and manifest is None:
        raise TalkingError("mfcc.altered needs the manifest, which says what is for training: give --manifest.")
    training = keys_of(manifest, ShardFolder(resampled), "train") if altered and manifest else frozenset()
    work = MfccWork(absolute(resampled), config, altered, training)
    parts = [parts_of(config), *(parts_of((altered, sorted(training))) for _ in range(bool(altered)))]
    map_stage(params, "mfcc", work, shard_inputs(resampled, *parts), out)


if __name__ == "__main__":
    run_stage(main, __doc__, "resampled", "out", optional=("manifest",))
