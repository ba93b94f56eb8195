"""The work of the stage resample: 25 fps constant-rate video and 16 kHz mono sound of the clips of a shard."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talking.core.errors import Rejected
from talking.corpora.manifest import ManifestRow, clip_of
from talking.data.journal import Journal
from talking.data.members import META, SOUND, VIDEO
from talking.data.shards import ClipStatus, Sample, write_shard
from talking.data.storage import Location
from talking.media.resample import resample_clip
from talking.orchestration.params import Resample


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
            yield Sample(row.key, {VIDEO: made.video, SOUND: made.sound, META: meta})
