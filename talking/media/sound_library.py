"""librosa, which every module takes from here: its numba keeps what it compiles, and gives up without a place for it.

It looks beside librosa and in the home folder. In a container neither may be writable: then it gets a folder among the
temporary files, which must be the user's own, since what lies there is run.
"""

import os
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path

PLACE = "NUMBA_CACHE_DIR"


def give_numba_a_place() -> None:
    """Name a folder for what numba compiles where it would find none by itself, and none was named."""
    if PLACE not in os.environ and not any(map(_can_be_written, _own_places())):
        os.environ[PLACE] = str(_temporary_place())


def _own_places() -> list[Path]:
    found = find_spec("librosa")
    beside = [Path(found.origin).parent / "util" / "__pycache__"] if found and found.origin else []
    return [*beside, Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "numba"]


def _can_be_written(folder: Path) -> bool:
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return there is not None and there.is_dir() and _takes_a_file(there)


def _takes_a_file(folder: Path) -> bool:
    """Tell whether a file can be made in a folder: for root, and where a system is mounted, its mode tells nothing."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _temporary_place() -> Path:
    place = Path(tempfile.gettempdir()) / f"talking-numba-{os.getuid()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return place
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="talking-numba-"))


give_numba_a_place()
import librosa  # noqa: E402

__all__ = ["give_numba_a_place", "librosa"]
