"""Temporary names that tell which process made them, so that what a dead one left can be cleaned away by the next.

A name is `.<beginning of the target's name>-<place>-<process id>-<random><suffix>`. The place stands for the machine
and, in a container, for its own numbering of processes: whether a process is alive can be asked in its own place alone.
"""

import hashlib
import os
import re
import secrets
import shutil
import socket
from functools import lru_cache
from pathlib import Path

ASIDE = "-before"  # Ends the name of what a folder held before it was replaced.
_NUMBERING = Path("/proc/self/ns/pid")
_OURS = re.compile(
    rf"\.(?P<stem>.*)-(?P<place>[0-9a-f]{{8}})-(?P<process>[0-9]+)-[0-9a-f]{{8}}(?P<suffix>(\.[^.]*?)?)(?P<aside>{ASIDE})?",
    re.DOTALL,
)
_LONGEST = 100  # Bytes of the target's name that are kept: a name has 255 in all.


def temporary_name(target: Path) -> Path:
    """Return a path beside `target`, with its suffix, that no other process and no other call uses."""
    stem = target.stem.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    suffix = target.suffix if len(target.suffix) < _LONGEST else ""
    return target.with_name(f".{stem}-{_place()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}")


def clean_leftovers(folder: Path) -> list[Path]:
    """Remove the temporary files and folders that dead processes left in a folder, and return their paths.

    What was moved aside and never replaced gets its name back. What belongs to a living process, to another machine, or
    to anything else stays.
    """
    try:
        found = {path: name for path in sorted(folder.iterdir()) if (name := _leftover(path))}
    except OSError:
        return []
    for path, name in found.items():
        if name["aside"] and len(name["stem"].encode(errors="surrogateescape")) < _LONGEST:
            _put_back(path, path.with_name(name["stem"] + name["suffix"]))
        elif not name["aside"]:
            _remove(path)
    return list(found)


def is_temporary(path: Path) -> bool:
    """Tell whether a path has a temporary name, of whatever process."""
    return _OURS.fullmatch(path.name) is not None


def clean_tree(folder: Path) -> None:
    """Clean a folder, and every folder in it, of what dead processes left."""
    for place in (folder, *[path for path in folder.rglob("*") if path.is_dir()]):
        clean_leftovers(place)


def _leftover(path: Path) -> re.Match[str] | None:
    """Return the parts of a temporary name of a process of this place that is no longer alive."""
    name = _OURS.fullmatch(path.name)
    return name if name and name["place"] == _place() and not is_alive(int(name["process"])) else None


def _put_back(aside: Path, target: Path) -> None:
    if target.exists():
        _remove(aside)
    else:
        aside.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Tell whether a process of this machine is running; one that is dead and not yet collected is not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    try:
        # The state stands after the name in brackets, which may hold anything.
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")


@lru_cache(maxsize=1)
def _place() -> str:
    try:
        numbering = str(_NUMBERING.readlink())
    except OSError:
        numbering = ""
    return hashlib.sha256(f"{socket.gethostname()} {numbering}".encode()).hexdigest()[:8]
