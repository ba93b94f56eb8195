"""The recordings that a reader refused and what it noticed about those it kept: the record, its files, its limit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from talking.core.errors import TalkingError
from talking.core.files import atomic_path, write_text
from talking.data.tables import read_rows

REJECTS = "rejects.parquet"
REJECTS_FOR_PEOPLE = "rejects.md"
_TEXT_COLUMNS = ("key", "speaker", "path", "reason", "sentence")
_SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXT_COLUMNS), ("note", pa.bool_())])


@dataclass(frozen=True)
class Reject:
    """A recording that was refused, or with `note` a remark that cost no clip (labels unread, a speaker without video).

    `key` names the clip (`s1_bbaf2n`), or the speaker where the remark is about all of its clips; `path` is the file or
    folder meant; `reason` is one lower-case word for tables (`name`, `labels`, `duplicate`, `video`), `sentence` is for
    people.
    """

    key: str
    speaker: str
    path: str
    reason: str
    sentence: str
    note: bool = False


def write_rejects(folder: Path, rejects: Iterable[Reject]) -> None:
    """Write `rejects.parquet` for programs and `rejects.md`, the same as tables for people, into `folder`."""
    rejects = list(rejects)
    with atomic_path(folder / REJECTS) as temporary:
        pq.write_table(pa.Table.from_pylist([vars(reject) for reject in rejects], schema=_SCHEMA), temporary)
    write_text(folder / REJECTS_FOR_PEOPLE, rejects_as_text(rejects))


def read_rejects(folder: Path) -> list[Reject]:
    """Return what `write_rejects` wrote into `folder`."""
    path = folder / REJECTS
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run the corpus stage first.")
    return [Reject(**row) for row in read_rows(path, _SCHEMA)]


def rejects_as_text(rejects: Sequence[Reject]) -> str:
    """Return markdown: the refused clips as one table, the remarks on kept ones as another."""
    refused = [reject for reject in rejects if not reject.note]
    notes = [reject for reject in rejects if reject.note]
    return f"# Refused recordings: {len(refused)}\n\n{_table(refused)}\n# Remarks: {len(notes)}\n\n{_table(notes)}"


def check_rejects(kept: int, rejects: Iterable[Reject], max_rejected: float, corpus: str) -> None:
    """Raise `TalkingError` when more than the share `max_rejected` (0 to 1) of all was refused; notes do not count."""
    refused = [reject for reject in rejects if not reject.note]
    total = kept + len(refused)
    if len(refused) > max_rejected * total:
        raise TalkingError(
            f"{corpus}: {len(refused)} of {total} recordings were refused, more than max_rejected = {max_rejected:g} "
            f"allows; the first is {refused[0].path}: {refused[0].sentence}"
        )


def _table(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return "None.\n"
    lines = ["| key | reason | what is wrong |", "| --- | --- | --- |"]
    lines += [f"| {_cell(reject.key)} | {_cell(reject.reason)} | {_cell(reject.sentence)} |" for reject in rejects]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
