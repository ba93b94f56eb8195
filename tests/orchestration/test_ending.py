"""A stage is alone with what it keeps, and ends with the DVC that runs it, whatever took that away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
STAGE = """
import subprocess
import time
from pathlib import Path

from talking.cluster import Cluster, connect, map_items
from talking.media.ffmpeg import ffmpeg_binary
from talking.orchestration.stage import run_stage


class Endless:
    def prepare(self):
        pass

    def __call__(self, item):
        quiet = [ffmpeg_binary(), "-loglevel", "quiet"]
        subprocess.run([*quiet, "-re", "-f", "lavfi", "-i", "testsrc", "-f", "null", "-"])


def main(out: Path) -> None:
    if out.name == "alone":
        out.touch()
        time.sleep(600)
    with connect(Cluster()):
        list(map_items(Endless(), ["x"], Cluster(workers=1, cpus_per_worker=0.1)))


if __name__ == "__main__":
    run_stage(main, None, "out", load=tuple)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one stage whose worker runs ffmpeg for ever, started by a shell that stays between."""
    (tmp_path / "endless.py").write_text(STAGE)
    stage = f"stages:\n  endless:\n    cmd: '{sys.executable} endless.py --out made; true'\n    outs: [made]\n"
    (tmp_path / "dvc.yaml").write_text(stage)
    subprocess.run(["dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, env=environment(tmp_path), check=True)
    return tmp_path


def environment(project: Path) -> dict[str, str]:
    """What a user has, and a mark by which what is started is known again."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "DVC_"))}
    return plain | {"PYTHONPATH": str(ROOT), "ENDING_MARK": str(project), "DVC_NO_ANALYTICS": "1"}


def started(project: Path) -> dict[int, str]:
    """The living processes that carry the project's mark, with their names."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get("ENDING_MARK") == str(project) and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process.name()
        except psutil.Error:
            continue
    return found


def wait_until(condition, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.2)
    return bool(condition())


def running_ffmpeg(project: Path) -> bool:
    return any(name.startswith("ffmpeg") for name in started(project).values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_dvc_that_is_killed_leaves_neither_stage_nor_workers_nor_ffmpeg(project: Path, number: int) -> None:
    with subprocess.Popen(
        ["dvc", "repro"], cwd=project, env=environment(project), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as dvc:
        try:
            assert wait_until(lambda: running_ffmpeg(project), 400)
            dvc.send_signal(number)
            assert dvc.wait(30) == -number
            assert wait_until(lambda: not started(project), 60), started(project)
        finally:
            for process in started(project):
                os.kill(process, signal.SIGKILL)


@contextmanager
def stage(project: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "endless", "--out", str(project / "alone")]
    variables = environment(project)
    with subprocess.Popen(command, cwd=project, env=variables, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_second_run_of_a_stage_is_refused_by_the_firsts_process_id_until_that_has_died(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(STAGE)
    with stage(tmp_path) as first:
        assert wait_until((tmp_path / "alone").exists, 60)
        with stage(tmp_path) as second:
            assert second.stderr
            told = second.stderr.read()
            second.wait(30)
        assert second.returncode == 1
        assert told.startswith(f"error: endless is running already (process {first.pid} on ")
        assert told.endswith(f"wait until it is done, or end it with `kill {first.pid}`.\n")
        first.kill()
    (tmp_path / "alone").unlink()
    with stage(tmp_path) as third:
        assert wait_until((tmp_path / "alone").exists, 60)
        third.terminate()
        assert third.stderr
        assert third.stderr.read() == "\nstopped by SIGTERM: run the same command again to go on where it stopped.\n"
        third.wait(30)
    assert third.returncode == 128 + signal.SIGTERM
