"""The one place that reads and writes shards: WebDataset tars of reproducible bytes, and their index.

They lie in a folder or, by its URL, in an object store (`talking.data.storage`).
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from talking.core.errors import TalkingError
from talking.core.files import sha256_of
from talking.data import storage
from talking.data.storage import Location
from talking.data.tables import read_rows

INDEX = "index.parquet"
STATUSES = "clips.parquet"
_SHARD_SCHEMA = pa.schema(
    [("shard", pa.string()), ("samples", pa.int64()), ("bytes", pa.int64()), ("sha256", pa.string())]
)
_STATUS_SCHEMA = pa.schema([(name, pa.string()) for name in ("clip", "speaker", "shard", "status", "sentence")])


@dataclass(frozen=True)
class Sample:
    """One clip in a shard: its key (no dots, no slashes) and its members by kind, such as `{"codes.npy": b"..."}`."""

    key: str
    members: dict[str, bytes]


@dataclass(frozen=True)
class ShardRow:
    """One row of the index: a shard's file name, how many clips it holds, its size and its hash."""

    shard: str
    samples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ClipStatus:
    """What became of a clip in a stage: `ok`, or a reason in one word with a sentence for people."""

    clip: str
    speaker: str
    shard: str
    status: str
    sentence: str = ""


def write_shard(path: Location, samples: Iterable[Sample]) -> ShardRow:
    """Write samples in the order given; time, owner and order are fixed: the same samples give the same bytes."""
    from webdataset.writer import TarWriter  # brings torch, which many who import this module can do without

    count = 0
    with storage.writing(path) as temporary:
        with temporary.open("wb") as file, TarWriter(file, encoder=False, mtime=0) as tar:
            for sample in samples:
                _check_key(sample.key, path)
                tar.write({"__key__": sample.key, **sample.members})
                count += 1
        return ShardRow(storage.name_of(path), count, temporary.stat().st_size, sha256_of(temporary))


def read_shard(path: Location, row: ShardRow | None = None) -> Iterator[Sample]:
    """Yield the samples of a shard one at a time; with its index row, first make sure that the file is the one indexed.

    Raises `TalkingError` when the file is missing, differs from its row, or is no tar.
    """
    if not storage.is_file(path):
        raise TalkingError(f"{path} is missing: run the stage that writes it again.")
    with storage.local(path) as copy:
        if row is not None and (copy.stat().st_size != row.bytes or sha256_of(copy) != row.sha256):
            raise TalkingError(f"{path} disagrees with its index: run the stage that writes it again.")
        try:
            yield from _samples(copy)
        except (tarfile.TarError, OSError) as error:
            raise TalkingError(f"{path} is not a readable tar: run the stage that writes it again.") from error


def _samples(tar: Path) -> Iterator[Sample]:
    from webdataset.tariterators import group_by_keys, tar_file_expander

    with tar.open("rb") as stream:
        for entry in group_by_keys(tar_file_expander([{"url": str(tar), "stream": stream}])):
            yield Sample(entry["__key__"], {kind: entry[kind] for kind in entry if not kind.startswith("__")})


def write_index(folder: Location, rows: Iterable[ShardRow], statuses: Iterable[ClipStatus]) -> None:
    """Write `clips.parquet` (a row per clip) and `index.parquet` (a row per shard) into the folder of the shards.

    The index comes last: a folder that has it is complete.
    """
    for name, schema, records in ((STATUSES, _STATUS_SCHEMA, statuses), (INDEX, _SHARD_SCHEMA, rows)):
        with storage.writing(storage.join(folder, name)) as temporary:
            pq.write_table(pa.Table.from_pylist([vars(record) for record in records], schema=schema), temporary)


class ShardFolder:
    """A stage's finished shards: names, rows and statuses from the index, samples by shard name."""

    def __init__(self, folder: Location) -> None:
        self.folder = folder
        self._index = storage.join(folder, INDEX)
        if not storage.is_file(self._index):
            raise TalkingError(f"{self._index} is missing: run the stage that writes {folder} first.")
        self.rows = {row["shard"]: ShardRow(**row) for row in _table(self._index, _SHARD_SCHEMA)}
        statuses = storage.join(folder, STATUSES)
        if not storage.is_file(statuses):
            raise TalkingError(f"{statuses} is missing: run the stage that writes {folder} again.")
        self.statuses = [ClipStatus(**row) for row in _table(statuses, _STATUS_SCHEMA)]

    @property
    def names(self) -> list[str]:
        """Names of the shards, in the order of the manifest."""
        return list(self.rows)

    def read(self, name: str) -> Iterator[Sample]:
        """Yield the samples of one shard after checking it against the index."""
        if name not in self.rows:
            raise TalkingError(f"{self._index} lists no {name}: run the stage that writes {self.folder} again.")
        return read_shard(storage.join(self.folder, name), self.rows[name])

    def clip(self, key: str) -> Sample:
        """Return one clip's sample by its key. Raises `TalkingError` for a clip that is not there or was refused."""
        status = next((status for status in self.statuses if status.clip == key), None)
        if status is None:
            raise TalkingError(f"{self._index} lists no clip {key}: run the stage that writes {self.folder} again.")
        if status.status != "ok":
            raise TalkingError(f"{self.folder} has no sample of {key}, which was refused: {status.sentence}")
        return self.sample(status)

    def sample(self, status: ClipStatus) -> Sample:
        """Return one clip's sample by its status row."""
        for sample in self.read(status.shard):
            if sample.key == status.clip:
                return sample
        shard = storage.join(self.folder, status.shard)
        raise TalkingError(f"{shard} lacks {status.clip}, which its index promises: run its stage again.")


def check_rejected(statuses: Iterable[ClipStatus], max_rejected: float, stage: str) -> None:
    """Raise `TalkingError` when more than the share `max_rejected` (0 to 1) of the clips was refused."""
    statuses = list(statuses)
    refused = [status for status in statuses if status.status != "ok"]
    if statuses and len(refused) > max_rejected * len(statuses):
        raise TalkingError(
            f"{stage}: {len(refused)} of {len(statuses)} clips were refused, more than max_rejected = {max_rejected:g} "
            f"allows; the first is {refused[0].clip}: {refused[0].sentence}"
        )


def fingerprint(*parts: str) -> str:
    """Return a hash (hexadecimal) that differs whenever one of the parts does."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return digest.hexdigest()


def encode_array(array: np.ndarray) -> bytes:
    """Return the bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def decode_array(content: bytes) -> np.ndarray:
    """Return the array of a `.npy` file's bytes; pickled objects are refused."""
    result: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    return result


def _table(location: Location, columns: pa.Schema) -> list[dict[str, Any]]:
    with storage.local(location) as copy:
        return read_rows(copy, columns, location)


def _check_key(key: str, path: Location) -> None:
    if not key or "." in key or "/" in key:
        raise TalkingError(
            f"{path}: {key!r} cannot be the key of a clip: it must not be empty nor hold dots or slashes."
        )
