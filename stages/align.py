"""Stage align: resampled clips -> shards of landmarks, quads and crops."""

from talking.data.storage import Location, absolute
from talking.orchestration.params import Params
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.stage import map_stage, parts_of, run_stage
from talking.orchestration.work.align import AlignWork


def main(params: Params, resampled: Location, out: Location) -> None:
    """Align every resampled clip."""
    inputs = shard_inputs(resampled, parts_of(params.align))
    work, networks = AlignWork(absolute(resampled), params.align), params.align.detector == "face_alignment"
    map_stage(params, "align", work, inputs, out, networks=networks)


if __name__ == "__main__":
    run_stage(main, __doc__, "resampled", "out")
