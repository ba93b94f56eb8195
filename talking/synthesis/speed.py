"""How many frames a second a system makes, and what the machine is called that it was timed on."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

CPU_FACTS = Path("/proc/cpuinfo")
LARGEST = 32


@dataclass(frozen=True)
class Speed:
    """`frames` pictures were made at `frames_per_second`, from audio windows to pixels, by `machine`."""

    frames_per_second: float
    frames: int
    machine: str


def frames_per_second(
    make: Callable[[int], None], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, int]:
    """Return the rate at which `make(count)` makes frames, and how many were timed, in about `seconds`."""
    make(1)
    begin = clock()
    make(1)
    one = max(clock() - begin, 1e-6)
    count = int(min(max(seconds / 2 / one, 1), LARGEST))
    frames, begin = 0, clock()
    while (elapsed := clock() - begin) < seconds:
        make(count)
        frames += count
    return frames / elapsed, frames


def machine_name(device: torch.device) -> str:
    """Return the accelerator's name, or the processor's with the threads that torch uses."""
    if device.type != "cpu":
        return str(torch.get_device_module(device).get_device_name(device))
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"


def _processor() -> str:
    lines = CPU_FACTS.read_text().splitlines() if CPU_FACTS.is_file() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
