"""Stage resample: raw clips -> shards of 25 fps constant-rate video and 16 kHz mono sound."""

from itertools import groupby
from pathlib import Path

from talking.core.files import sha256_of
from talking.corpora.manifest import clip_of
from talking.data.shards import fingerprint
from talking.data.storage import Location
from talking.orchestration.clips import rows_of
from talking.orchestration.params import Params
from talking.orchestration.stage import map_stage, parts_of, run_stage
from talking.orchestration.work.resample import ResampleWork


def main(params: Params, raw: Path, manifest: Path, out: Location) -> None:
    """Resample every clip of the manifest."""
    shards = {shard: list(rows) for shard, rows in groupby(rows_of(manifest), key=lambda row: row.shard)}
    expected = params.the_corpus.clip_s
    section = parts_of((params.resample, expected))
    inputs = [
        (shard, fingerprint(section, *(row.key + sha256_of(clip_of(row, raw).path) for row in rows)))
        for shard, rows in shards.items()
    ]
    map_stage(params, "resample", ResampleWork(params.resample, expected, raw.resolve(), shards), inputs, out)


if __name__ == "__main__":
    run_stage(main, __doc__, "raw", "manifest", "out")
