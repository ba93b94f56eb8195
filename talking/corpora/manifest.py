"""The manifest: a row per clip with its split and its shard, as a parquet table that every later stage reads."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from talking.core.errors import TalkingError
from talking.core.files import atomic_path
from talking.core.wording import printable, shown
from talking.corpora.clip import Clip, Segment
from talking.corpora.listing import natural_key
from talking.corpora.splits import SPLITS, split_clips
from talking.data.tables import read_rows

__all__ = ["SPLITS", "ManifestRow", "clip_of", "make_manifest", "read_manifest", "split_clips", "write_manifest"]

# Names become files, members of shards and keys of tables; a shard's has a suffix.
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.tar)?")
_SEGMENTS = pa.list_(pa.struct([("start_s", pa.float64()), ("end_s", pa.float64()), ("text", pa.string())]))
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("key", "corpus", "speaker", "name", "path", "split", "sentence")),
        ("words", _SEGMENTS),
        ("phones", _SEGMENTS),
        ("shard", pa.string()),
    ]
)


@dataclass(frozen=True)
class ManifestRow:
    """A clip as all stages know it: `path` is relative to the corpus root, with slashes; `shard` is a file name."""

    key: str
    corpus: str
    speaker: str
    name: str
    path: str
    split: str
    sentence: str
    words: tuple[Segment, ...]
    phones: tuple[Segment, ...]
    shard: str


def make_manifest(
    clips: Iterable[Clip], splits: Mapping[str, str], *, root: Path, clips_per_shard: int
) -> list[ManifestRow]:
    """Return the rows in natural order of speaker and name, each with its split and its shard.

    A speaker's clips fill `<speaker>-000.tar`, `<speaker>-001.tar` and so on in that order, `clips_per_shard` in each.
    """
    if clips_per_shard < 1:
        raise TalkingError(f"clips_per_shard = {clips_per_shard}: a shard must hold at least one clip.")
    counts: dict[str, int] = defaultdict(int)
    rows = []
    for clip in sorted(clips, key=lambda clip: (natural_key(clip.speaker), natural_key(clip.name))):
        shard = f"{clip.speaker}-{counts[clip.speaker] // clips_per_shard:03d}.tar"
        counts[clip.speaker] += 1
        rows.append(_row(clip, splits[clip.key], root, shard))
    return rows


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write the rows as parquet by temporary name and rename; the same rows give the same bytes."""
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA), temporary)


def read_manifest(path: Path) -> list[ManifestRow]:
    """Return the rows of a manifest; a file that is missing or is none is a `TalkingError`."""
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run the corpus stage first.")
    try:
        rows = [_row_of(record) for record in read_rows(path, _SCHEMA)]
    except (ValueError, TypeError) as error:
        raise TalkingError(f"{path} is no manifest ({printable(str(error), 200)}): run corpus again.") from error
    for row in rows:
        named = [row.key, row.speaker, row.name, *([row.shard] if row.shard != "" else [])]
        if not all(isinstance(part, str) and _NAME.fullmatch(part) for part in named):
            raise TalkingError(
                f"{path} has the clip {shown(row.key)} of {shown(row.speaker)} in {shown(row.shard)}: names have "
                "letters, digits, hyphens and underscores alone; run corpus again."
            )
    return rows


def clip_of(row: ManifestRow, root: Path) -> Clip:
    """Return the clip of a row, its path below the corpus root `root`; a path that leaves the root is refused."""
    relative = PurePosixPath(row.path)
    if relative.is_absolute() or ".." in relative.parts:
        raise TalkingError(
            f"The manifest's path {row.path!r} of {row.key} leads out of {root}: run the corpus stage again."
        )
    return Clip(row.corpus, row.speaker, row.name, root / relative, row.sentence, row.words, row.phones)


def _row(clip: Clip, split: str, root: Path, shard: str) -> ManifestRow:
    try:
        path = clip.path.relative_to(root).as_posix()
    except ValueError as error:
        raise TalkingError(
            f"{clip.path} does not lie below {root}: give the root that the clips were read from."
        ) from error
    return ManifestRow(
        clip.key, clip.corpus, clip.speaker, clip.name, path, split, clip.sentence, clip.words, clip.phones, shard
    )


def _row_of(record: dict[str, Any]) -> ManifestRow:
    times = {kind: tuple(Segment(**segment) for segment in record[kind]) for kind in ("words", "phones")}
    return ManifestRow(**(record | times))
