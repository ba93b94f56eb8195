"""The few numbers of an evaluation that are compared between experiments at a glance; the whole table has the rest."""

from collections.abc import Mapping

from talking.evaluation.evaluate import Value
from talking.evaluation.methods import MethodTable
from talking.evaluation.report.findings import Table

DIGITS = 3


def headline(unseen: Table, seen: Table, methods: MethodTable) -> dict[str, float | None]:
    """Return the numbers of the reference method by name; what a table lacks is None.

    Of people whom training never saw: `mouth_correlation`, and its share of what the same generator reaches with the
    true codes (`of_ceiling`); `lmd`, and its ratio to that of a frozen picture (`lmd_of_static`, below 1 where the
    model is better); `closure_j`, `identity`, `psnr`. Of people whom it saw, on other clips: `seen`, their
    mouth_correlation. They are so few and shortly named that `dvc metrics show` prints them in a line of 120 columns.
    """
    names = (methods.reference, methods.frozen or "", methods[methods.reference].ceiling or "")
    own, floor, ceiling = (unseen.get(name, {}) for name in names)
    numbers = {
        "mouth_correlation": own.get("mouth_correlation"),
        "of_ceiling": _ratio("mouth_correlation", own, ceiling),
        "lmd": own.get("lmd"),
        "lmd_of_static": _ratio("lmd", own, floor),
        "closure_j": own.get("closure_j"),
        "identity": own.get("identity"),
        "psnr": own.get("psnr"),
        "seen": seen.get(methods.reference, {}).get("mouth_correlation"),
    }
    return {name: None if value is None else round(float(value), DIGITS) for name, value in numbers.items()}


def _ratio(metric: str, row: Mapping[str, Value], other: Mapping[str, Value]) -> float | None:
    value, whole = row.get(metric), other.get(metric)
    return value / whole if value is not None and whole else None
