"""What the stages have in common that turn the clips of one shard folder into those of another, one by one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from talking.errors import Rejected
from talking.shards import ClipStatus, Sample, ShardFolder, fingerprint, write_shard


@dataclass
class ClipWork(ABC):
    """Turns each usable clip of a shard into a sample; a clip that cannot be used is recorded and skipped.

    A stage subclasses it with `convert`, and with `prepare` where there is something to load.
    """

    source: Path

    def prepare(self) -> None:
        """Open the folder that is read."""
        self.folder = ShardFolder(self.source)
        self.speakers = {status.clip: status.speaker for status in self.folder.statuses}

    @abstractmethod
    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the members of the clip's new sample; raise `Rejected` for a clip that cannot be used."""

    def __call__(self, shard: str, target: Path) -> list[ClipStatus]:
        """Write one shard."""
        statuses: list[ClipStatus] = []
        write_shard(target, self._samples(shard, statuses))
        return statuses

    def _samples(self, shard: str, statuses: list[ClipStatus]) -> Iterator[Sample]:
        for sample in self.folder.read(shard):
            speaker = self.speakers[sample.key]
            try:
                members = self.convert(sample)
            except Rejected as error:
                statuses.append(ClipStatus(sample.key, speaker, shard, error.reason, f"{sample.key}: {error.sentence}"))
                continue
            statuses.append(ClipStatus(sample.key, speaker, shard, "ok"))
            yield Sample(sample.key, dict(members))


def shard_inputs(source: Path, *parts: str) -> list[tuple[str, str]]:
    """Return the shards of a folder, each with a hash of its bytes and of `parts`."""
    return [(name, fingerprint(row.sha256, *parts)) for name, row in ShardFolder(source).rows.items()]
