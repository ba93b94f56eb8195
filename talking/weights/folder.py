"""A folder of published weights: adding a file to it, checking what was added, and saying what is there."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from talking.core.errors import TalkingError
from talking.core.files import atomic_path, full_disk_as_error, sha256_of
from talking.models.stored import check_state, load_network, save_network
from talking.weights.catalogue import CATALOGUE, PublishedWeights
from talking.weights.checkpoints import check_no_page
from talking.weights.layouts import LAYOUTS, hollow

PAPER_RESOLUTION = 1024
RESOLUTIONS = tuple(2**n for n in range(3, 13))  # pixels
SOURCE_KEY = "source_sha256"


@dataclass(frozen=True)
class Checked:
    """A row that is in the folder, and what is wrong with it (None: nothing)."""

    row: PublishedWeights
    fault: str | None


def add_file(
    row: PublishedWeights,
    source: Path,
    folder: Path,
    *,
    resolution: int = PAPER_RESOLUTION,
    published_name: str | None = None,
) -> Path:
    """Check a published file against its row and its network, and store it in `folder` as `<row.name>.safetensors`.

    A JSON of where it comes from lies beside it. `published_name` is recorded as its name (default: `source`'s own).
    Raises TalkingError, and leaves the folder as it was, when the file is cut short, a web page, another network or
    not the file that the row's SHA-256 names. Returns the stored file.
    """
    digest = check_digest(row, source)
    tensors = LAYOUTS[row.layout].read(source, resolution)
    check_stored(source, row, resolution, tensors)
    if row.keep_file:
        _keep(source, folder / row.file)
    config = _config(row, published_name or source.name, digest, source.stat().st_size, resolution)
    with full_disk_as_error(folder):
        save_network(folder, row.name, tensors, config)
    return folder / f"{row.name}.safetensors"


def check_digest(row: PublishedWeights, path: Path) -> str:
    """Return a file's SHA-256. Raises TalkingError when it is a web page, cut short, or another file than the row's."""
    check_no_page(path)
    size = path.stat().st_size
    if row.size is not None and size < row.size:
        raise TalkingError(f"{path} is cut short: it has {size} of {row.size} bytes; download it again.")
    digest = sha256_of(path)
    if row.sha256 is not None and not digest.startswith(row.sha256.removesuffix("...")):
        raise TalkingError(
            f"{path} is not the published {row.file}: its SHA-256 begins with {digest[:8]} and not with "
            f"{row.sha256[:8]}; download it again from {row.published_at}."
        )
    return digest


def _config(row: PublishedWeights, name: str, digest: str, size: int, resolution: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "what": row.what,
        "licence": row.licence,
        "published_at": row.published_at,
        "layout": row.layout,
        "resolution": resolution,
        "source_file": name,
        "source_bytes": size,
        SOURCE_KEY: digest,
        "kept_file": row.file if row.keep_file else None,
    }


def _keep(source: Path, target: Path) -> None:
    """Lay a copy of the published file where the package that reads it looks for it."""
    if target.exists() and source.samefile(target):
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def check_stored(source: Path, row: PublishedWeights, resolution: int, tensors: dict[str, Tensor]) -> None:
    """Raise TalkingError unless tensors are what is stored of a row: the one check of adding and of verifying."""
    check_state(source, hollow(LAYOUTS[row.layout], resolution), tensors)


def load_added(folder: Path, row: PublishedWeights) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return (config, tensors) of what was added, once it is what its config says. Raises TalkingError."""
    config, tensors = load_network(folder, row.name)
    path = folder / f"{row.name}.safetensors"
    resolution: Any = config.get("resolution")
    if config.get("name") != row.name or resolution not in RESOLUTIONS:
        raise TalkingError(f"{path.with_suffix('.json')} is not the config of {row.name}: add the weights again.")
    check_stored(path, row, resolution, tensors)
    return config, tensors


def check_added(folder: Path, row: PublishedWeights) -> None:
    """Read what was added and check hash, names, shapes and that all is finite. Raises TalkingError."""
    config, _ = load_added(folder, row)
    if not row.keep_file:
        return
    kept = folder / row.file
    if not kept.is_file():
        raise TalkingError(f"{kept} is missing, which another package reads: add the weights again.")
    if sha256_of(kept) != config.get(SOURCE_KEY):
        raise TalkingError(f"{kept} is damaged or not the file that was added: add the weights again.")


def check_folder(folder: Path) -> list[Checked]:
    """Check every row that is in the folder, whole or in part, in the catalogue's order."""
    return [Checked(row, _fault(folder, row)) for row in CATALOGUE if presence(folder, row) == "added"]


def _fault(folder: Path, row: PublishedWeights) -> str | None:
    try:
        check_added(folder, row)
    except TalkingError as error:
        return str(error)
    return None


def presence(folder: Path, row: PublishedWeights) -> Literal["added", "not added", "no"]:
    """Say whether a row was added, lies there only as the published file, or is not there."""
    if any((folder / f"{row.name}{suffix}").is_file() for suffix in (".safetensors", ".json")):
        return "added"
    return "not added" if (folder / row.file).is_file() else "no"
