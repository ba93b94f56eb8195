"""Rates on a device, and a markdown table of them."""

import time
from collections.abc import Callable, Sequence

import torch


def finish(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def seconds_of(make: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Return the seconds that one `make()` takes, over about `seconds` of them, after two to warm up.

    The device is waited for at the ends alone, so that calls overlap as they do in use.
    """
    make()
    one = _timed(make, device, 1)
    return _timed(make, device, max(1, int(seconds / max(one, 1e-6))))


def _timed(make: Callable[[], object], device: torch.device, count: int) -> float:
    finish(device)
    begin = time.perf_counter()
    for _ in range(count):
        make()
    finish(device)
    return (time.perf_counter() - begin) / count


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
