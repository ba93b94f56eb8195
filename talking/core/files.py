"""Writing files so that nobody ever meets half of one: a temporary name beside the target, then a rename."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talking.core.documents import parse_json, text_of
from talking.core.errors import TalkingError

_FULL_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_FULL_DISK_WORDS = re.compile(r"No space left on device|File too large|Disk quota exceeded")


@contextmanager
def full_disk_as_error(target: Path) -> Iterator[None]:
    """Turn "no space left" inside the block into a `TalkingError` that names `target`.

    Libraries such as safetensors raise errors of their own that tell it in words alone.
    """
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) not in _FULL_DISK and not tells_of_full_disk(str(error)):
            raise
        raise TalkingError(f"{target}: the disk is full; free some space and run again.") from error


def tells_of_full_disk(text: str) -> bool:
    """Tell whether a message is the operating system's "no space left"."""
    return bool(_FULL_DISK_WORDS.search(text))


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`, with its suffix; rename it to `target` on success, remove it on error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with full_disk_as_error(target):
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on success it takes the place of `target`, on any error it goes.

    What was there before is moved aside and removed last: a kill at any moment leaves the old or the new one whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    temporary.chmod(0o755)
    aside = temporary.with_name(f"{temporary.name}-before")
    try:
        with full_disk_as_error(target):
            yield temporary
            if target.exists():
                target.rename(aside)
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)


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
