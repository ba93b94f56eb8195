"""Maps and sums over a pool of actors: bytes, order, failures, resume."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray

from talking.cluster import Cluster, map_items, map_shards, reduce_shards
from talking.cluster.kept import Keeping, finished
from talking.core.errors import TalkingError
from talking.data.shards import ClipStatus, ShardFolder
from tests.cluster.toys import Moments, ToyWork

NAMES = [f"{speaker}-000.tar" for speaker in ("s3", "s1", "s2", "s4")]
MARKS = dict.fromkeys(NAMES, "0f" * 32)
DRIVER = """
import sys
from pathlib import Path
from tests.cluster.toys import ToyWork
from talking.cluster import Cluster, connect, map_shards

settings = Cluster(cpus_per_worker=0.5, workers=1)
folder, wait_s, names = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
with connect(settings):
    work = ToyWork(folder / "marker", wait_s=wait_s)
    print(map_shards(work, dict.fromkeys(names, "0f" * 32), folder / "out", folder / "state", settings))
"""


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_are_written_with_their_index_in_order_and_the_state_is_removed(
    tmp_path: Path, cluster: Cluster
) -> None:
    told: list[tuple[int, int]] = []
    report = map_shards(
        ToyWork(tmp_path / "marker"),
        MARKS,
        tmp_path / "out",
        tmp_path / "state",
        cluster,
        progress=lambda tally: told.append((tally.done, tally.shards)),
    )
    assert (report.shards, report.clips, report.rejected, report.resumed) == (4, 8, 4, 0)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not (tmp_path / "state").exists()
    folder = ShardFolder(tmp_path / "out")
    assert folder.names == NAMES
    assert [status.clip for status in folder.statuses[:3]] == ["s3_a", "s3_b", "s1_a"]
    assert [sample.members for sample in folder.read("s1-000.tar")] == [{"meta.json": b"s1-000.tar" * 100}]
    lines = [line.split() for line in (tmp_path / "pids").read_text().splitlines()]
    assert len(lines) == 4
    assert len({pid for _, pid in lines}) <= 2  # Each actor prepared once.


def test_what_is_not_accepted_is_not_published_and_taken_up_once_it_is(tmp_path: Path, cluster: Cluster) -> None:
    def refuse(statuses: list[ClipStatus]) -> None:
        raise TalkingError(f"{len(statuses)} are too many")

    places = (ToyWork(tmp_path / "marker"), MARKS, tmp_path / "out", tmp_path / "state", cluster)
    with pytest.raises(TalkingError, match="8 are too many"):
        map_shards(*places, accept=refuse)
    assert not (tmp_path / "out").exists()
    assert map_shards(*places, accept=lambda _: None).resumed == 4
    assert ShardFolder(tmp_path / "out").names == NAMES


@pytest.mark.parametrize("trouble", ["death", "first error"])
def test_a_shard_whose_worker_fails_once_is_done_by_another(tmp_path: Path, cluster: Cluster, trouble: str) -> None:
    work = ToyWork(tmp_path / "marker", "s1-000.tar", trouble)
    map_shards(work, {n: MARKS[n] for n in NAMES[:2]}, tmp_path / "out", tmp_path / "state", cluster)
    assert (tmp_path / "marker").exists()
    assert len(list(ShardFolder(tmp_path / "out").read("s1-000.tar"))) == 1


def test_a_shard_that_always_fails_is_named_with_the_workers_words_and_the_others_are_kept(
    tmp_path: Path, cluster: Cluster
) -> None:
    work = ToyWork(tmp_path / "marker", "s1-000.tar", "error")
    settings = replace(cluster, retries=1, workers=1)
    with pytest.raises(TalkingError, match=r"^s1-000\.tar failed 2 times.*KeyError: 'nose'$"):
        map_shards(work, MARKS, tmp_path / "out", tmp_path / "state", settings)
    assert not (tmp_path / "out").exists()
    assert finished(tmp_path / "state" / MARKS["s3-000.tar"] / "s3-000.tar") is not None


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("mistake", r"^params\.yaml: align\.detector is 'eyes': choose dlib\.$"),
        ("full", r"^The disk of .*marker is full"),
    ],
)
def test_a_mistake_that_no_retry_mends_arrives_as_its_sentence_at_once(
    tmp_path: Path, cluster: Cluster, trouble: str, said: str
) -> None:
    work = ToyWork(tmp_path / "marker", "s3-000.tar", trouble)
    with pytest.raises(TalkingError, match=said) as caught:
        map_shards(work, {"s3-000.tar": "0f"}, tmp_path / "out", tmp_path / "state", cluster)
    assert "Traceback" not in str(caught.value)


def test_a_stage_that_was_killed_goes_on_and_writes_the_same_bytes(tmp_path: Path, cluster: Cluster) -> None:
    map_shards(ToyWork(tmp_path / "x" / "marker"), {}, tmp_path / "empty", tmp_path / "none", cluster)
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    map_shards(ToyWork(tmp_path / "whole" / "m"), MARKS, tmp_path / "whole" / "out", tmp_path / "whole" / "s", cluster)

    environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "killed"), "2", *NAMES]
    with subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2]) as driver:
        deadline = time.monotonic() + 300
        while not list((tmp_path / "killed").glob("state/*/*.json")):
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        driver.send_signal(signal.SIGKILL)
    assert not (tmp_path / "killed" / "out").exists()

    work = ToyWork(tmp_path / "killed" / "marker")
    report = map_shards(work, MARKS, tmp_path / "killed" / "out", tmp_path / "killed" / "state", cluster)
    assert 1 <= report.resumed < 4
    assert content(tmp_path / "killed" / "out") == content(tmp_path / "whole" / "out")


def test_a_kept_shard_that_was_changed_or_belongs_to_other_parameters_is_not_taken(tmp_path: Path) -> None:
    target = tmp_path / "0f" / "s1-000.tar"
    work = ToyWork(tmp_path / "marker")
    work.prepare()
    Keeping(work)(target)
    assert finished(target) is not None
    assert finished(tmp_path / "aa" / "s1-000.tar") is None
    target.write_bytes(target.read_bytes()[:-512])
    assert finished(target) is None


def test_a_sum_over_shards_is_taken_in_their_order_whoever_ends_first(cluster: Cluster) -> None:
    shards = [f"s{index}" for index in range(6)]
    work = Moments()
    work.prepare()
    here = functools.reduce(np.add, map(work, shards))
    there = reduce_shards(Moments(), shards, np.add, cluster)
    np.testing.assert_array_equal(there, here)
    assert not np.array_equal(here, functools.reduce(np.add, map(work, reversed(shards))))  # The order does matter.


def test_items_come_back_in_their_order(cluster: Cluster) -> None:
    results = list(map_items(Moments(), ["s0", "s1", "s2"], cluster))
    work = Moments()
    work.prepare()
    np.testing.assert_array_equal(results, [work(name) for name in ("s0", "s1", "s2")])


def test_a_sum_over_nothing_says_so(cluster: Cluster) -> None:
    with pytest.raises(TalkingError, match="no shards"):
        reduce_shards(Moments(), [], np.add, cluster)


@pytest.mark.parametrize(
    ("change", "key"), [({"cpus_per_worker": 4000}, "cpus_per_worker"), ({"gpus_per_worker": 900}, "gpus_per_worker")]
)
def test_more_than_this_machine_has_is_refused_and_not_waited_for(
    cluster: Cluster, change: dict[str, float], key: str
) -> None:
    with pytest.raises(TalkingError, match=rf"cluster\.{key} comes to .* and this machine has"):
        list(map_items(Moments(), ["s0"], replace(cluster, **change)))


class Asleep:
    """A work that takes longer than anyone waits."""

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: str) -> str:
        """Sleep."""
        time.sleep(1000)
        return item


def test_a_pool_whose_last_node_is_gone_says_so_and_does_not_wait(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = map_items(Asleep(), ["x"], cluster)
    with monkeypatch.context() as patch:
        threading.Timer(1, lambda: patch.setattr("ray.cluster_resources", dict)).start()
        with pytest.raises(TalkingError, match=r"last node is gone.* run again to go on"):
            next(results)
