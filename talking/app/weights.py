"""What `talking weights` does: list the catalogue, add a file or an address, verify a folder."""

import sys
import time
from pathlib import Path

from talking.core.errors import TalkingError
from talking.weights.catalogue import CATALOGUE, PublishedWeights, published
from talking.weights.fetch import MOST, discard, download
from talking.weights.folder import add_file, check_folder, presence

COLUMNS = ("name", "here", "MB", "hash known", "what", "licence", "published at")
EVERY_S = 2.0


def list_weights(folder: Path) -> None:
    """Print the catalogue as a table, with what of it is in `folder`."""
    rows = [COLUMNS, *(_cells(row, folder) for row in CATALOGUE)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(row: PublishedWeights, folder: Path) -> tuple[str, ...]:
    size = "-" if row.size is None else f"{row.size / 1e6:.0f}"
    known = "no" if row.sha256 is None else "beginning" if row.sha256.endswith("...") else "yes"
    return row.name, presence(folder, row), size, known, row.what, row.licence, row.published_at


def add_weights(folder: Path, name: str, source: str) -> None:
    """Check and convert a file, or what lies at an address, into `folder`."""
    row = published(name)
    stored = _add_address(row, source, folder) if "://" in source else add_file(row, Path(source), folder)
    if row.sha256 is None:
        print(f"{row.name}: no SHA-256 of it is known; names, shapes and numbers were checked", file=sys.stderr)
    print(f"{stored}: {row.what}; licence: {row.licence}")


def _add_address(row: PublishedWeights, url: str, folder: Path) -> Path:
    """Download, add, and leave nothing of the download but what the row keeps; a broken one stays, to go on."""
    target = folder / f".download-{row.file}"
    download(url, target, Progress(row.file), most=row.size or MOST)
    try:
        return add_file(row, target, folder, published_name=row.file)
    finally:
        discard(target)


class Progress:
    """Prints how far a download is, a line every two seconds and one at its end, to the error stream."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        """Say that `done` of `total` bytes are here."""
        now = time.monotonic()
        if now < self._next and done != total:
            return
        self._next = now + EVERY_S
        of_all = f" of {total / 1e6:.1f} MB ({100 * done / total:.0f} %)" if total else " MB"
        print(f"{self._name}: {done / 1e6:.1f}{of_all}", file=sys.stderr, flush=True)


def verify_weights(folder: Path) -> None:
    """Check every file that was added: hash, names, shapes, finite numbers. Raises TalkingError when one is damaged."""
    checked = check_folder(folder)
    for entry in checked:
        print(f"{entry.row.name}: {entry.fault or 'ok'}")
    if not checked:
        print(f"{folder}: nothing was added yet")
    if faulty := [entry.row.name for entry in checked if entry.fault]:
        raise TalkingError(f"{len(faulty)} of {len(checked)} weights are damaged: {', '.join(faulty)}; add them again.")
