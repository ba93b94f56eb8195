"""Joining and starting a cluster."""

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import ray

from talking.cluster import Cluster, connect
from talking.cluster.connection import enter, folder_for_sockets, sentence_of
from talking.core.errors import TalkingError

ROOT = Path(__file__).parents[2]
SCRIPT = """
from pathlib import Path
import ray
from talking.cluster import Cluster, connect, map_items

class Here:
    def prepare(self):
        import stages, talking
    def __call__(self, item):
        return str(Path.cwd()), Path("beside.txt").read_text()

if __name__ == "__main__":
    with connect(Cluster()):
        print(list(map_items(Here(), ["x"], Cluster(workers=1))))
    assert not ray.is_initialized()
"""


def without_ray() -> dict[str, str]:
    """The environment of a user who has set nothing of Ray."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def errors_of(script: str, within_s: float, **variables: str) -> str:
    """What a script of its own process prints as errors."""
    command, environment = [sys.executable, "-c", script], without_ray() | variables
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=within_s
    ).stderr


def test_a_script_starts_ray_in_a_fresh_home_and_leaves_nothing_there(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    (work := tmp_path / "work").mkdir()
    (work / "script.py").write_text(SCRIPT)
    (work / "beside.txt").write_text("relative paths mean the same in a worker")
    environment = without_ray()
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([(str(work), "relative paths mean the same in a worker")])
    assert not (home / ".ray").exists()
    assert "oken" not in done.stderr


def kill_beginning_workers(driver: psutil.Process) -> None:
    """Kill the driver's workers that have not yet been given work."""
    with suppress(psutil.NoSuchProcess):
        for process in driver.children(recursive=True):
            if any(part.endswith("default_worker.py") for part in process.cmdline()):
                process.kill()


def test_a_driver_joins_though_every_worker_dies_as_it_begins() -> None:
    script = "from talking.cluster import *\nwith connect(Cluster()): print('joined', flush=True); input()"
    environment = without_ray()
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as driver:
        assert driver.stdout
        ready, limit = [], time.monotonic() + 60
        while not ready and time.monotonic() < limit:
            kill_beginning_workers(psutil.Process(driver.pid))
            ready, _, _ = select.select([driver.stdout], [], [], 0.1)
        if not ready:
            driver.kill()
        assert driver.communicate(b"\n") == (b"joined\n", None)


NODE_LOST = """
import os, time, psutil, ray
from talking.cluster import *
from talking.cluster.connection import check_alive

with connect(Cluster()):
    check_alive()
    children = psutil.Process().children(recursive=True)
    [child.suspend() for child in children if child.name() == "raylet"]
    try:
        while True:
            time.sleep(0.5)
            check_alive()
    finally:
        [child.kill() for child in children]
"""


def test_a_node_that_no_longer_answers_is_told_though_the_driver_lives() -> None:
    quickly = {"initial_delay_ms": "500", "period_ms": "200", "timeout_ms": "500", "failure_threshold": "3"}
    variables = {f"RAY_health_check_{name}": value for name, value in quickly.items()}
    assert "TalkingError: Ray's last node is gone" in errors_of(NODE_LOST, 100, **variables)


LISTENING = """
import psutil
from talking.cluster import *

class Double:
    def prepare(self): pass
    def __call__(self, item): return 2 * item

with connect(Cluster()):
    print(list(map_items(Double(), [1, 2], Cluster(workers=1, cpus_per_worker=0.1))))
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            found = process.net_connections("inet")
        except psutil.Error:
            continue
        for each in found:
            if each.status == psutil.CONN_LISTEN:
                print(process.name(), each.laddr.ip, each.laddr.port)
"""


def output_of(script: str, **variables: str) -> list[str]:
    """What a script of its own process prints."""
    command, environment = [sys.executable, "-c", script], without_ray() | variables
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_on_one_machine_ray_listens_on_the_loopback_address_alone_whatever_the_path_of_tmpdir(tmp_path: Path) -> None:
    (long := tmp_path / ("x" * 100)).mkdir()
    result, *listening = output_of(LISTENING, TMPDIR=str(long))
    assert result == "[2, 4]"
    assert {"gcs_server", "raylet"} <= {line.split()[0] for line in listening}
    assert {line.split()[1].removeprefix("::ffff:") for line in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_path_too_long_for_sockets_is_a_sentence_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp")
    assert folder_for_sockets() is None
    monkeypatch.setenv(name, "/scratch/" + "x" * 60)
    assert folder_for_sockets() == "/tmp/ray"
    monkeypatch.setattr("talking.cluster.connection._SHORT_FOLDERS", ())
    with pytest.raises(TalkingError, match=f"{name} is /scratch/x+, too long a path for .*: set RAY_TMPDIR to"):
        folder_for_sockets()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere"])
def test_a_cluster_that_is_not_there_is_one_sentence_and_soon(address: str) -> None:
    script = f"from talking.cluster import *\nwith connect(Cluster({address!r})): pass"
    last = errors_of(script, 60).strip().splitlines()[-1]
    assert last.startswith(f"talking.core.errors.TalkingError: There is no Ray cluster to join at {address} (")


def test_a_connection_within_another_leaves_it_open(cluster: Cluster) -> None:
    with connect(cluster):
        pass
    assert ray.is_initialized()


def test_a_worker_that_does_not_see_the_project_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKING_ACCELERATORS", "")  # A worker is told its GPUs first: for monkeypatch to put back.
    with pytest.raises(TalkingError, match=r"does not see .*gone: keep the project on a file system that every node"):
        enter(str(tmp_path / "gone"))


def test_only_a_full_disk_among_errors_of_the_system_is_the_users_to_mend() -> None:
    assert sentence_of(OSError(28, "No space left on device", "/data/x.tar")) == (
        "The disk of /data/x.tar is full: free some space and run again."
    )
    assert sentence_of(OSError(5, "Input/output error")) is None
