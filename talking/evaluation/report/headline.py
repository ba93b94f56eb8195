"""The few numbers of an evaluation that are compared between experiments at a glance; the whole table has the rest."""

from collections.abc import Mapping

from talking.evaluation.evaluate import Value
from talking.evaluation.report.findings import REFERENCE, Table
from talking.evaluation.rows import ceiling_of

FLOOR = "static"
DIGITS = 3


def headline(unseen: Table, seen: Table) -> dict[str, float | None]:
    """Return the numbers of stage two by name; what a table lacks is None.

    Of people whom training never saw: `mouth_correlation`, and its share of what the same generator reaches with the
    true codes (`of_ceiling`); `lmd`, and its ratio to that of a frozen picture (`lmd_of_static`, below 1 where the
    model is better); `closure_j`, `identity`, `psnr`. Of people whom it saw, on other clips: `seen`, their
    mouth_correlation. They are so few and shortly named that `dvc metrics show` prints them in a line of 120 columns.
    """
    own, floor, ceiling = (unseen.get(row, {}) for row in (REFERENCE, FLOOR, ceiling_of(REFERENCE) or ""))
    numbers = {
        "mouth_correlation": own.get("mouth_correlation"),
        "of_ceiling": _ratio("mouth_correlation", own, ceiling),
        "lmd": own.get("lmd"),
        "lmd_of_static": _ratio("lmd", own, floor),
        "closure_j": own.get("closure_j"),
        "identity": own.get("identity"),
        "psnr": own.get("psnr"),
        "seen": seen.get(REFERENCE, {}).get("mouth_correlation"),
    }
    return {name: None if value is None else round(float(value), DIGITS) for name, value in numbers.items()}


def _ratio(metric: str, row: Mapping[str, Value], other: Mapping[str, Value]) -> float | None:
    value, whole = row.get(metric), other.get(metric)
    return value / whole if value is not None and whole else None
