"""Which checkpoints of a training are whole: Ray Train copies them, and notes which there are, file by file in place.

So a kill or a power cut can leave half a copy, or a note that is empty, which Ray Train (2.60) then refuses at every
further start. Each checkpoint carries the sizes of its files; a torn note is taken away, and the last whole one taken.
"""

import json
from collections.abc import Iterator
from pathlib import Path

SIZES = "sizes.json"
NOTE = "checkpoint_manager_snapshot.json"
_FOLDERS = "checkpoint_*"


def record_sizes(checkpoint: Path) -> None:
    """Put the sizes of its files into the folder of a checkpoint."""
    (checkpoint / SIZES).write_text(json.dumps(_sizes(checkpoint)))


def is_whole(checkpoint: Path) -> bool:
    """Tell whether a checkpoint has every file that it was made with, at its size."""
    try:
        return bool(json.loads((checkpoint / SIZES).read_bytes()) == _sizes(checkpoint))
    except (OSError, ValueError):
        return False


def last_whole(run: Path) -> Path | None:
    """Return the last checkpoint below the folder of a training that is whole; their names tell their times."""
    return next((folder for folder in sorted(run.glob(_FOLDERS), reverse=True) if is_whole(folder)), None)


def forget_torn(run: Path) -> None:
    """Take away Ray Train's note of a training's checkpoints where it is torn, or names one that is not whole."""
    note = run / NOTE
    if not note.is_file():
        return
    try:
        whole = all(is_whole(run / name) for name in _named(json.loads(note.read_bytes())))
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        note.unlink()


def _named(note: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    return (each["checkpoint_dir_name"] for each in note["checkpoint_results"])


def _sizes(checkpoint: Path) -> dict[str, int]:
    files = (path for path in checkpoint.rglob("*") if path.is_file() and path.name != SIZES)
    return {str(path.relative_to(checkpoint)): path.stat().st_size for path in files}
