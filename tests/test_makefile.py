"""Make targets run what they say: recorded by programs that only write their arguments down."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORDER = '#!/bin/sh\n{ printf "%s" "${0##*/}"; printf "|%s" "$@"; echo; } >> "$RECORD"\n'
# What holds a cluster for a command runs the command.
HELD = '[ "$2" = talking.cluster.hold ] && shift 2 && exec "$@"\nexit 0\n'
IDENTITY = 'echo "author|$GIT_AUTHOR_NAME|$GIT_AUTHOR_EMAIL|$GIT_COMMITTER_NAME|$GIT_COMMITTER_EMAIL" >> "$RECORD"\n'

REPRODUCED = ["python|-m|talking.cluster.hold|dvc|repro", "dvc|repro"]  # with one cluster for all stages


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A git repository with the Makefile, and an environment whose programs write their arguments down."""
    place = tmp_path / "a place"
    programs = place / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("Makefile", ".gitignore", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, place)
    (place / ".venv" / ".ready").touch()
    for name in ("dvc", "talking", "python"):
        (programs / name).write_text(RECORDER + {"dvc": IDENTITY, "python": HELD}.get(name, ""))
        (programs / name).chmod(0o755)
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    return place


def make(place: Path, *arguments: str, identity: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run make as somebody whose git does not know him, unless it has an `identity`."""
    home = place.parent / "home"
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text(f"[user]\n\temail = {identity}\n\tname = someone\n" if identity else "")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "MAKE", "MFLAGS"))}
    environment = kept | {"HOME": str(home), "RECORD": str(place.parent / "record"), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=check)


def recorded(place: Path) -> list[str]:
    """Return the programs that were run, with their arguments."""
    return [line for line in (place.parent / "record").read_text().splitlines() if not line.startswith("author")]


def author(place: Path) -> str:
    """Return in whose name DVC was run."""
    return next(line for line in (place.parent / "record").read_text().splitlines() if line.startswith("author"))


def test_demo_brings_params_back_before_it_runs(place: Path) -> None:
    make(place, "demo")
    assert recorded(place) == ["talking|preset|demo|--write", *REPRODUCED, "talking|summary"]


def test_grid_sample_links_the_clips_and_writes_its_preset(place: Path, tmp_path: Path) -> None:
    clips = tmp_path / "my GRID (real)"
    clips.mkdir()
    make(place, "grid-sample", f"GRID={clips}")
    assert recorded(place) == ["talking|preset|demo|grid_sample|--write", *REPRODUCED, "talking|summary"]
    assert (place / "raw" / "grid_sample").readlink() == clips
    tracked = subprocess.run(["git", "ls-files", "raw"], cwd=place, capture_output=True, text=True, check=True).stdout
    assert tracked == "raw/grid_sample\n", "else the folder of a queued experiment lacks it"


def test_grid_sample_takes_other_presets_settings_and_a_folder_named_from_here(place: Path) -> None:
    (place / "clips of mine").mkdir()
    make(
        place, "grid-sample", "GRID=clips of mine", "PRESET=grid_sample gpu", "SET=-S seed=2 -S stage_one.target=codes"
    )
    assert recorded(place)[0] == "talking|preset|demo|grid_sample|gpu|--write|-S|seed=2|-S|stage_one.target=codes"
    assert (place / "raw" / "grid_sample").readlink() == place / "clips of mine"


@pytest.mark.parametrize("arguments", [["grid-sample"], ["grid-sample", "GRID=not there"], ["link", "CORPUS=grid"]])
def test_a_folder_that_is_not_there_is_said_and_nothing_runs(place: Path, arguments: list[str]) -> None:
    done = make(place, *arguments, check=False)
    assert done.returncode and "is not a folder" in done.stdout
    assert not (place.parent / "record").exists()


def test_a_link_takes_the_place_of_a_link_and_of_nothing_else(place: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make(place, "link", "CORPUS=grid", f"RAW={tmp_path / name}")
    assert (place / "raw" / "grid").readlink() == tmp_path / "two"
    (place / "raw" / "demo").mkdir()
    done = make(place, "link", "CORPUS=demo", f"RAW={tmp_path / 'one'}", check=False)
    assert done.returncode and "raw/demo is no link but a folder of its own" in done.stdout


def test_demo_backbone_trains_by_its_preset_and_leaves_params_as_they_were(place: Path) -> None:
    make(place, "demo-backbone")
    assert recorded(place) == [
        "talking|preset|demo|demo_backbone|--write",
        "dvc|repro|backbone",
        "python|-m|stages.keep_backbone|--backbone|models/demo/backbone|--out|raw/backbones/demo",
        "talking|preset|demo|--write",
    ]


def test_experiments_are_committed_in_a_name_where_git_knows_none(place: Path) -> None:
    make(place, "ablations")
    assert author(place) == "author|talking|talking@localhost|talking|talking@localhost"
    assert recorded(place)[1].startswith("python|-m|pipelines.ablations.queue|--jobs|2")


def test_who_git_knows_commits_in_his_own_name(place: Path) -> None:
    make(place, "demo", identity="me@example.org")
    assert author(place) == "author||||"


@pytest.mark.parametrize(
    "target",
    [
        "setup",
        "demo",
        "demo-backbone",
        "ablations",
        "test",
        "test-slow",
        "soak",
        "lint",
        "ui",
        "lock",
        "bench",
        "clean",
    ],
)
def test_every_target_can_be_read(place: Path, target: str) -> None:
    assert make(place, "--dry-run", target).returncode == 0
