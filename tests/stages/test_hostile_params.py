"""No value of params reaches a shell, neither by a stage's command nor by what presets and plans hand to DVC."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from talking.core.errors import TalkingError
from talking.orchestration.graphs import graphs, stages_of
from talking.orchestration.params import load_params
from talking.systems.mm22.ablations.settings import load_plan

from .conftest import ROOT, Run, begin_project, write_params

NAME = "x$(touch PWN)"
STAGES = [stage for graph in graphs(ROOT) for stage in stages_of(graph)]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: f"{stage.graph.parent.name}-{stage.name}")
def test_no_command_of_a_graph_has_a_value_of_params_in_it(stage) -> None:
    """DVC would put it there as it is: https://github.com/treeverse/dvc/issues/5418."""
    command = stage.entry["cmd"]
    assert "$" not in command and "`" not in command
    labels = {"corpus", "backbone", "name"}
    assert {part.split("}")[0] for part in command.split("{")[1:]} <= labels


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A copy of the project whose corpus has a command in its name, and a recording in the folder of that name."""
    folder = tmp_path_factory.mktemp("hostile")
    row = yaml.safe_load((ROOT / "params.yaml").read_text())["corpora"]["demo"]
    run = begin_project(folder, {"corpus": NAME, "corpora": {NAME: row}})
    (folder / "raw" / NAME / "s1").mkdir(parents=True)
    (folder / "raw" / NAME / "s1" / "bbaa1n.mpg").write_bytes(b"x")
    return folder, run


def test_a_command_in_a_corpus_name_is_refused_and_never_run(hostile: tuple[Path, Run]) -> None:
    folder, run = hostile
    done = run("dvc", "repro", "--single-item", "corpus", check=False)
    assert done.returncode != 0
    assert f"error: corpus has the name '{NAME}'; a name has letters" in done.stdout + done.stderr
    assert not list(folder.rglob("PWN"))


def test_a_preset_is_not_written_beside_a_hostile_name(hostile: tuple[Path, Run]) -> None:
    folder, run = hostile
    shutil.copytree(ROOT / "presets", folder / "presets")
    before = (folder / "params.yaml").read_bytes()
    done = run(sys.executable, "-m", "talking.app.cli", "preset", "-S", f"corpus={NAME}", "--write", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "has the name" in done.stderr
    assert (folder / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("name", [NAME, "a b", "..", "a/b", "", "x;ls", "x\ny", "ü", "a" * 101, "$HOME", "-S x=1"])
def test_names_of_rows_have_letters_digits_hyphens_and_underscores(tmp_path, name) -> None:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["corpora"][name] = values["corpora"]["demo"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(TalkingError, match=r"^corpora has the name "):
        load_params(tmp_path / "params.yaml")


def test_rows_of_a_plan_have_such_names_too(tmp_path) -> None:
    plan = yaml.safe_load((ROOT / "pipelines/ablations/rows.yaml").read_text())
    plan["rows"][NAME] = {"title": "x"}
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(plan))
    with pytest.raises(TalkingError, match="has the name 'x"):
        load_plan(tmp_path / "rows.yaml")


def test_a_stage_fills_its_paths_with_checked_names(tmp_path, monkeypatch) -> None:
    """The script of a stage, started as DVC starts it, looks where its params say."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    write_params(tmp_path, {"corpus": "grid"})
    done = subprocess.run(
        [sys.executable, "-m", "stages.corpus", "--raw", "raw/{corpus}", "--out", "data/{corpus}/manifest"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.startswith("error: raw/grid is missing")
