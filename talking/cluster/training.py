"""Training under Ray Train: a plain torch loop in one process or many, resumed from its last checkpoint."""

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from ray.exceptions import RayError

from talking.cluster.checkpoints import forget_torn, last_whole, record_sizes
from talking.cluster.connection import check_fits, enter, sentence_of
from talking.cluster.resources import TrainingSize, training_size
from talking.cluster.settings import Cluster
from talking.core.accelerators import assigned
from talking.core.errors import TalkingError
from talking.core.files import read_json, write_json, write_through_all
from talking.core.lock import alone
from talking.training.context import History, TrainContext, TrainResult

if TYPE_CHECKING:
    from ray.train import ScalingConfig

_FAILURE = "failure.json"


def train(
    loop: Callable[[TrainContext], None],
    settings: Cluster,
    *,
    name: str,
    storage: Path,
    progress: Callable[[dict[str, float]], None] | None = None,
    most_workers: int | None = None,
) -> TrainResult:
    """Run the loop in `train_workers` processes under Ray Train; `storage/name` keeps its last `keep_checkpoints`.

    Where that number is `auto`, they are `most_workers` at most: the sequences of a step, which they share.

    The same name and storage go on from there, after a worker's death (`max_failures` times) as after the driver's own:
    let `name` hold a hash of the parameters. `progress` gets the metrics as rank 0 reports them.
    Raises `TalkingError` with the loop's own sentence, or naming what failed, and when another process trains there.
    """
    size = training_size(settings, most_workers)
    check_fits(settings, "train", size.workers * size.cpus, size.workers * size.gpus)
    run = (storage / name).resolve()
    history = History(run)
    with alone(run, f"Training {name}"), _watching(history, progress), _signals_kept():
        (run / _FAILURE).unlink(missing_ok=True)
        forget_torn(run)
        checkpoint = _fit(functools.partial(_work_in_train, loop, str(Path.cwd()), run), settings, size, run)
    return TrainResult(history.read(), checkpoint)


def scaling_of(size: TrainingSize) -> "ScalingConfig":
    """Return what Ray Train is asked for."""
    from ray.train import ScalingConfig

    return ScalingConfig(
        num_workers=size.workers,
        use_gpu=size.gpus > 0,
        resources_per_worker={"CPU": size.cpus, "GPU": size.gpus},
    )


def _fit(work: Callable[[], None], settings: Cluster, size: TrainingSize, run: Path) -> Path | None:
    """Return the folder of the last checkpoint after running `work` in each process."""
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")  # A checkpoint waits for the one before as long.
    from ray.train import CheckpointConfig, FailureConfig, RunConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError

    trainer = TorchTrainer(
        work,
        torch_config=TorchConfig(backend=None if _has_nccl() else "gloo"),
        scaling_config=scaling_of(size),
        run_config=RunConfig(
            name=run.name,
            storage_path=str(run.parent),
            failure_config=FailureConfig(max_failures=settings.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=settings.keep_checkpoints),
        ),
    )
    try:
        checkpoint = trainer.fit().checkpoint
    except (TrainingFailedError, RayError) as error:
        raise _training_failure(run, error) from None
    return Path(checkpoint.path) if checkpoint else None


def _has_nccl() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_nccl_available()


def _training_failure(run: Path, error: Exception) -> TalkingError:
    again = "run again to go on from the last checkpoint"
    if not (run / _FAILURE).is_file():
        return TalkingError(f"Training {run.name}: a worker died ({death_of(str(error))}); {again}.")
    failure = read_json(run / _FAILURE)
    return TalkingError(failure["sentence"] or f"Training {run.name} failed: {failure['error']}; {again}.")


def death_of(said: str) -> str:
    """Return what a worker died of in a few words, from what Ray says of it."""
    if "out of memory" in said.lower():
        return "the memory was full: give the training more, or run less beside it"
    return said.strip().splitlines()[-1].strip()


def _work_in_train(loop: Callable[[TrainContext], None], folder: str, run: Path) -> None:
    """Run the loop as one process of a training; the first error of all is written down for the user to read."""
    failure = run / _FAILURE
    if failure.is_file() and (said := read_json(failure)["sentence"]):
        raise TalkingError(said)
    try:
        enter(folder)
        loop(RayContext(run))
    except Exception as error:
        write_json(failure, {"sentence": sentence_of(error), "error": f"{type(error).__name__}: {error}"})
        raise


class RayContext:
    """A `TrainContext` over Ray Train; `run` is the folder of the run."""

    def __init__(self, run: Path) -> None:
        from ray.train import get_checkpoint, get_context
        from ray.train.torch import get_device

        self.rank, self.world_size = get_context().get_world_rank(), get_context().get_world_size()
        # Ray Train gives a process without a GPU the first one that it sees.
        self.device: torch.device = get_device() if assigned() else torch.get_default_device()
        self.scratch: Path | None = run / "scratch"
        self._run, self._history = run, History(run)
        # Ray Train knows none where its note of them was torn.
        self._checkpoint = get_checkpoint() or last_whole(run)
        if self.rank == 0:
            with self.resume_from() as folder:
                self._history.begin(folder)

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None = None) -> None:
        """Write rank 0's metrics down; go through Ray, which takes its time, only when rank 0 has a checkpoint."""
        from ray.train import Checkpoint, report

        if self.rank == 0:
            self._history.append(metrics)
        if not self._agreed(checkpoint is not None):
            return
        mine = None
        if self.rank == 0 and checkpoint is not None:
            self._history.save(checkpoint)
            record_sizes(checkpoint)
            mine = Checkpoint.from_directory(checkpoint)
        report(dict(metrics), checkpoint=mine)
        if self.rank == 0 and (made := last_whole(self._run)):
            write_through_all(made)

    def resume_from(self) -> AbstractContextManager[Path | None]:
        """Give the last checkpoint, on every rank the same."""
        if self._checkpoint is None or isinstance(self._checkpoint, Path):
            return nullcontext(self._checkpoint)
        return _as_path(self._checkpoint.as_directory())

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the mean of each value over the processes."""
        found = self.gathered(torch.tensor([values[name] for name in sorted(values)], dtype=torch.float64))
        return dict(zip(sorted(values), torch.stack(found).mean(dim=0).tolist(), strict=True))

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the tensors of all processes by rank, on the CPU."""
        if self.world_size == 1:
            return [tensor.cpu()]
        mine = tensor.to(self.device)
        found = [torch.empty_like(mine) for _ in range(self.world_size)]
        torch.distributed.all_gather(found, mine)
        return [each.cpu() for each in found]

    def _agreed(self, saving: bool) -> bool:
        """Return whether rank 0 has a checkpoint, on every process alike."""
        if self.world_size == 1:
            return saving
        flag = torch.tensor(int(saving), device=self.device)
        torch.distributed.broadcast(flag, 0)
        return bool(flag)


@contextmanager
def _as_path(directory: AbstractContextManager[str]) -> Iterator[Path]:
    with directory as name:
        yield Path(name)


@contextmanager
def _watching(history: History, progress: Callable[[dict[str, float]], None] | None) -> Iterator[None]:
    """Call `progress` with each new line of the history, from a thread, until the end."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        seen, last = 0, False
        while not last:
            last = ended.wait(1)
            for metrics in history.read(seen):
                seen += 1
                progress(metrics)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Put back the handler of Ctrl-C, which Ray Train replaces for good."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)
