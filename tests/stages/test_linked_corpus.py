"""A corpus that is a link to a folder elsewhere, in the folders of its own that DVC runs experiments in."""

import json
import time
from pathlib import Path

import pytest

from .conftest import Run, begin_project

ROW = {
    "reader": "grid",
    "unseen_speakers": ["s1"],
    "validation_speakers": ["s2"],
    "clips_per_shard": 100,
    "max_rejected": 0.1,
}


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A copy of the project with raw/far, a link that git ignores, to clips of three speakers; they are only listed."""
    folder, far = tmp_path_factory.mktemp("linked"), tmp_path_factory.mktemp("my clips")
    for speaker in ("s1", "s2", "s3"):
        (far / speaker).mkdir()
        (far / speaker / "bbaf2n.mpg").touch()
    run = begin_project(folder, {"corpora": {"far": ROW}, "corpus": "far"})
    (folder / "raw" / "far").symlink_to(far)
    return folder, run


def seeds_of(run: Run) -> set[int]:
    """Return the seeds of the experiments that have run the stage."""
    shown = json.loads(run("dvc", "exp", "show", "--json", "--num", "1").stdout)
    found = set()
    for commit in shown:
        for experiment in commit.get("experiments") or []:
            for revision in experiment["revs"]:
                data = revision["data"]
                if data["outs"]["data/far/manifest"]["hash"]:
                    found.add(data["params"]["params.yaml"]["data"]["seed"])
    return found


def finished(run: Run, most_s: float = 400) -> bool:
    """Wait until nothing is queued or running; tell whether all went well."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        status = run("dvc", "queue", "status").stdout
        if "Queued" not in status and "Running" not in status:
            return "Failed" not in status
        time.sleep(1)
    return False


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_experiments_of_temp_and_queue_have_the_corpus_that_git_was_told_of(linked: tuple[Path, Run]) -> None:
    folder, run = linked
    without = run("dvc", "exp", "run", "--temp", "-S", "seed=2", "corpus", check=False)
    assert without.returncode and "raw/far" in without.stderr, "git ignores the link"
    run("git", "add", "--force", "raw/far")  # as `make link` does
    run("dvc", "exp", "run", "--temp", "-S", "seed=3", "corpus")
    run("dvc", "exp", "run", "--queue", "-S", "seed=4", "corpus")
    run("sh", "-c", "dvc queue start > log 2>&1")  # else its worker, which stays, holds our pipe open
    try:
        assert finished(run), run("dvc", "queue", "status").stdout
    finally:
        run("dvc", "queue", "stop")
    assert seeds_of(run) == {3, 4}
    assert not (folder / "data").exists(), "the workspace stays as it was"
    assert "A  raw/far\n" in run("git", "status", "--short").stdout


def test_the_link_is_committed_by_whoever_wants_it_and_not_the_clips(linked: tuple[Path, Run]) -> None:
    _, run = linked
    run("git", "add", "--force", "raw/far")
    listed = run("git", "ls-files", "--stage", "raw/far")
    assert listed.stdout.startswith("120000 ") and listed.stdout.count("\n") == 1
