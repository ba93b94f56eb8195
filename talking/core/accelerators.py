"""Which device a process computes on: what a cluster assigned to it of its GPUs, or else what the machine has.

Torch is imported only when the question is asked: a worker that cuts videos should not have to load it.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_VARIABLE = "TALKING_ACCELERATORS"  # Of a worker process and its children: the assigned ids, apart by commas.


def assign(ids: Sequence[str]) -> None:
    """Say which accelerators the cluster assigned to this process; none at all is an answer too."""
    os.environ[_VARIABLE] = ",".join(ids)


def assigned() -> tuple[str, ...] | None:
    """Return the ids of the accelerators assigned to this process; None where no cluster has assigned anything."""
    found = os.environ.get(_VARIABLE)
    return None if found is None else tuple(filter(None, found.split(",")))


def choose_device(ids: Sequence[str] | None, kind: str | None, count: int) -> "torch.device":
    """Return the device to compute on, of `count` visible ones of the `kind` that torch names, None where it has none.

    A process with `ids` assigned takes the first of them: the first visible one where the cluster hides the others
    from it, else the one of that number. With none assigned (`ids` empty) it computes on the CPU, whatever is there;
    outside of a cluster (`ids` None) it takes what torch would.
    """
    import torch

    if kind is None or count == 0 or (ids is not None and not ids):
        return torch.get_default_device()
    if ids is None or count <= len(ids) or not ids[0].isdigit() or int(ids[0]) >= count:
        return torch.device(kind)
    return torch.device(kind, int(ids[0]))


def best_device() -> "torch.device":
    """Return the accelerator that this process was given, or the CPU."""
    import torch

    there = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return choose_device(assigned(), there.type if there else None, torch.accelerator.device_count())
