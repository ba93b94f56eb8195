"""Which clips a stage works on: those of the manifest's splits that the stage before could use."""

from pathlib import Path

from talking.corpora.manifest import ManifestRow, read_manifest
from talking.data.shards import ShardFolder

MANIFEST = "manifest.parquet"


def rows_of(manifest: Path, *splits: str) -> list[ManifestRow]:
    """Return the manifest's rows of the given splits, or all of them."""
    return [row for row in read_manifest(manifest / MANIFEST) if not splits or row.split in splits]


def keys_of(manifest: Path, usable: ShardFolder, *splits: str) -> frozenset[str]:
    """Return the keys of the clips of the given splits that the stage before could use."""
    usable_keys = {status.clip for status in usable.statuses if status.status == "ok"}
    return frozenset(row.key for row in rows_of(manifest, *splits) if row.key in usable_keys)
