"""A small copy of the project in a git repository of its own, on which the whole graph runs in minutes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TRACKED = ("raw", "methods", "metrics", "weights")  # In these people and DVC put files that git does not keep.
PARTS = ("stages", "talking", "pipelines", "dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", *TRACKED)
Run = Callable[..., subprocess.CompletedProcess[str]]
REPRO = ("python", "-m", "talking.cluster.hold", "dvc", "repro")  # As `make demo` runs it: one Ray for all stages.

SMALL = {
    "backbone": "faces",
    "demo_corpus": {"speakers": 4, "clips": 3, "identities": 6, "frames_per_identity": 2, "still_size": 64},
    "corpora": {"demo": {"unseen_speakers": ["s4"], "validation_speakers": ["s3"], "clips_per_shard": 2}},
    "backbones": {
        "faces": {
            "resolution": 32,
            "style_dim": 16,
            "channel_max": 8,
            "encoder_width": 4,
            "encoder_pool": 2,
            "steps": 6,
            "batch": 2,
        }
    },
    "pca": {"components": 4},
    "stage_one": {
        "width": 4,
        "lstm_layers": 1,
        "hidden": 16,
        "sequence": 8,
        "batch": 2,
        "steps": 4,
        "validate_every": 2,
    },
    "stage_two": {"steps": 2, "batch": 2},
    "animate": {"size": 64},
    "cluster": {"workers": 2, "train_cpus": 1},
}


def merged(values: dict, changes: dict) -> dict:
    """Return nested values with nested changes."""
    both = {
        key: merged(values.get(key, {}), change) if isinstance(change, dict) else change
        for key, change in changes.items()
    }
    return {**values, **both}


def write_params(folder: Path, changes: dict) -> None:
    """Change keys of the copy's params.yaml."""
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), changes), sort_keys=False))


def copy_project(folder: Path) -> None:
    """Copy what the graph consists of, and begin a git repository with DVC in it."""
    for part in PARTS:
        source = ROOT / part
        if part in TRACKED:
            shutil.copytree(
                source, folder / part, ignore=lambda where, names: [n for n in names if not _tracked(where, n)]
            )
        elif source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)


def _tracked(where: str, name: str) -> bool:
    found = subprocess.run(["git", "ls-files", name], cwd=where, capture_output=True, text=True, check=False)
    return bool(found.stdout.strip())


def runner(folder: Path) -> Run:
    """Return a function that runs a command in the copy, in this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org", "DVC_NO_ANALYTICS": "1"}
    names |= {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org", "PYTHONPATH": str(folder)}

    def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **names, "PATH": path}, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done

    return run


def begin_project(folder: Path, changes: dict) -> Run:
    """Copy the project, change its params, and commit it to git and DVC; return what runs commands in the copy."""
    copy_project(folder)
    write_params(folder, changes)
    run = runner(folder)
    for command in (
        ("git", "init", "-q"),
        ("dvc", "init", "-q"),
        ("git", "add", "-A"),
        ("git", "commit", "-qm", "begin"),
    ):
        run(*command)
    return run


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """The small copy, its graph run once, and the function that runs commands in it."""
    folder = tmp_path_factory.mktemp("project")
    run = begin_project(folder, SMALL)
    run(*REPRO)
    run("git", "add", "-A")
    run("git", "commit", "-qm", "reproduced")
    return folder, run
