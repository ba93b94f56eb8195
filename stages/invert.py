"""Stage invert: crops -> shards of W+ codes, float16 (T, L, 512)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.common import map_stage, run_stage
from stages.shard_stage import ClipWork, shard_inputs
from talking.config import Params
from talking.files import sha256_of
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.shards import Sample, encode_array
from talking.synthesis.codes import best_device, invert_frames


@dataclass
class InvertWork(ClipWork):
    """Inverts the crops of a shard's clips."""

    backbone: Path
    batch: int

    def prepare(self) -> None:
        """Load the image encoder."""
        super().prepare()
        self.pair = Backbone.load(self.backbone).to(best_device())

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the codes of one clip."""
        codes = invert_frames(self.pair, decode_frames(sample.members["crops.mp4"]), self.batch)
        return {"codes.npy": encode_array(codes.astype(np.float16))}


def main(params: Params, aligned: Path, backbone: Path, out: Path) -> None:
    """Invert every aligned clip."""
    weights = "".join(sha256_of(file) for file in sorted(backbone.glob("*.safetensors")))
    inputs = shard_inputs(aligned, weights)
    work = InvertWork(aligned.resolve(), backbone.resolve(), params.invert.batch)
    map_stage(params, "invert", work, inputs, out, gpus=params.cluster.gpus_per_worker)


if __name__ == "__main__":
    run_stage(main, __doc__, "aligned", "backbone", "out")
