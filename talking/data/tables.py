"""Reading the parquet tables that stages write: a damaged one is a sentence that says how to make it anew."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from talking.core.errors import TalkingError


def read_rows(path: Path, columns: pa.Schema, name: Path | str | None = None) -> list[dict[str, Any]]:
    """Return the rows of a table that has exactly these columns, calling it `name` in errors.

    Raises `TalkingError` when the file is damaged, is no parquet, or has other columns.
    """
    name = name or path
    try:
        table = pq.read_table(path, partitioning=None)
        rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TalkingError(
            f"{name} is not a readable parquet file: remove it and run `dvc repro`, or the stage that writes it, again."
        ) from error
    if table.schema.names != columns.names:
        raise TalkingError(
            f"{name} has other columns ({', '.join(table.schema.names)}) than this version of the project writes: run "
            "the stage that writes it again."
        )
    return rows
