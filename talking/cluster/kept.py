"""What a stage has finished before it is complete: shards kept with their records, so that a killed stage goes on."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from talking.core.files import atomic_folder, sha256_of, write_json
from talking.data import storage
from talking.data.journal import CRASHED, Journal
from talking.data.shards import INDEX, ClipStatus, ShardRow, read_shard, write_index
from talking.data.storage import Location

ITEMS = "items"
RECORD = "record.json"
_TORN = (ValueError, TypeError, KeyError)  # What a record raises that a power cut has emptied or filled with zeros.


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
    """Return the record of a shard that an earlier run finished, if it is whole and the file still the one it wrote."""
    if not (storage.is_file(_record(target)) and storage.is_file(target)):
        return None
    try:
        record = json.loads(storage.read_bytes(_record(target)))
        row, statuses = ShardRow(**record["row"]), [ClipStatus(**status) for status in record["statuses"]]
    except _TORN:
        return None
    return Finished(row, statuses) if storage.size_and_sha256(target) == (row.bytes, row.sha256) else None


class ItemWork(Protocol):
    """A work that fills a folder per item, and returns numbers about it."""

    def prepare(self) -> None:
        """Load what every item needs."""

    def name(self, item: Any, /) -> str:
        """Return the item's name, which is no other's: its folder is kept under it."""

    def __call__(self, item: Any, folder: Path, /) -> Any:
        """Write the item's files into the empty folder; return something that JSON holds."""


@dataclass(frozen=True)
class KeepingItems:
    """An `ItemWork` that keeps the folders of finished items in `state`, so that a killed stage goes on after them.

    Let the name of `state` tell all that the items depend on. A folder whose files are not those that were written is
    made again.
    """

    work: ItemWork
    state: Path

    def prepare(self) -> None:
        """Prepare the work itself."""
        self.work.prepare()

    def __call__(self, item: Any) -> Any:
        """Return the result of an item, which is worked on unless its folder is there."""
        kept = self.state / ITEMS / self.work.name(item)
        if (record := _item_record(kept)) is not None:
            return record["result"]
        with atomic_folder(kept) as folder:
            result = self.work(item, folder)
            write_json(folder / RECORD, {"result": result, "files": _hashes(folder)})
        return result

    def publish(self, out: Path, items: Iterable[Any]) -> None:
        """Put the files of all items into the folder `out`; they stay where they were, should this be interrupted."""
        for item in items:
            kept = self.state / ITEMS / self.work.name(item)
            for name in _hashes(kept):
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(kept / name, out / name, linked=True)

    def forget(self) -> None:
        """Remove what was kept, once the stage is complete."""
        shutil.rmtree(self.state, ignore_errors=True)


def _item_record(kept: Path) -> dict[str, Any] | None:
    """Return the record of a finished item, if it is whole and its files are still those that were written."""
    try:
        record: dict[str, Any] = json.loads((kept / RECORD).read_bytes())
        return record if record["files"] == _hashes(kept) and "result" in record else None
    except (FileNotFoundError, NotADirectoryError, *_TORN):
        return None


def _hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder but the record."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {str(path.relative_to(folder)): sha256_of(path) for path in files}


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
