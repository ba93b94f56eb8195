"""The readers by their names in params.yaml, and what to tell a user whose folder is not what they expect."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from talking.core.errors import TalkingError
from talking.corpora.clip import Clip
from talking.corpora.grid import read_grid
from talking.corpora.rejects import Reject
from talking.corpora.tcd_timit import read_tcd_timit


@dataclass(frozen=True)
class Reader:
    """A reader, what it expects below the root, and how a user comes by that."""

    read: Callable[[Path, str], tuple[list[Clip], list[Reject]]]
    expected: str
    how: str


READERS = {
    "grid": Reader(
        read_grid,
        "folders s1, s2, ... of .mpg files",
        "make the demo corpus with `make demo`, or get GRID and link it there as docs/grid.md says",
    ),
    "tcd_timit": Reader(
        read_tcd_timit,
        "volunteers/<id>/Clips/straightcam/*.mp4",
        "ask its authors for TCD-TIMIT and link it there as docs/tcd-timit.md says",
    ),
}


def read_corpus(reader: str, root: Path, corpus: str | None = None) -> tuple[list[Clip], list[Reject]]:
    """Return the clips below `root` as `reader` ('grid', 'tcd_timit') finds them, and its rejects.

    `corpus` is the name that the clips bear, the reader's own by default. A missing or empty folder, a file in its
    place and a folder without one usable clip are each a `TalkingError` that says what was expected and how to get it.
    """
    if reader not in READERS:
        raise TalkingError(f"There is no reader {reader!r}: the readers are {', '.join(READERS)}.")
    known = READERS[reader]
    try:
        _check_folder(root, known)
        clips, rejects = known.read(root, corpus or reader)
    except OSError as error:
        raise TalkingError(f"{root} cannot be read ({error}): give yourself the right to read it.") from error
    if not clips:
        refused = [reject for reject in rejects if not reject.note] or rejects
        first = f" The first of {len(refused)} remarks: {refused[0].sentence}" if refused else ""
        raise TalkingError(f"{root} has no clip of the corpus: {_due(known)}{first}")
    return clips, rejects


def _check_folder(root: Path, known: Reader) -> None:
    if root.is_symlink() and not root.exists():
        raise TalkingError(f"{root} is a link to {root.readlink()}, which is not there: {_due(known)}")
    if not root.exists():
        raise TalkingError(f"{root} is missing: {_due(known)}")
    if not root.is_dir():
        raise TalkingError(f"{root} is not a folder: {_due(known)}")
    if not any(root.iterdir()):
        raise TalkingError(f"{root} is empty: {_due(known)}")


def _due(known: Reader) -> str:
    return f"{known.expected} are expected there; {known.how}."
