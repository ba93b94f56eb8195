"""Table 2 of MM'22, for this model and whatever other systems were measured: parameters, speed and size of output."""

from collections.abc import Mapping

from talking.evaluation.report.table import NONE
from talking.synthesis.speed import Speed

OWN_ROW = "stage_two"
TableTwo = dict[str, dict[str, int | None]]


def table_two(own: Mapping[str, int | None], others: Mapping[str, int]) -> TableTwo:
    """Return the table's rows: `own` is what is known of this model, `others` the side in pixels of others' videos.

    A row has `trainable_parameters` (of E_A and D), `tuned_parameters` (of G, in stage two) and `output_size`, None
    where it is not known. Speed stands apart, since it is never the same twice.
    """
    unknown = {"trainable_parameters": None, "tuned_parameters": None}
    return {OWN_ROW: dict(own)} | {name: {**unknown, "output_size": size} for name, size in others.items()}


def table_two_cells(table: TableTwo, speed: Speed) -> list[list[str]]:
    """Return the table's strings, heading first, with the speed that was measured for the own row."""
    heading = ["row", "trainable parameters", "tuned per speaker", "frames/s", "output"]
    return [heading, *(_line(row, values, speed) for row, values in table.items())]


def speed_note(speed: Speed) -> str:
    """Return the sentence that says what was timed, and on what."""
    return (
        f"Speed is from audio windows to pixels in memory, {speed.frames} frames timed on {speed.machine}; "
        "it differs from run to run and from machine to machine."
    )


def _line(row: str, values: Mapping[str, int | None], speed: Speed) -> list[str]:
    counts = [_millions(values[name]) for name in ("trainable_parameters", "tuned_parameters")]
    rate = f"{speed.frames_per_second:.1f}" if row == OWN_ROW else NONE
    size = values["output_size"]
    return [row, *counts, rate, NONE if size is None else f"{size} x {size}"]


def _millions(count: int | None) -> str:
    return NONE if count is None else f"{count / 1e6:.2f} M"
