"""Writing files so that nobody ever meets half of one: a temporary name beside the target, then a rename.

Files and folders get the permissions that the user's umask leaves.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talking.core.documents import parse_json, text_of
from talking.core.errors import FullDisk, TalkingError
from talking.core.leftovers import ASIDE, temporary_name

_FULL_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_CANNOT_TELL = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # What fsync answers where a file system has none.
_FULL_DISK_WORDS = re.compile(r"No space left on device|File too large|Disk quota exceeded")


@contextmanager
def full_disk_as_error(target: Path) -> Iterator[None]:
    """Turn "no space left" inside the block into a `FullDisk` that names `target`.

    Libraries such as safetensors raise errors of their own that tell it in words alone.
    """
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) not in _FULL_DISK and not tells_of_full_disk(str(error)):
            raise
        raise FullDisk(target) from error


def tells_of_full_disk(text: str) -> bool:
    """Tell whether a message is the operating system's "no space left"."""
    return bool(_FULL_DISK_WORDS.search(text))


@contextmanager
def atomic_path(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`, with its suffix; rename it to `target` on success, remove it on error.

    The content is on the disk before it has the name, so that a power cut leaves the old or the new file whole too;
    not `durable` is for notes that are of no use after one, and spares the wait for the disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    try:
        with full_disk_as_error(target):
            temporary.touch(exist_ok=False)
            mode = temporary.stat().st_mode
            yield temporary
            temporary.chmod(mode)  # Some libraries, such as safetensors, put a private file of their own in its place.
            if durable:
                write_through(temporary)
            temporary.replace(target)
            if durable:
                write_through(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on success it takes the place of `target`, on any error it goes.

    What was there before is moved aside and removed last: a kill or a power cut at any moment leaves the old or the new
    one whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    temporary.mkdir()
    aside = temporary.with_name(f"{temporary.name}{ASIDE}")
    try:
        with full_disk_as_error(target):
            yield temporary
            write_through_all(temporary)
            if target.exists():
                target.rename(aside)
            temporary.rename(target)
            write_through(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Yield a folder beside `target` for what is needed while it is made; it goes at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_through(path: Path) -> None:
    """Wait until a file's content, or which names a folder holds, is on the disk; some file systems cannot tell."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_TELL:
            raise
    finally:
        os.close(handle)


def write_through_all(folder: Path) -> None:
    """Wait until a folder with all files and folders in it is on the disk."""
    for path in folder.rglob("*"):
        if not path.is_symlink() and (path.is_file() or path.is_dir()):
            write_through(path)
    write_through(folder)


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target` by temporary name and rename."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 `text` to `target` by temporary name and rename."""
    write_bytes(target, text.encode())


def write_json(target: Path, value: Any) -> None:
    """Write `value` as indented JSON, keys in the order given, refusing NaN (which is not JSON)."""
    write_text(target, json.dumps(value, indent=2, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal, reading it in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Return the value of a JSON file. Raises `TalkingError` when it is missing or no JSON."""
    try:
        return parse_json(text_of(path))
    except FileNotFoundError as error:
        raise TalkingError(f"{path} is missing: run the stage that writes it first.") from error
    except ValueError as error:
        raise TalkingError(f"{path} is not valid JSON: run the stage that writes it again.") from error
