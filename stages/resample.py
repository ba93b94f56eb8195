"""Stage resample: raw clips -> shards of 25 fps constant-rate video and 16 kHz mono sound."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from stages.clips import rows_of
from stages.common import map_stage, parts_of, run_stage
from talking.config import Params, Resample
from talking.corpora.manifest import ManifestRow, clip_of
from talking.errors import Rejected
from talking.files import sha256_of
from talking.journal import Journal
from talking.media.resample import resample_clip
from talking.shards import ClipStatus, Sample, fingerprint, write_shard
from talking.storage import Location


@dataclass
class ResampleWork:
    """Resamples the clips of a shard."""

    section: Resample
    expected_s: float | None
    raw: Path
    shards: dict[str, list[ManifestRow]]

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, shard: str, target: Location) -> list[ClipStatus]:
        """Write one shard."""
        statuses: list[ClipStatus] = []
        write_shard(target, self._samples(shard, statuses, Journal(target)))
        return statuses

    def _samples(self, shard: str, statuses: list[ClipStatus], journal: Journal) -> Iterator[Sample]:
        for row in self.shards[shard]:
            try:
                journal.begin(row.key, f"{row.path}: ")
                made = resample_clip(
                    clip_of(row, self.raw).path,
                    rate=self.section.rate,
                    sound_rate=self.section.sound_rate,
                    tolerance_s=self.section.tolerance_s,
                    min_frames=self.section.min_frames,
                    max_damaged=self.section.max_damaged,
                    expected_s=self.expected_s,
                )
            except Rejected as error:
                statuses.append(ClipStatus(row.key, row.speaker, shard, error.reason, error.sentence))
                continue
            statuses.append(ClipStatus(row.key, row.speaker, shard, "ok"))
            meta = json.dumps(made.meta, sort_keys=True).encode()
            yield Sample(row.key, {"video.mkv": made.video, "sound.wav": made.sound, "meta.json": meta})


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
