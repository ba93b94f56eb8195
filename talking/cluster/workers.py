"""Work spread over a pool of actors that load once: a stage's shards, other items in order, sums over shards."""

import functools
import heapq
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from talking.cluster.connection import check_fits, enter, sentence_of
from talking.cluster.kept import Keeping, ShardWork, finished, publish
from talking.config import Cluster
from talking.errors import TalkingError
from talking.shards import ClipStatus

Item_contra = TypeVar("Item_contra", contravariant=True)
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

_WINDOW = 4  # Results that wait for an earlier one, per worker: more keeps workers busy, fewer keep memory flat.


class Work(Protocol[Item_contra, Result_co]):
    """What an actor does: `prepare` once (load models), then one call per item. Must be picklable before `prepare`."""

    def prepare(self) -> None:
        """Load what every call needs."""

    def __call__(self, item: Item_contra, /) -> Result_co:
        """Return the result of one item."""


@dataclass(frozen=True)
class MapReport:
    """What a map did: shards, clips and refused clips in all, seconds, and how many shards an earlier run had left."""

    shards: int
    clips: int
    rejected: int
    seconds: float
    resumed: int


def map_shards(
    work: ShardWork,
    fingerprints: Mapping[str, str],
    out: Path,
    state: Path,
    settings: Cluster,
    *,
    progress: Callable[[int, int], None] | None = None,
    accept: Callable[[list[ClipStatus]], None] | None = None,
) -> MapReport:
    """Write a shard per entry of `fingerprints` (shard name -> hash of inputs and parameters) and the index into `out`.

    Finished shards are kept in `state/<fingerprint>/` until `out` is complete, so that a stage that was killed goes on
    where it stopped and writes the same bytes; then `state` is removed. `progress` is called with (done, all) shards;
    `accept` with what became of every clip, before `out` is touched: where it raises, the shards stay in `state`.
    Raises `TalkingError` with a worker's own sentence, or naming the shard that failed `retries` + 1 times.
    """
    started = time.monotonic()
    kept = {name: (state / mark / name).resolve() for name, mark in fingerprints.items()}
    records = {name: finished(path) for name, path in kept.items()}
    left = [name for name, record in records.items() if record is None]
    resumed = len(records) - len(left)
    calls = _results(Keeping(work), [kept[name] for name in left], left, settings)
    for done, (index, record) in enumerate(calls, resumed + 1):
        records[left[index]] = record
        if progress:
            progress(done, len(records))
    complete = [record for record in records.values() if record is not None]
    clips = [status for record in complete for status in record.statuses]
    if accept:
        accept(clips)
    publish(out, kept, complete)
    shutil.rmtree(state, ignore_errors=True)
    refused = sum(status.status != "ok" for status in clips)
    return MapReport(len(complete), len(clips), refused, time.monotonic() - started, resumed)


def map_items(work: Work[Any, Result], items: Sequence[Any], settings: Cluster) -> Iterator[Result]:
    """Yield `work(item)` in the order of `items`; at most a few results per worker wait for an earlier one.

    Arrays in the results are read-only. Raises as `map_shards`.
    """
    names = [item if isinstance(item, str) else f"item {index}" for index, item in enumerate(items)]
    calls = _results(work, items, names, settings, bounded=True)
    held, following = dict[int, Result](), 0
    for index, result in calls:
        held[index] = result
        while following in held:
            yield held.pop(following)
            following += 1


def reduce_shards(
    work: Work[str, Result],
    shards: Sequence[str],
    combine: Callable[[Result, Result], Result],
    settings: Cluster,
) -> Result:
    """Return `combine(...combine(work(s0), work(s1))..., work(sn))`: in this order however the work was scheduled.

    The arrays given to `combine` are read-only: it must return new ones. Memory is flat in the number of shards.
    """
    if not shards:
        raise TalkingError("There are no shards to sum over: run the stage that writes them first.")
    return functools.reduce(combine, map_items(work, shards, settings))


@dataclass(frozen=True)
class _Outcome(Generic[Result]):
    """What came of an item: a result, or the sentence of a mistake that no retry mends, or a failure of its worker."""

    result: Result | None = None
    sentence: str = ""
    failure: str | None = None


