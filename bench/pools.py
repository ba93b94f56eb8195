"""The project's pool of actors beside Ray Data's: are results and their order the same, how long does each take, and
what becomes of a run in which an item kills every worker that comes to it.

`python -m bench.pools` prints a table. docs/cluster.md says what was decided by it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talking.cluster import Cluster, connect, map_items, map_shards
from talking.core.errors import TalkingError
from talking.data.journal import Journal
from talking.data.shards import ClipStatus, Sample, ShardFolder, write_shard

WORKERS = 2
SETTINGS = Cluster(workers=WORKERS, cpus_per_worker=0.5, gpus_per_worker=0.0, retries=2)
PATIENCE_S = 240.0  # After which a run counts as one that does not end.


@dataclass
class Sums:
    """Sums of random numbers, whose result depends on their order; every eighth item takes longest."""

    seconds: float

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: int) -> dict[str, Any]:
        """Return what stages return: numbers, text, nothing, and arrays of several kinds."""
        time.sleep(self.seconds * (4 if item % 8 == 0 else 1))
        drawn = np.random.default_rng(item).normal(size=(100, 10))
        half = drawn.astype(np.float16)
        return {"sum": drawn.sum(0), "codes": half, "name": f"clip {item}", "loss": float(drawn[0, 0]), "none": None}


@dataclass
class Poisoned:
    """Writes a clip per shard, and dies at one of them; each beginning is noted in a file."""

    notes: Path

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, shard: str, target: Path) -> list[ClipStatus]:
        """Write the shard, or die."""
        key = shard.partition("-")[0]
        journal, status = Journal(target), ClipStatus(key, key, shard, "ok")
        try:
            journal.begin(key)
        except TalkingError as error:
            write_shard(target, [])
            return [ClipStatus(key, key, shard, "crashed", str(error))]
        die_at_poison(key, self.notes)
        write_shard(target, [Sample(key, {"meta.json": b"{}"})])
        return [status]


def die_at_poison(key: str, notes: Path) -> None:
    """Note that an item was begun; die at the third."""
    with notes.open("a") as file:
        file.write(f"{key}\n")
    if key == "s2":
        os._exit(9)


def with_pool(items: int, seconds: float) -> list[Any]:
    """Map over the project's own pool."""
    return list(map_items(Sums(seconds), list(range(items)), SETTINGS))


def with_ray_data(items: int, seconds: float) -> list[Any]:
    """Map with Ray Data: a block per item, a pool of actors, the order kept."""
    rows = _mapped(items, SumsOfRows, {"seconds": seconds}).iter_rows()
    return [{name: row[name] for name in row if name != "id"} for row in rows]


class SumsOfRows:
    """The same work as Ray Data wants it."""

    def __init__(self, seconds: float) -> None:
        self.work = Sums(seconds)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row."""
        return self.work(int(row["id"]))


class PoisonedRows:
    """The same poison as Ray Data meets it."""

    def __init__(self, notes: str) -> None:
        self.notes = Path(notes)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row, or die."""
        die_at_poison(f"s{row['id']}", self.notes)
        return row


def _mapped(items: int, kind: type, given: dict[str, Any]) -> Any:
    import ray

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    rows = ray.data.range(items, override_num_blocks=items)
    pool = ray.data.ActorPoolStrategy(size=WORKERS)
    return rows.map(kind, fn_constructor_kwargs=given, compute=pool, num_cpus=0.5)


def same(mine: list[Any], theirs: list[Any]) -> str:
    """Return "equal", or how the first result that differs does."""
    if len(mine) != len(theirs):
        return f"{len(theirs)} results of {len(mine)}"
    for one, other in zip(mine, theirs, strict=True):
        for name, value in one.items():
            if type(value) is not type(other.get(name)):
                return f"{name} of {type(value).__name__} became {type(other.get(name)).__name__}"
            if isinstance(value, np.ndarray) and value.dtype != other[name].dtype:
                return f"{name} of {value.dtype} became {other[name].dtype}"
            if not np.array_equal(value, other[name]):
                return f"{name} differs"
    return "equal"


def poisoned_pool(folder: Path) -> str:
    """Run the poisoned shards over the project's pool; say how it ended."""
    marks = {f"s{number}-000.tar": "0f" for number in range(6)}
    with connect(SETTINGS):
        map_shards(Poisoned(folder / "notes"), marks, folder / "out", folder / "state", SETTINGS)
    refused = [status for status in ShardFolder(folder / "out").statuses if status.status != "ok"]
    return f"{len(marks) - len(refused)} clips, {refused[0].clip} refused: {refused[0].sentence}"


def poisoned_ray_data(folder: Path, errored: int = 0) -> str:
    """Run the poisoned rows over Ray Data, which may drop `errored` blocks (-1: any number); say how it ended."""
    import ray

    with connect(SETTINGS):
        ray.data.DataContext.get_current().max_errored_blocks = errored
        found = [row["id"] for row in _mapped(6, PoisonedRows, {"notes": str(folder / "notes")}).iter_rows()]
    return f"rows {found}"


def poisoned_and_tolerant(folder: Path) -> str:
    """The same with any number of blocks to be dropped."""
    return poisoned_ray_data(folder, -1)


POISONED: dict[str, Callable[[Path], str]] = {
    "map_shards": poisoned_pool,
    "Ray Data": poisoned_ray_data,
    "Ray Data with max_errored_blocks = -1": poisoned_and_tolerant,
}
# By its name, since a worker cannot import what is defined in a program.
_ALONE = "import sys, pathlib; from bench.pools import told; told(sys.argv[1], pathlib.Path(sys.argv[2]))"


def told(name: str, folder: Path) -> None:
    """Run a poisoned map and write down how it ended."""
    try:
        said = POISONED[name](folder)
    except Exception as error:  # noqa: BLE001  # What it raises is what is measured.
        said = f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"
    (folder / "said").write_text(said)


def ending_of(name: str) -> str:
    """Run a poisoned map in a process of its own for PATIENCE_S at most; return how it ended, and the item's starts."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        command = [sys.executable, "-c", _ALONE, name, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        begun = (folder / "notes").read_text().split().count("s2") if (folder / "notes").is_file() else 0
        unended = f"had not ended after {PATIENCE_S:.0f} s"
        said = (folder / "said").read_text() if (folder / "said").is_file() else unended
    return f"{said} (the item that kills was begun {begun} times)"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    with connect(SETTINGS):
        for seconds in (0.0, 0.1):
            expected = [Sums(0)(item) for item in range(arguments.items)]
            for name, run in (("map_items", with_pool), ("Ray Data", with_ray_data)):
                took, found = [], []
                for _ in range(arguments.times):
                    started = time.monotonic()
                    found = run(arguments.items, seconds)
                    took.append(time.monotonic() - started)
                print(
                    f"{name}: {arguments.items} items of {seconds:g} s: {min(took):.1f} to {max(took):.1f} s, "
                    f"{same(expected, found)}",
                    flush=True,
                )
    for name in POISONED:
        print(f"{name}, an item that kills its worker: {ending_of(name)}", flush=True)


if __name__ == "__main__":
    main()
