"""What a stage has finished before it is complete: shards kept with their records, so that a killed stage goes on."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from talking.core.files import atomic_folder
from talking.data import storage
from talking.data.journal import CRASHED, Journal
from talking.data.shards import INDEX, ClipStatus, ShardRow, read_shard, write_index
from talking.data.storage import Location


class ShardWork(Protocol):
    """A stage's work on one shard: read the inputs by shard name, write `target` with `write_shard`.

    A work that says in the `Journal` of `target` which clip it is at survives a clip that kills it.
    """

    def prepare(self) -> None:
        """Load what every call needs."""

    def __call__(self, shard: str, target: Any, /) -> list[ClipStatus]:
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

    def __call__(self, target: Location) -> Finished:
        """Write the shard `target`, named as the input shard, then its record."""
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        name = storage.name_of(target)
        statuses = self.work(name, target)
        Journal(target).end()
        keys = [sample.key for sample in read_shard(target)]
        if keys != [status.clip for status in statuses if status.status == "ok"]:
            raise RuntimeError(f"{name} holds other clips than its statuses name")
        row = ShardRow(name, len(keys), *storage.size_and_sha256(target))
        record = {"row": vars(row), "statuses": [vars(status) for status in statuses]}
        storage.write_bytes(_record(target), (json.dumps(record, indent=2) + "\n").encode())
        return Finished(row, statuses)


def finished(target: Location) -> Finished | None:
    """Return the record of a shard that an earlier run finished, if the file is still the one it wrote."""
    if not (storage.is_file(_record(target)) and storage.is_file(target)):
        return None
    record = json.loads(storage.read_bytes(_record(target)))
    row = ShardRow(**record["row"])
    if storage.size_and_sha256(target) != (row.bytes, row.sha256):
        return None
    return Finished(row, [ClipStatus(**status) for status in record["statuses"]])


def publish(out: Location, kept: Mapping[str, Location], records: Iterable[Finished]) -> None:
    """Put the kept shards and their index into `out`; they stay where they were, should this be interrupted.

    A folder appears at once. In an object store the old index goes first and the new one comes last.
    """
    records = list(records)
    rows, statuses = [record.row for record in records], [status for record in records for status in record.statuses]
    if isinstance(out, str):
        storage.remove(storage.join(out, INDEX))
        for name, location in kept.items():
            with storage.local(location) as path:
                storage.put(path, f"{out}/{name}")
        write_index(out, rows, statuses)
        return
    with atomic_folder(out) as folder:
        for name, location in kept.items():
            with storage.local(location) as path:
                _link_or_copy(path, folder / name, linked=path == location)
        write_index(folder, rows, statuses)


def forgive(kept: Mapping[str, Location], records: Mapping[str, Finished | None]) -> None:
    """Have the shards with clips that killed their workers made anew by the next run: it may have more memory."""
    for name, record in records.items():
        if record and any(status.status == CRASHED for status in record.statuses):
            Journal(kept[name]).forgive()
            storage.remove(_record(kept[name]))


def _link_or_copy(path: Path, target: Path, *, linked: bool) -> None:
    try:
        if not linked:
            raise OSError(f"{path} is a temporary copy")
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)


def _record(target: Location) -> Location:
    return storage.join(storage.parent_of(target), f"{storage.name_of(target)}.json")