class _Actor:
    """One process of a pool. It works in the driver's folder, so that relative paths mean the same; prepares once."""

    def __init__(self, work: Work[Any, Any], folder: str) -> None:
        self.work, self.folder, self.ready = work, folder, False

    def run(self, item: Any) -> _Outcome[Any]:
        try:
            if not self.ready:
                enter(self.folder)
                self.work.prepare()
                self.ready = True
            return _Outcome(self.work(item))
        except (TalkingError, OSError) as error:
            if not (sentence := sentence_of(error)):
                raise
            return _Outcome(sentence=sentence)


class _Pool:
    """Actors at work, one item each at a time. An actor whose item failed is replaced: it may be the one to blame."""

    def __init__(self, work: Work[Any, Any], size: int, settings: Cluster) -> None:
        actor: Any = ray.remote(num_cpus=settings.cpus_per_worker, num_gpus=settings.gpus_per_worker)(_Actor)
        self._new = functools.partial(actor.remote, ray.put(work), str(Path.cwd()))
        self.idle = [self._new() for _ in range(size)]
        self.running: dict[Any, tuple[Any, int]] = {}

    def start(self, index: int, item: Any) -> None:
        actor = self.idle.pop()
        self.running[actor.run.remote(item)] = actor, index

    def wait(self) -> tuple[int, _Outcome[Any]]:
        """Return the index and outcome of the next item to finish."""
        (done,), _ = ray.wait(list(self.running), num_returns=1)
        actor, index = self.running.pop(done)
        try:
            outcome = ray.get(done)
        except RayError as error:
            ray.kill(actor)
            self.idle.append(self._new())
            return index, _Outcome(failure=_cause(error))
        self.idle.append(actor)
        return index, outcome

    def close(self) -> None:
        for actor in self.idle + [actor for actor, _ in self.running.values()]:
            ray.kill(actor)


def _results(
    work: Work[Any, Any],
    items: Sequence[Any],
    names: Sequence[str],
    settings: Cluster,
    *,
    bounded: bool = False,
) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) as they finish; an item whose worker failed goes to a new worker, `retries` times.

    `bounded` starts no item further than a few per worker beyond the first unfinished one.
    """
    if not items:
        return
    size = _pool_size(settings, len(items))
    window = size * _WINDOW if bounded else len(items)
    pool, waiting, failures = _Pool(work, size, settings), list(range(len(items))), Counter[int]()
    try:
        while waiting or pool.running:
            first = min([index for _, index in pool.running.values()] + waiting[:1])
            while waiting and pool.idle and waiting[0] < first + window:
                index = heapq.heappop(waiting)
                pool.start(index, items[index])
            index, outcome = pool.wait()
            if outcome.sentence:
                raise TalkingError(outcome.sentence)
            if outcome.failure is None:
                yield index, outcome.result
                continue
            failures[index] += 1
            if failures[index] > settings.retries:
                raise TalkingError(
                    f"{names[index]} failed {failures[index]} times, on as many workers: {outcome.failure}"
                )
            heapq.heappush(waiting, index)
    finally:
        pool.close()


def _pool_size(settings: Cluster, items: int) -> int:
    """Return how many actors to start: as asked, else as many as fit on the nodes there are, and one at least."""
    check_fits(settings, "worker", settings.cpus_per_worker, settings.gpus_per_worker)
    if settings.workers is not None:
        return max(1, min(settings.workers, items))
    here = ray.cluster_resources()
    wanted = {"CPU": settings.cpus_per_worker, "GPU": settings.gpus_per_worker}
    fits = [int(here.get(kind, 0) // amount) for kind, amount in wanted.items() if amount > 0]
    return max(1, min([*fits, items]))


def _cause(error: RayError) -> str:
    """Return what became of a worker in one line, without Ray's own traceback."""
    if isinstance(error, RayTaskError) and isinstance(error.cause, BaseException):
        return f"{type(error.cause).__name__}: {error.cause}"
    last = str(error).strip().splitlines()[-1].strip()
    return last if "Error:" in last else "its worker process died, most often because the memory was full"
