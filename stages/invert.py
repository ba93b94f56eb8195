"""Stage invert: crops -> shards of W+ codes, float16 (T, L, 512)."""

from pathlib import Path

from talking.core.files import sha256_of
from talking.data.storage import Location, absolute
from talking.orchestration.params import Params
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.stage import map_stage, run_stage
from talking.orchestration.work.invert import InvertWork


def main(params: Params, aligned: Location, backbone: Path, out: Location) -> None:
    """Invert every aligned clip."""
    weights = "".join(sha256_of(file) for file in sorted(backbone.glob("*.safetensors")))
    inputs = shard_inputs(aligned, weights)
    work = InvertWork(absolute(aligned), backbone.resolve(), params.invert.batch)
    map_stage(params, "invert", work, inputs, out, networks=True)


if __name__ == "__main__":
    run_stage(main, __doc__, "aligned", "backbone", "out")
