"""The value of a measure that could not be taken: never another number under the same name, but the reason why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """Stands where a number would; `reason` is a sentence for the footnote of a table."""

    reason: str
