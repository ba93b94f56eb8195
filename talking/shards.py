"""The one place that reads and writes shards: WebDataset tars whose bytes depend on their content alone, and their index."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from talking.errors import TalkingError
from talking.files import atomic_path, sha256_of

INDEX = "index.parquet"
STATUSES = "clips.parquet"
_SHARD_SCHEMA = pa.schema([("shard", pa.string()), ("samples", pa.int64()), ("bytes", pa.int64()), ("sha256", pa.string())])
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


def write_shard(path: Path, samples: Iterable[Sample]) -> ShardRow:
    """Write samples in the order given; time, owner and order are fixed, so that the same samples give the same bytes."""
    count = 0
    with atomic_path(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in samples:
                _check_key(sample.key, path)
                for kind in sorted(sample.members):
                    tar.addfile(*_member(f"{sample.key}.{kind}", sample.members[kind]))
                count += 1
        return ShardRow(path.name, count, temporary.stat().st_size, sha256_of(temporary))


def read_shard(path: Path, row: ShardRow | None = None) -> Iterator[Sample]:
    """Yield the samples of a shard one at a time; with its index row, first make sure that the file is the one indexed."""
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run the stage that writes it again.")
    if row is not None and (path.stat().st_size != row.bytes or sha256_of(path) != row.sha256):
        raise TalkingError(f"{path} disagrees with its index: run the stage that writes it again.")
    key, members = "", dict[str, bytes]()
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                stem, _, kind = info.name.partition(".")
                if stem != key and members:
                    yield Sample(key, members)
                    members = {}
                key = stem
                file = tar.extractfile(info)
                if file is None:
                    raise TalkingError(f"{path} holds {info.name}, which is not a plain file: it is not a shard of this project.")
                members[kind] = file.read()
    except tarfile.TarError as error:
        raise TalkingError(f"{path} is not a readable tar ({error}): run the stage that writes it again.") from error
    if members:
        yield Sample(key, members)


def write_index(folder: Path, rows: Iterable[ShardRow], statuses: Iterable[ClipStatus]) -> None:
    """Write `index.parquet` (a row per shard) and `clips.parquet` (a row per clip) into the folder of the shards."""
    for name, schema, records in ((INDEX, _SHARD_SCHEMA, rows), (STATUSES, _STATUS_SCHEMA, statuses)):
        with atomic_path(folder / name) as temporary:
            pq.write_table(pa.Table.from_pylist([vars(record) for record in records], schema=schema), temporary)


class ShardFolder:
    """A stage's finished shards: names, rows and statuses from the index, samples by shard name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / INDEX).is_file():
            raise TalkingError(f"{folder / INDEX} is missing: run the stage that writes {folder} first.")
        self.rows = {row["shard"]: ShardRow(**row) for row in pq.read_table(folder / INDEX).to_pylist()}
        self.statuses = [ClipStatus(**row) for row in pq.read_table(folder / STATUSES).to_pylist()]

    @property
    def names(self) -> list[str]:
        """Names of the shards, in the order of the manifest."""
        return list(self.rows)

    def read(self, name: str) -> Iterator[Sample]:
        """Yield the samples of one shard after checking it against the index."""
        return read_shard(self.folder / name, self.rows[name])

    def sample(self, status: ClipStatus) -> Sample:
        """Return one clip's sample by its status row."""
        for sample in self.read(status.shard):
            if sample.key == status.clip:
                return sample
        raise TalkingError(f"{self.folder / status.shard} lacks {status.clip}, which its index promises: run its stage again.")


def check_rejected(statuses: Iterable[ClipStatus], max_rejected: float, stage: str) -> None:
    """Raise `TalkingError` when more than the share `max_rejected` (0 to 1) of the clips was refused."""
    statuses = list(statuses)
    refused = [status for status in statuses if status.status != "ok"]
    if statuses and len(refused) > max_rejected * len(statuses):
        raise TalkingError(
            f"{stage}: {len(refused)} of {len(statuses)} clips were refused, more than max_rejected = {max_rejected:g} allows; "
            f"the first is {refused[0].clip}: {refused[0].sentence}"
        )


def encode_array(array: np.ndarray) -> bytes:
    """Return the bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def decode_array(content: bytes) -> np.ndarray:
    """Return the array of a `.npy` file's bytes; pickled objects are refused."""
    return np.load(io.BytesIO(content), allow_pickle=False)


def _member(name: str, content: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), 0o644, 0
    return info, io.BytesIO(content)


def _check_key(key: str, path: Path) -> None:
    if not key or "." in key or "/" in key:
        raise TalkingError(f"{path}: {key!r} cannot be the key of a clip: it must not be empty nor hold dots or slashes.")
