"""What a stage has finished before it is complete: shards kept with their records, so that a killed stage goes on."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from talking.files import atomic_folder, sha256_of, write_json
from talking.shards import ClipStatus, ShardRow, read_shard, write_index


class ShardWork(Protocol):
    """A stage's work on one shard: read the inputs by shard name, write `target` with `talking.shards.write_shard`."""

    def prepare(self) -> None:
        """Load what every call needs."""

    def __call__(self, shard: str, target: Path, /) -> list[ClipStatus]:
        """Write the shard, empty when every clip was refused, and return what became of each clip, in order."""


@dataclass(frozen=True)
class Finished:
    """A shard as its worker left it: its index row and what became of each of its clips."""

    row: ShardRow
    statuses: list[ClipStatus]


@dataclass(frozen=True)
class Keeping:
    """A `ShardWork` that leaves a record beside each shard it finished: where there is no record there is no shard."""

    work: ShardWork

    def prepare(self) -> None:
        """Prepare the work itself."""
        self.work.prepare()

    def __call__(self, target: Path) -> Finished:
        """Write the shard `target`, named as the input shard, then its record."""
        target.parent.mkdir(parents=True, exist_ok=True)
        statuses = self.work(target.name, target)
        keys = [sample.key for sample in read_shard(target)]
        if keys != [status.clip for status in statuses if status.status == "ok"]:
            raise RuntimeError(f"{target.name} holds other clips than its statuses name")
        row = ShardRow(target.name, len(keys), target.stat().st_size, sha256_of(target))
        write_json(_record(target), {"row": vars(row), "statuses": [vars(status) for status in statuses]})
        return Finished(row, statuses)


def finished(target: Path) -> Finished | None:
    """Return the record of a shard that an earlier run finished, if the file is still the one it wrote."""
    if not (_record(target).is_file() and target.is_file()):
        return None
    record = json.loads(_record(target).read_text())
    row = ShardRow(**record["row"])
    if sha256_of(target) != row.sha256:
        return None
    return Finished(row, [ClipStatus(**status) for status in record["statuses"]])


def publish(out: Path, kept: Mapping[str, Path], records: Iterable[Finished]) -> None:
    """Put the kept shards and their index into `out` at once; they stay where they were, should this be interrupted."""
    records = list(records)
    with atomic_folder(out) as folder:
        for name, path in kept.items():
            try:
                (folder / name).hardlink_to(path)
            except OSError:
                shutil.copyfile(path, folder / name)
        statuses = [status for record in records for status in record.statuses]
        write_index(folder, [record.row for record in records], statuses)


def _record(target: Path) -> Path:
    return target.with_name(target.name + ".json")
