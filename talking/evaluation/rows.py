"""The project's own rows of the comparison: what each is, which generator draws it, and what its ceiling is."""

from dataclasses import dataclass
from typing import Literal

OWN_G, TUNED_G, NO_G = "G", "tuned G", "none"


@dataclass(frozen=True)
class Row:
    """`generator` is the backbone's own G, the G that was tuned on the speaker, or none.

    `ceiling` names the row that the same generator draws of the true codes: no row of that generator can be expected to
    do better. None where there is no such row.
    """

    kind: Literal["floor", "ceiling", "own"]
    generator: str
    ceiling: str | None


# In the order of every table. A share "of the inversion" is always one of the row's own ceiling.
TABLE = {
    "static": Row("floor", NO_G, None),
    "wrong_audio": Row("floor", TUNED_G, "inversion_tuned"),
    "linear": Row("floor", TUNED_G, "inversion_tuned"),
    "inversion": Row("ceiling", OWN_G, None),
    "inversion_tuned": Row("ceiling", TUNED_G, None),
    "stage_one": Row("own", OWN_G, "inversion"),
    "stage_two": Row("own", TUNED_G, "inversion_tuned"),
}
ROWS = tuple(TABLE)
CEILINGS = tuple(name for name, row in TABLE.items() if row.kind == "ceiling")
TUNED_ROWS = tuple(name for name, row in TABLE.items() if row.generator == TUNED_G)


def ceiling_of(row: str) -> str | None:
    """Return the row that a row's figures are a share of; None for rows that have no ceiling, and for other systems."""
    return TABLE[row].ceiling if row in TABLE else None


def generator_of(row: str) -> str | None:
    """Return which generator drew a row: `G`, `tuned G` or `none`; None for another system, which has its own."""
    return TABLE[row].generator if row in TABLE else None
