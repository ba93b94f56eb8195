"""What a training loop sees of the machine it runs on: its rank, its device, where to report and to resume from.

The loop is plain torch and knows this protocol alone; it runs in one process here, or in many under Ray Train.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from talking.core.files import atomic_folder, write_text

HISTORY = "history.jsonl"
_CHECKPOINT = "checkpoint-"


class TrainContext(Protocol):
    """One of `world_size` equal processes, `rank` 0 to `world_size` - 1, each computing on its own `device`."""

    rank: int
    world_size: int
    device: torch.device

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module on `device`, its gradients averaged over the processes."""

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None = None) -> None:
        """Record the metrics of rank 0, and rank 0's folder `checkpoint` as the state to resume from (it is copied).

        Every process calls this equally often, for it waits for the others. Save model, optimizer, step, random state.
        """

    def resume_from(self) -> AbstractContextManager[Path | None]:
        """Give the folder of the last checkpoint, to be read only, or None at the beginning."""

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the mean of each value over the processes. Every process calls this, with the same names."""

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the tensors of all processes by rank, on the CPU. Every process calls this, with the same shape."""


@dataclass(frozen=True)
class TrainResult:
    """What a training left: the metrics it reported, in order and each once, and the folder of its last checkpoint."""

    history: list[dict[str, float]]
    checkpoint: Path | None


class History:
    """The reported metrics as JSON lines in a folder. Each checkpoint carries a copy, so that both resume together."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / HISTORY

    def begin(self, checkpoint: Path | None) -> None:
        """Forget what was reported after `checkpoint`: it will be computed, and reported, again."""
        kept = checkpoint / HISTORY if checkpoint else None
        write_text(self.path, kept.read_text() if kept and kept.is_file() else "")

    def append(self, metrics: Mapping[str, float]) -> None:
        """Add one line."""
        with self.path.open("a") as file:
            file.write(json.dumps(dict(metrics)) + "\n")

    def save(self, checkpoint: Path) -> None:
        """Put a copy into the folder of a checkpoint."""
        shutil.copyfile(self.path, checkpoint / HISTORY)

    def read(self, start: int = 0) -> list[dict[str, float]]:
        """Return the complete lines from number `start` on."""
        text = self.path.read_text() if self.path.is_file() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True)[start:] if line.endswith("\n")]


class LocalContext:
    """One process without Ray; history and the last `keep` checkpoints are kept in `folder`."""

    rank = 0
    world_size = 1

    def __init__(self, folder: Path, device: torch.device, keep: int = 1) -> None:
        self.folder, self.device, self._keep = folder, device, keep
        self._history = History(folder)
        self._history.begin(self._last())

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module on the device."""
        return wrap(module, self.device, self.world_size)

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None = None) -> None:
        """Append to the history; copy `checkpoint` beside those before, rename it into place, drop the oldest."""
        self._history.append(metrics)
        if checkpoint is None:
            return
        self._history.save(checkpoint)
        last = self._last()
        number = int(last.name.removeprefix(_CHECKPOINT)) + 1 if last else 0
        with atomic_folder(self.folder / f"{_CHECKPOINT}{number:06d}") as target:
            shutil.copytree(checkpoint, target, dirs_exist_ok=True)
        for old in self._all()[: -self._keep]:
            shutil.rmtree(old)

    def resume_from(self) -> AbstractContextManager[Path | None]:
        """Give the last checkpoint that was completely written."""
        return nullcontext(self._last())

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values: they are their own mean."""
        return dict(values)

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the one tensor there is."""
        return [tensor.cpu()]

    def result(self) -> TrainResult:
        """Return what has been reported so far."""
        return TrainResult(self._history.read(), self._last())

    def _last(self) -> Path | None:
        return next(reversed(self._all()), None)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_CHECKPOINT}*"))


def train_locally(loop: Callable[[TrainContext], None], folder: Path, device: torch.device) -> TrainResult:
    """Run the loop in this process, from the last checkpoint in `folder` if there is one."""
    context = LocalContext(folder, device)
    loop(context)
    return context.result()


def wrap(module: nn.Module, device: torch.device, world_size: int) -> nn.Module:
    """Return the module on `device`; with several processes and something to train, in `DistributedDataParallel`."""
    module = module.to(device)
    if world_size == 1 or not any(parameter.requires_grad for parameter in module.parameters()):
        return module
    return DistributedDataParallel(module, device_ids=[device.index] if device.index is not None else None)
