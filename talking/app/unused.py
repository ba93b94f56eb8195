"""What folders held that no video was made of, for the end of a batch: nothing is left out without a word."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from talking.app.pairs import PICTURES, SOUNDS, Pair

NAMED = 20


@dataclass(frozen=True)
class Unused:
    """Sentences on what was not used: `broken` could not even be opened, which counts as a failure."""

    broken: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def unused_of(source: Path, driving: Path | None, pairs: Iterable[Pair]) -> Unused:
    """Return what the folders among `source` and `driving` hold beside the files of `pairs`; hidden files do not count.

    Of pictures and sounds that are links to nothing, pipes or devices it is said that they cannot be read; of others,
    why they were passed over.
    """
    used = {path for pair in pairs for path in (pair.source, pair.driving, pair.output)}
    broken: list[str] = []
    others: list[str] = []
    kinds = ((source, PICTURES, "picture", "sound"), (driving, SOUNDS, "sound", "picture"))
    for folder, suffixes, what, partner in kinds:
        if folder is None or not folder.is_dir():
            continue
        left = [path for path in sorted(folder.iterdir()) if path not in used and not path.name.startswith(".")]
        folders = [path for path in left if path.is_dir()]
        known = [path for path in left if path.suffix.lower() in suffixes and path not in folders]
        broken += [f"{path}: {_why_unreadable(path)}." for path in known if not path.is_file()]
        others += _told(folder, f"no {partner} has its name", [path for path in known if path.is_file()])
        others += _told(folder, "a folder, whose files were not looked at", folders)
        odd = [path for path in left if path not in known and path not in folders]
        others += _told(folder, f"no {what} by its name", odd)
    return Unused(tuple(broken), tuple(others))


def _why_unreadable(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"a link to {path.readlink()}, which is not there"
    return "a pipe or a device, and no file"


def _told(folder: Path, reason: str, paths: list[Path]) -> list[str]:
    """Return a sentence on files that were left out for one reason; none where there are none."""
    if not paths:
        return []
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return [f"{folder}: {', '.join(path.name for path in paths[:NAMED])}{more}: {reason}."]
