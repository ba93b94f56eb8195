"""Work spread over a pool of actors that load once: a stage's shards, other items in order, sums over shards."""

import functools
import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talking.cluster.kept import Keeping, ShardWork, finished, forgive, publish
from talking.cluster.pool import Outcome, Pool, Result, Work
from talking.cluster.settings import Cluster
from talking.core.errors import TalkingError
from talking.core.lock import alone
from talking.core.progress import Progress
from talking.data import storage
from talking.data.journal import Journal
from talking.data.shards import ClipStatus
from talking.data.storage import Location

_WINDOW = 4  # Results that wait for an earlier one, per worker: more keeps workers busy, fewer keep memory flat.


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
    out: Location,
    state: Location,
    settings: Cluster,
    *,
    progress: Callable[[Progress], None] | None = None,
    accept: Callable[[list[ClipStatus]], None] | None = None,
) -> MapReport:
    """Write a shard per entry of `fingerprints` (shard name -> hash of inputs and parameters) and the index into `out`.

    Finished shards are kept in `state/<fingerprint>/` until `out` is complete, so that a stage that was killed goes on
    where it stopped and writes the same bytes; then `state` is removed. `progress` is told after each shard; `accept`
    what became of every clip, before `out` is touched: where it raises, the shards stay in `state`.
    A clip at which `retries` + 1 workers died is refused (`crashed`), and its shard goes on without it.
    Raises `TalkingError` with a worker's own sentence, or naming the shard that failed `retries` + 1 times, and when
    another process works in `state`.
    """
    with alone(state, f"Work on {out}") if isinstance(state, Path) else nullcontext():
        return _mapped(work, fingerprints, out, state, settings, progress, accept)


def _mapped(
    work: ShardWork,
    fingerprints: Mapping[str, str],
    out: Location,
    state: Location,
    settings: Cluster,
    progress: Callable[[Progress], None] | None,
    accept: Callable[[list[ClipStatus]], None] | None,
) -> MapReport:
    started = time.monotonic()
    kept = {name: storage.absolute(storage.join(state, mark, name)) for name, mark in fingerprints.items()}
    records = {name: finished(location) for name, location in kept.items()}
    left = [name for name, record in records.items() if record is None]
    resumed, clips_done = len(records) - len(left), 0
    blame = _Suspects([kept[name] for name in left], settings.retries)
    for done, (index, record) in enumerate(
        _results(Keeping(work), [kept[name] for name in left], left, settings, acquitted=blame), resumed + 1
    ):
        records[left[index]] = record
        clips_done += len(record.statuses)
        if progress:
            progress(Progress(done, len(records), resumed, clips_done, time.monotonic() - started))
    complete = [record for record in records.values() if record is not None]
    clips = [status for record in complete for status in record.statuses]
    if accept:
        _accept(accept, clips, lambda: forgive(kept, records))
    publish(out, kept, complete)
    storage.remove(state)
    refused = sum(status.status != "ok" for status in clips)
    return MapReport(len(complete), len(clips), refused, time.monotonic() - started, resumed)


def _accept(accept: Callable[[list[ClipStatus]], None], clips: list[ClipStatus], otherwise: Callable[[], None]) -> None:
    try:
        accept(clips)
    except TalkingError:
        otherwise()
        raise


class _Suspects:
    """Finds the clip at which the workers of a shard die, by the shard's journal."""

    def __init__(self, targets: Sequence[Location], retries: int) -> None:
        self._targets, self._retries, self._deaths = targets, retries, Counter[tuple[int, str]]()
        for target in targets:
            Journal(target).end()

    def __call__(self, index: int, outcome: Outcome[Any]) -> bool:
        """Tell whether the failure is a clip's and not the shard's; pass the clip over when it killed too many."""
        journal = Journal(self._targets[index])
        key = journal.end()
        if not outcome.died or key is None:
            return False
        self._deaths[index, key] += 1
        if self._deaths[index, key] > self._retries:
            times = f"{self._retries + 1} worker processes died at this clip, as many as tried it"
            journal.pass_over(key, f"{times}: look at its file, or give workers more memory.")
        return True


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


def _results(
    work: Work[Any, Any],
    items: Sequence[Any],
    names: Sequence[str],
    settings: Cluster,
    *,
    bounded: bool = False,
    acquitted: Callable[[int, Outcome[Any]], bool] | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) as they finish; an item whose worker failed goes to a new worker, `retries` times.

    `bounded` starts no item further than a few per worker beyond the first unfinished one. A failure of which an item
    is `acquitted` does not count.
    """
    if not items:
        return
    pool, waiting, failures = Pool(work, len(items), settings), list(range(len(items))), Counter[int]()
    try:
        while waiting or pool.running:
            window = pool.size * _WINDOW if bounded else len(items)
            first = min(pool.running + waiting[:1])
            while waiting and pool.idle and waiting[0] < first + window:
                index = heapq.heappop(waiting)
                pool.start(index, items[index])
            if (ended := pool.wait()) is None:
                continue
            index, outcome = ended
            if outcome.sentence:
                raise TalkingError(outcome.sentence)
            if outcome.failure is None:
                yield index, outcome.result
                continue
            heapq.heappush(waiting, index)
            failures[index] += not (acquitted and acquitted(index, outcome))
            if failures[index] > settings.retries:
                times = f"{names[index]} failed {failures[index]} times, on as many workers"
                raise TalkingError(f"{times}: {outcome.failure}")
    finally:
        pool.close()
