"""What the stages have in common that turn the clips of one shard folder into those of another, one by one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from talking.core.errors import Rejected
from talking.data.journal import Journal
from talking.data.shards import ClipStatus, Sample, ShardFolder, fingerprint, write_shard
from talking.data.storage import Location


@dataclass
class ClipWork(ABC):
    """Turns each usable clip of a shard into a sample; a clip that cannot be used is recorded and skipped.

    A stage subclasses it with `convert`, and with `prepare` where there is something to load.
    """

    source: Location

    def prepare(self) -> None:
        """Open the folder that is read."""
        self.folder = ShardFolder(self.source)
        self.speakers = {status.clip: status.speaker for status in self.folder.statuses}

    @abstractmethod
    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the members of the clip's new sample; raise `Rejected` for a clip that cannot be used."""

    def __call__(self, shard: str, target: Location) -> list[ClipStatus]:
        """Write one shard."""
        statuses: list[ClipStatus] = []
        write_shard(target, self._samples(shard, statuses, Journal(target)))
        return statuses

    def _samples(self, shard: str, statuses: list[ClipStatus], journal: Journal) -> Iterator[Sample]:
        """Yield the new samples, and add what became of each clip to `statuses`."""
        for sample in self.folder.read(shard):
            try:
                journal.begin(sample.key)
                members = self.convert(sample)
            except Rejected as error:
                statuses.append(self._status(sample.key, shard, error))
                continue
            statuses.append(self._status(sample.key, shard))
            yield Sample(sample.key, dict(members))

    def _status(self, key: str, shard: str, refused: Rejected | None = None) -> ClipStatus:
        if refused is None:
            return ClipStatus(key, self.speakers[key], shard, "ok")
        return ClipStatus(key, self.speakers[key], shard, refused.reason, f"{key}: {refused.sentence}")


def shard_inputs(source: Location, *parts: str) -> list[tuple[str, str]]:
    """Return the shards of a folder, each with a hash of its bytes and of `parts`."""
    return [(name, fingerprint(row.sha256, *parts)) for name, row in ShardFolder(source).rows.items()]
