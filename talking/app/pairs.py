"""Which picture speaks which sound into which file: one pair, folders of them, or the rows of a CSV."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from talking.core.errors import TalkingError
from talking.media.picture import read_picture
from talking.media.sound_stream import check_sound

COLUMNS = ("source", "driving", "output")
PICTURES = (".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SOUNDS = (
    *(".aac", ".ac3", ".aif", ".aiff", ".amr", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma"),
    *(".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"),
)


@dataclass(frozen=True)
class Pair:
    """A picture, the sound that it is to speak, and the mp4 to write."""

    source: Path
    driving: Path
    output: Path


def pairs_of(source: Path, driving: Path | None, output: Path | None) -> list[Pair]:
    """Return the pairs that the command line names.

    `source` a CSV (columns source, driving, output; paths relative to it): its rows. `source` or `driving` a folder:
    each picture with the sound, each sound with the picture, or the files of equal stems; `output` is then a folder.
    Else the one pair. Raises `TalkingError` where they do not go together, or two videos would have one name.
    """
    if source.suffix.lower() == ".csv":
        if driving or output:
            raise TalkingError(f"{source} names sounds and videos itself: leave -d and -o out.")
        pairs = _rows(source)
    elif driving is None or output is None:
        raise TalkingError("-d and -o are missing: name the sound and the video; only a CSV names them itself.")
    elif source.is_dir() or driving.is_dir():
        pairs = _of_folders(source, driving, output)
    else:
        pairs = [Pair(source, driving, output)]
    _check_distinct(pairs)
    return pairs


def _rows(path: Path) -> list[Pair]:
    if not path.is_file():
        raise TalkingError(f"{path} is not there: give an existing file.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise TalkingError(f"{path} is no CSV that can be read ({error}): save it as UTF-8.") from error
    if not rows:
        raise TalkingError(f"{path} has no rows: give columns {', '.join(COLUMNS)} and a row per video.")
    for number, row in enumerate(rows, start=2):
        for column in COLUMNS:
            if not (row.get(column) or "").strip():
                raise TalkingError(
                    f"{path}, line {number}: there is no {column}: every row needs {', '.join(COLUMNS)}."
                )
    return [Pair(*(path.parent / row[column].strip() for column in COLUMNS)) for row in rows]


def _of_folders(source: Path, driving: Path, output: Path) -> list[Pair]:
    if output.is_file() or output.suffix.lower() == ".mp4":
        raise TalkingError(f"{output} must be a folder: several videos are to be written.")
    sources, drivings = _by_stem(source, PICTURES, "picture"), _by_stem(driving, SOUNDS, "sound")
    if not source.is_dir():
        sources = dict.fromkeys(drivings, source)
    if not driving.is_dir():
        drivings = dict.fromkeys(sources, driving)
    common = [stem for stem in sources if stem in drivings]
    if not common:
        raise TalkingError(f"{source} and {driving} have no files of equal names: name them alike, or give a CSV.")
    return [Pair(sources[stem], drivings[stem], output / f"{stem}.mp4") for stem in common]


def _by_stem(folder: Path, suffixes: Iterable[str], what: str) -> dict[str, Path]:
    """Return a folder's files of these kinds in the order of their names."""
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith("."):
            if path.stem in found:
                raise TalkingError(f"{found[path.stem]} and {path} would make the same video: rename one.")
            found[path.stem] = path
    if not found:
        raise TalkingError(f"{folder} holds no {what}: give a folder that does, or a file.")
    return found


def _check_distinct(pairs: list[Pair]) -> None:
    seen: set[Path] = set()
    for pair in pairs:
        place = pair.output.resolve()
        if place in seen:
            raise TalkingError(f"{pair.output} would be written twice: give every video a name of its own.")
        seen.add(place)


def check_pair(pair: Pair) -> None:
    """Raise `TalkingError` where the picture or the sound cannot be read, or the video cannot be written."""
    for path in (pair.source, pair.driving):
        if not path.is_file():
            raise TalkingError(f"{path} is not there: give an existing file.")
    _check_output(pair)
    read_picture(pair.source)
    check_sound(pair.driving)


def _check_output(pair: Pair) -> None:
    output = pair.output
    if output.suffix.lower() != ".mp4" or output.is_dir():
        raise TalkingError(f"{output} cannot be written: give the name of an mp4 file, such as speaks.mp4.")
    if output.resolve() in (pair.source.resolve(), pair.driving.resolve()):
        raise TalkingError(f"{output} is also read: give the video another name.")
    folder = next(place for place in output.absolute().parents if place.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise TalkingError(f"{output} cannot be written: {folder} is no folder that you may write to.")
