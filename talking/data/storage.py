"""Where shards may lie: on a file system that every node sees, or in an object store, named by an fsspec URL.

A `Path` is a file; a `str` with `://` in it is a URL such as `s3://bucket/run/s1-000.tar`. Either way a file is there
whole or not at all.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talking.core.errors import TalkingError
from talking.core.files import atomic_path, sha256_of

Location = Path | str

_APPEARS_WHOLE = {
    "s3",
    "s3a",
    "gs",
    "gcs",
    "az",
    "abfs",
    "abfss",
}  # Stores whose objects appear when they are complete.


def located(text: str) -> Location:
    """Return the path or the URL that a person wrote."""
    return text.rstrip("/") if "://" in text else Path(text)


def absolute(location: Location) -> Location:
    """Return the location as every process finds it, whatever its working folder."""
    return location.resolve() if isinstance(location, Path) else location


def join(folder: Location, *names: str) -> Location:
    """Return the location of something below a folder."""
    return folder.joinpath(*names) if isinstance(folder, Path) else "/".join([folder, *names])


def parent_of(location: Location) -> Location:
    """Return the folder that something lies in."""
    return location.parent if isinstance(location, Path) else location.rpartition("/")[0]


def name_of(location: Location) -> str:
    """Return the last part of a location."""
    return location.name if isinstance(location, Path) else location.rpartition("/")[2]


def is_file(location: Location) -> bool:
    """Tell whether a file is there."""
    if isinstance(location, Path):
        return location.is_file()
    with _speaking_of(location, "looked for") as (store, path):
        return bool(store.isfile(path))


def size_and_sha256(location: Location) -> tuple[int, str]:
    """Return a file's size in bytes and its hash, from what is stored and not from what was sent."""
    if isinstance(location, Path):
        return location.stat().st_size, sha256_of(location)
    digest, size = hashlib.sha256(), 0
    with _speaking_of(location, "read") as (store, path), store.open(path, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def read_bytes(location: Location) -> bytes:
    """Return a file's content."""
    if isinstance(location, Path):
        return location.read_bytes()
    with _speaking_of(location, "read") as (store, path):
        content: bytes = store.cat_file(path)
        return content


def write_bytes(location: Location, content: bytes, *, durable: bool = True) -> None:
    """Write a file, whole or not at all; what is not `durable` may be lost in a power cut."""
    with writing(location, durable=durable) as temporary:
        temporary.write_bytes(content)


@contextmanager
def writing(location: Location, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary local path; what was written there appears at `location`, whole, when the block succeeds."""
    if isinstance(location, Path):
        with atomic_path(location, durable=durable) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / name_of(location)
        yield made
        put(made, location)


@contextmanager
def local(location: Location) -> Iterator[Path]:
    """Yield a local path to a file: itself, or a copy for the time of the block."""
    if isinstance(location, Path):
        yield location
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name_of(location)
        with _speaking_of(location, "read") as (store, path):
            store.get_file(path, str(copy))
        yield copy


def put(source: Path, url: str) -> None:
    """Copy a local file to a URL, where it appears when all of it has arrived."""
    with _speaking_of(url, "written") as (store, path):
        whole = bool(_APPEARS_WHOLE & _protocols(store))
        sent = path if whole else f"{path}.part"
        try:
            store.makedirs(parent_of(path), exist_ok=True)
            store.put_file(str(source), sent)
            if not whole:
                store.mv(sent, path)
        finally:
            store.invalidate_cache()
            if not whole and store.exists(sent):
                store.rm_file(sent)


def remove(location: Location) -> None:
    """Remove a file, or a folder with all in it; nothing there is no error."""
    if isinstance(location, Path):
        if location.is_dir():
            shutil.rmtree(location, ignore_errors=True)
        else:
            location.unlink(missing_ok=True)
        return
    with _speaking_of(location, "removed") as (store, path):
        store.invalidate_cache()
        if store.exists(path):
            store.rm(path, recursive=True)


def _protocols(store: Any) -> set[str]:
    return {store.protocol} if isinstance(store.protocol, str) else set(store.protocol)


@contextmanager
def _speaking_of(url: str, what: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of a URL and the path in it; an error of whatever client names the URL, as an `OSError`."""
    try:
        from fsspec.core import url_to_fs

        store, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise TalkingError(f"{url}: no client for this kind of storage ({error}): install talking[s3].") from error
    try:
        yield store, path
    except TalkingError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise OSError(f"{url} could not be {what} ({reason}): check the bucket, its address and your key.") from error
