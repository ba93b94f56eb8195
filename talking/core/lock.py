"""A lock on a folder that two runs must not share: it is the process's own, and dies with it however it dies."""

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talking.core.errors import TalkingError

if sys.platform != "win32":
    import fcntl

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)  # From file systems that know no locks.


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Hold the lock of a folder, `.<name>.lock` beside it, for the time of the block.

    Raises `TalkingError` when another process holds it, naming its id: `what` says what it is doing. Where the file
    system knows no locks there is none.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f".{folder.name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _taken(handle):
            raise TalkingError(_sentence(path, what))
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {socket.gethostname()} {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _sentence(path: Path, what: str) -> str:
    process, host, since = [*path.read_text().strip().split(" ", 2), "", "", ""][:3]
    who = f"process {process} on {host} since {since}" if process else "another process"
    end = f"`kill {process}`" if process else "it"
    return f"{what} is running already ({who}; {path} is its lock): wait until it is done, or end it with {end}."
