"""Table 2 of MM'22, for this model and whatever other systems were measured: parameters, speed and size of output."""

from collections.abc import Mapping

from talking.evaluation.report.table import NONE
from talking.synthesis.speed import Speed

TableTwo = dict[str, dict[str, int | None]]


def table_two(known: Mapping[str, Mapping[str, int | None]], others: Mapping[str, int]) -> TableTwo:
    """Return the table: `known` is told by method, of `others` the side in pixels of their videos alone is known.

    A method has `trainable_parameters` (of E_A and D), `tuned_parameters` (of G, in stage two) and `output_size`, None
    where it is not known. Speed stands apart, since it is never the same twice.
    """
    unknown = {"trainable_parameters": None, "tuned_parameters": None}
    return {name: dict(values) for name, values in known.items()} | {
        name: {**unknown, "output_size": size} for name, size in others.items()
    }


def table_two_cells(table: TableTwo, speeds: Mapping[str, Speed]) -> list[list[str]]:
    """Return the table's strings, heading first, with the speeds that were measured."""
    heading = ["method", "trainable parameters", "tuned per speaker", "frames/s", "output"]
    return [heading, *(_line(row, values, speeds.get(row)) for row, values in table.items())]


def speed_note(speed: Speed) -> str:
    """Return the sentence that says what was timed, and on what."""
    return (
        f"Speed is from audio windows to pixels in memory, {speed.frames} frames timed on {speed.machine}; "
        "it differs from run to run and from machine to machine."
    )


def _line(row: str, values: Mapping[str, int | None], speed: Speed | None) -> list[str]:
    counts = [_millions(values[name]) for name in ("trainable_parameters", "tuned_parameters")]
    rate = f"{speed.frames_per_second:.1f}" if speed else NONE
    size = values["output_size"]
    return [row, *counts, rate, NONE if size is None else f"{size} x {size}"]


def _millions(count: int | None) -> str:
    return NONE if count is None else f"{count / 1e6:.2f} M"
