"""Finding recordings in folders: which files are videos, which are litter, and the order people count in."""

import re
from collections.abc import Iterable
from pathlib import Path

VIDEO_SUFFIXES = (
    *(".mpg", ".mpeg", ".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".wmv", ".flv", ".ts", ".mts", ".m2ts"),
    *(".ogv", ".3gp"),
)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts numbers in text by value: s1, s2, s10."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(piece), piece) if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in `folder` in natural order, hidden ones left out; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return _in_order(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def videos_in(folder: Path) -> list[Path]:
    """Return the video files of `folder` by their suffix, in natural order.

    Names that begin with a dot are left out: macOS leaves a `._bbaf2n.mpg` beside each file it copies to other disks.
    """
    return files_in(folder, VIDEO_SUFFIXES)


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of `folder` with one of the lower-case `suffixes`, in natural order, hidden ones left out."""
    if not folder.is_dir():
        return []
    return _in_order(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )


def unreadable_videos(folder: Path) -> list[Path]:
    """Return what bears a video's name and is neither file nor folder: a link to nothing, a pipe, a device."""
    if not folder.is_dir():
        return []
    return _in_order(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in VIDEO_SUFFIXES
        and not path.name.startswith(".")
        and not path.is_file()
        and not path.is_dir()
    )


def folder_named(parent: Path, name: str) -> Path:
    """Return the folder `name` in `parent`, or the one whose name has other capitals: not all disks tell them apart."""
    if (parent / name).is_dir():
        return parent / name
    return next((path for path in subfolders(parent) if path.name.lower() == name.lower()), parent / name)


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.name))
