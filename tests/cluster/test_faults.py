"""What a stage survives: workers killed, clips that kill, the driver killed, a node lost, a cluster that grows."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from talking.cluster import Cluster
from talking.core.errors import TalkingError
from talking.data.shards import ShardFolder, check_rejected, read_shard
from tests.cluster.clip_toys import SHARDS, ToyClips, attempts, content, run, undisturbed, write_source

ROOT = Path(__file__).parents[2]
OTHER_DEATHS = ("segfault", "out of memory")
SENTENCE = "3 worker processes died at this clip, as many as tried it: look at its file, or give workers more memory."


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four shards of five clips."""
    return write_source(tmp_path / "source")


def whole(source: Path, tmp_path: Path, **changes) -> dict[str, bytes]:
    """What an undisturbed stage writes."""
    work = ToyClips(source, tmp_path / "other notes", **changes)
    return content(undisturbed(work, tmp_path / "whole" / "out", tmp_path / "whole" / "state"))


def test_kill_worker_mid_stage_same_output(source: Path, tmp_path: Path, cluster: Cluster) -> None:
    work = ToyClips(source, tmp_path / "notes", wait_s=0.1)
    killed: list[int] = []

    def kill_two() -> None:
        while len(killed) < 2:
            pids = [int(line.split()[0]) for line in work.notes.read_text().splitlines()] if work.notes.exists() else []
            if new := set(pids) - set(killed):
                killed.append(new.pop())
                os.kill(killed[-1], signal.SIGKILL)
            time.sleep(0.05)

    killer = threading.Thread(target=kill_two)
    killer.start()
    out = run(work, tmp_path / "killed", cluster)
    killer.join()
    assert content(out) == whole(source, tmp_path)


@pytest.mark.parametrize("death", ["exit", *(pytest.param(each, marks=pytest.mark.slow) for each in OTHER_DEATHS)])
def test_poison_clip_is_rejected(source: Path, tmp_path: Path, cluster: Cluster, death: str) -> None:
    poison = ("s2_b", "s2_c") if death == "exit" else ("s3_e",)
    work = ToyClips(source, tmp_path / "notes", poison=poison, death=death)
    out = run(work, tmp_path / "poisoned", replace(cluster, retries=2))
    refused = {status.clip: status for status in ShardFolder(out).statuses if status.status != "ok"}
    assert {clip: status.sentence for clip, status in refused.items()} == {c: f"{c}: {SENTENCE}" for c in poison}
    assert {status.status for status in refused.values()} == {"crashed"}
    assert [attempts(work.notes, clip) for clip in poison] == [3] * len(poison)
    assert content(out) == whole(source, tmp_path, refused=dict.fromkeys(poison, SENTENCE))


def test_more_poison_than_allowed_stops_the_stage_and_is_tried_again(
    source: Path, tmp_path: Path, cluster: Cluster
) -> None:
    work = ToyClips(source, tmp_path / "notes", poison=("s1_a",))
    settings = replace(cluster, retries=0)
    with pytest.raises(TalkingError, match=r"1 of 20 clips were refused.*the first is s1_a: s1_a: 1 worker"):
        run(work, tmp_path / "made", settings, accept=lambda statuses: check_rejected(statuses, 0.01, "toy"))
    assert not (tmp_path / "made" / "out").exists()
    cured = replace(work, poison=())
    out = run(cured, tmp_path / "made", settings)
    assert content(out) == whole(source, tmp_path)
    assert attempts(work.notes, "s1_b") == 2, "the shard of the poison was made anew"
    assert attempts(work.notes, "s2_b") == 1, "the others were kept"


def test_a_worker_that_dies_at_another_clip_each_time_is_not_the_clips_fault(
    source: Path, tmp_path: Path, cluster: Cluster
) -> None:
    class Unlucky(ToyClips):
        def convert(self, sample):
            if sample.key.startswith("s1") and not (mark := self.notes.with_name(sample.key)).exists():
                mark.touch()
                os._exit(1)
            return super().convert(sample)

    out = run(Unlucky(source, tmp_path / "notes"), tmp_path / "made", replace(cluster, retries=1))
    assert content(out) == whole(source, tmp_path)


def in_a_cluster_of_its_own(what: str, tmp_path: Path) -> str:
    """Run `tests.cluster.nodes` and return what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_A")}
    environment |= {"RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_AUTH_MODE": "token", "PYTHONPATH": str(ROOT)}
    environment |= {"RAY_health_check_period_ms": "300", "RAY_health_check_initial_delay_ms": "1000"}
    command = [sys.executable, "-m", "tests.cluster.nodes", what, str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300, close_fds=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return next(line for line in done.stdout.splitlines() if "shards, " in line)


def test_lost_node_same_output(source: Path, tmp_path: Path) -> None:
    said = in_a_cluster_of_its_own("lost", tmp_path)
    assert said == f"{SHARDS} shards, 2 nodes, then 1"
    assert content(tmp_path / "made" / "out") == whole(source, tmp_path)


@pytest.mark.slow
def test_a_cluster_that_grows_during_a_stage_is_used_as_it_grows(source: Path, tmp_path: Path) -> None:
    said = in_a_cluster_of_its_own("grown", tmp_path)
    assert said == f"{SHARDS} shards, 1 nodes, then 2"
    workers = {line.split()[0] for line in (tmp_path / "notes").read_text().splitlines()}
    assert len(workers) == 2
    assert content(tmp_path / "made" / "out") == whole(source, tmp_path)


@pytest.mark.parametrize("cut", [1, *(pytest.param(each, marks=pytest.mark.slow) for each in (512, 3000))])
def test_truncated_shard_detected(source: Path, tmp_path: Path, cluster: Cluster, cut: int) -> None:
    shard = source / "s2-000.tar"
    shard.write_bytes(shard.read_bytes()[:-cut])
    work = ToyClips(source, tmp_path / "notes")
    with pytest.raises(TalkingError, match=r"s2-000\.tar disagrees with its index: run the stage that writes it again"):
        run(work, tmp_path / "made", cluster)
    assert not (tmp_path / "made" / "out").exists()
    assert list(read_shard(source / "s1-000.tar"))
