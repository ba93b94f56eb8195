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

from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, write_text

HISTORY = "history.jsonl"
_CHECKPOINT = "checkpoint-"


class TrainContext(Protocol):
    """One of `world_size` equal processes, `rank` 0 to `world_size` - 1, each computing on its own `device`."""

    rank: int
    world_size: int
    device: torch.device
    scratch: Path | None  # where process 0 puts a checkpoint together; None where nobody keeps one

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

    def finished(self, stage: str) -> Path:
        """Return the folder of the last checkpoint. Raises `TalkingError`, naming the stage, where there is none."""
        if self.checkpoint is None:
            raise TalkingError(f"{stage}: the training left no checkpoint: run the stage again.")
        return self.checkpoint


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


class _OneProcess:
    rank = 0
    world_size = 1

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values: they are their own mean."""
        return dict(values)

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the one tensor there is."""
        return [tensor.cpu()]


class MemoryContext(_OneProcess):
    """One process without Ray that keeps nothing but `history`, what was reported, in memory: for short trainings."""

    scratch: Path | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.history: list[dict[str, float]] = []

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None = None) -> None:  # noqa: ARG002
        """Append to the history."""
        self.history.append(dict(metrics))

    def resume_from(self) -> AbstractContextManager[Path | None]:
        """Give None: it always begins."""
        return nullcontext(None)


class LocalContext(_OneProcess):
    """One process without Ray; history and the last `keep` checkpoints are kept in `folder`.

    `progress` gets the metrics as they are reported.
    """

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        keep: int = 1,
        progress: Callable[[dict[str, float]], None] | None = None,
    ) -> None:
        self.folder, self.device, self._keep, self._progress = folder, device, keep, progress
        self.scratch: Path | None = folder / "scratch"
        self._history = History(folder)
        self._history.begin(self._last())

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None = None) -> None:
        """Append to the history; copy `checkpoint` beside those before, rename it into place, drop the oldest."""
        self._history.append(metrics)
        if self._progress:
            self._progress(dict(metrics))
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

    def result(self) -> TrainResult:
        """Return what has been reported so far."""
        return TrainResult(self._history.read(), self._last())

    def _last(self) -> Path | None:
        return next(reversed(self._all()), None)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_CHECKPOINT}*"))


def train_locally(
    loop: Callable[[TrainContext], None],
    folder: Path,
    device: torch.device,
    progress: Callable[[dict[str, float]], None] | None = None,
) -> TrainResult:
    """Run the loop in this process, from the last checkpoint in `folder` if there is one."""
    context = LocalContext(folder, device, progress=progress)
    loop(context)
    return context.result()
