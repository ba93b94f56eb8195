"""A pool of actors that load once: replaced when their work fails, and more of them when the cluster grows."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from talking.cluster.connection import address_of, check_alive, check_fits, enter, sentence_of
from talking.cluster.resources import gpus_of_worker
from talking.cluster.settings import Cluster
from talking.core.errors import TalkingError

Item_contra = TypeVar("Item_contra", contravariant=True)
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

_LOOK_S = 2.0  # Between two looks at how large the cluster is.


class Work(Protocol[Item_contra, Result_co]):
    """What an actor does: `prepare` once (load models), then one call per item. Must be picklable before `prepare`."""

    def prepare(self) -> None:
        """Load what every call needs."""

    def __call__(self, item: Item_contra, /) -> Result_co:
        """Return the result of one item."""


class Outcome(Generic[Result]):
    """What came of an item: a result; or the sentence of a mistake that no retry mends; or what its worker failed of.

    `died`: the worker's process is gone, where else the work raised an error.
    """

    def __init__(
        self, result: Result | None = None, *, sentence: str = "", failure: str | None = None, died: bool = False
    ) -> None:
        self.result, self.sentence, self.failure, self.died = result, sentence, failure, died


class Actor:
    """One process of a pool. It works in the driver's folder, so that relative paths mean the same; prepares once."""

    def __init__(self, work: Work[Any, Any], folder: str) -> None:
        self.work, self.folder = work, folder

    def prepare(self) -> Outcome[None]:
        """Load what every item needs."""
        return self._told(self._begin)

    def run(self, item: Any) -> Outcome[Any]:
        """Work on one item."""
        return self._told(lambda: self.work(item))

    def _begin(self) -> None:
        enter(self.folder)
        self.work.prepare()

    def _told(self, call: Any) -> Outcome[Any]:
        try:
            return Outcome(call())
        except (TalkingError, OSError) as error:
            if not (sentence := sentence_of(error)):
                raise
            return Outcome(sentence=sentence)


class Pool:
    """Actors at work, one item each at a time. An actor whose item failed is replaced: it may be the one to blame.

    An item is given only to an actor that has begun: one that waits for a node would keep it from those that do not.
    """

    def __init__(self, work: Work[Any, Any], items: int, settings: Cluster) -> None:
        gpus = gpus_of_worker(settings)
        check_fits(settings, "worker", settings.cpus_per_worker, gpus)
        actor: Any = ray.remote(num_cpus=settings.cpus_per_worker, num_gpus=gpus)(Actor)
        self._new = functools.partial(actor.remote, ray.put(work), str(Path.cwd()))
        self._items, self._settings, self._unprepared = items, replace(settings, gpus_per_worker=gpus), 0
        self.idle: list[Any] = []
        self._beginning: dict[Any, Any] = {}
        self._running: dict[Any, tuple[Any, int]] = {}
        self.grow()

    @property
    def size(self) -> int:
        """How many actors there are, those that have not begun included."""
        return len(self.idle) + len(self._beginning) + len(self._running)

    @property
    def running(self) -> list[int]:
        """The items being worked on."""
        return [index for _, index in self._running.values()]

    def grow(self) -> None:
        """Add the actors for which the cluster has room by now."""
        for _ in range(size_of(self._settings, self._items) - self.size):
            self._begin()

    def start(self, index: int, item: Any) -> None:
        """Give an item to an idle actor."""
        actor = self.idle.pop()
        self._running[actor.run.remote(item)] = actor, index

    def wait(self) -> tuple[int, Outcome[Any]] | None:
        """Return index and outcome of the next item to finish; None when another actor has begun instead, or soon.

        Raises `TalkingError` when there is no node any more.
        """
        done, _ = ray.wait([*self._running, *self._beginning], num_returns=1, timeout=_LOOK_S)
        if not done:
            check_alive()
            self.grow()
            return None
        if done[0] in self._beginning:
            self._begun(done[0])
            return None
        actor, index = self._running.pop(done[0])
        outcome = _outcome_of(done[0])
        self._keep_or_replace(actor, outcome)
        return index, outcome

    def close(self) -> None:
        """Stop all actors."""
        working = [actor for actor, _ in self._running.values()]
        for actor in [*self.idle, *self._beginning.values(), *working]:
            ray.kill(actor)

    def _begin(self) -> None:
        actor = self._new()
        self._beginning[actor.prepare.remote()] = actor

    def _begun(self, call: Any) -> None:
        actor, outcome = self._beginning.pop(call), _outcome_of(call)
        if outcome.sentence:
            ray.kill(actor)
            raise TalkingError(outcome.sentence)
        self._unprepared = 0 if outcome.failure is None else self._unprepared + 1
        if self._unprepared > self._settings.retries:
            raise TalkingError(f"{self._unprepared} workers on end failed before they began: {outcome.failure}")
        self._keep_or_replace(actor, outcome)

    def _keep_or_replace(self, actor: Any, outcome: Outcome[Any]) -> None:
        if outcome.failure is None:
            self.idle.append(actor)
        else:
            ray.kill(actor)
            self._begin()


def size_of(settings: Cluster, items: int) -> int:
    """Return how many actors to have: as asked, else as many as fit on the nodes there are, and one at least.

    On a cluster that others started it is one more than fit: it waits, and so asks a cluster that can grow to do so.
    """
    if settings.workers is not None:
        return max(1, min(settings.workers, items))
    here = ray.cluster_resources()
    wanted = {"CPU": settings.cpus_per_worker, "GPU": gpus_of_worker(settings)}
    fits = [int(here.get(kind, 0) // amount) for kind, amount in wanted.items() if amount > 0]
    asking = 1 if address_of(settings) else 0
    return max(1, min(min(fits) + asking, items))


def _outcome_of(call: Any) -> Outcome[Any]:
    try:
        outcome: Outcome[Any] = ray.get(call)
        return outcome
    except RayError as error:
        return Outcome(failure=_cause(error), died=not isinstance(error, RayTaskError))


def _cause(error: RayError) -> str:
    """Return what became of a worker in one line, without Ray's own traceback."""
    if isinstance(error, RayTaskError) and isinstance(error.cause, BaseException):
        return f"{type(error.cause).__name__}: {error.cause}"
    last = str(error).strip().splitlines()[-1].strip()
    return last if "Error:" in last else "its worker process died, most often because the memory was full"
