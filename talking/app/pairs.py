"""Which picture speaks which sound into which file: one pair, folders of them, or the rows of a CSV."""

import csv
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from talking.core.errors import TalkingError
from talking.media.picture import read_picture
from talking.media.sound_stream import check_sound

# Bytes of a file's name, on every usual file system.
LONGEST_NAME = 255
COLUMNS = ("source", "driving", "output")
PICTURES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe"),
    *(".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi"),
    *(".sgi", ".tga", ".tif", ".tiff", ".webp"),
)
SOUNDS = (
    *(".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".dts", ".eac3", ".flac", ".m4a"),
    *(".m4b", ".m4r", ".mka", ".mp2", ".mp3", ".oga", ".ogg", ".opus", ".snd", ".spx", ".tta", ".w64", ".wav"),
    *(".weba", ".wma", ".wv", ".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"),
    *(".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv"),
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
    each picture with the sound, each sound with the picture, or the files of equal stems, or of stems that differ in
    capitals or in how accents are written alone; `output` is then a folder.
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
    partners = _partners(sources, drivings)
    if not partners:
        raise TalkingError(f"{source} and {driving} have no files of equal names: name them alike, or give a CSV.")
    return [Pair(sources[stem], drivings[other], output / f"{stem}.mp4") for stem, other in partners.items()]


def _partners(sources: Iterable[str], drivings: Iterable[str]) -> dict[str, str]:
    """Return the sound's stem of each picture's: the same, or else the only one that reads the same.

    A Mac writes accents as characters of their own, and phones and recorders begin names as they like.
    """
    left, right = list(sources), list(drivings)
    found = {stem: stem for stem in left if stem in right}
    spare = [[stem for stem in stems if stem not in found] for stems in (left, right)]
    for stem in spare[0]:
        alike = [[other for other in stems if _read(other) == _read(stem)] for stems in spare]
        if len(alike[0]) == len(alike[1]) == 1:
            found[stem] = alike[1][0]
    return {stem: found[stem] for stem in left if stem in found}


def _read(stem: str) -> str:
    """Return how a name reads, whatever its capitals and however its accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())


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
        place = _place(pair.output)
        if place in seen:
            raise TalkingError(f"{pair.output} would be written twice: give every video a name of its own.")
        seen.add(place)


def _place(path: Path) -> Path:
    """Return where a name leads to; the name itself where it cannot be, which is told when its turn comes."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path.absolute()


def check_pair(pair: Pair) -> None:
    """Raise `TalkingError` where the picture or the sound cannot be read, or the video cannot be written."""
    for path in (pair.source, pair.driving):
        if not path.is_file():
            there = "is no file" if path.exists() else "is not there"
            raise TalkingError(f"{path} {there}: give an existing file.")
    _check_output(pair)
    read_picture(pair.source)
    check_sound(pair.driving)


def _check_output(pair: Pair) -> None:
    output = pair.output
    if output.suffix.lower() != ".mp4" or output.is_dir():
        raise TalkingError(f"{output} cannot be written: give the name of an mp4 file, such as speaks.mp4.")
    if output.resolve() in (pair.source.resolve(), pair.driving.resolve()):
        raise TalkingError(f"{output} is also read: give the video another name.")
    if len(os.fsencode(output.name)) > LONGEST_NAME:
        raise TalkingError(
            f"{output} cannot be written: its name has more than {LONGEST_NAME} bytes; give a shorter one."
        )
    folder = next(place for place in output.absolute().parents if place.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise TalkingError(f"{output} cannot be written: {folder} is no folder that you may write to.")
