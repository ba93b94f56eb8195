"""The dependencies of every graph: the code that a stage runs, all of it, as `make deps` writes it."""

import textwrap
from pathlib import Path

import pytest
import yaml

from stages import deps
from talking.orchestration.graphs import Stage, graphs, stages_of
from talking.orchestration.sources import LEFT_OUT, file_of, modules_of

ROOT = Path(__file__).resolve().parents[2]
GRAPHS = graphs(ROOT)
STAGES = [stage for graph in GRAPHS for stage in stages_of(graph)]


def depends(stage: Stage, path: str) -> bool:
    """Whether a file of the project is a dependency, or lies in a folder that is one."""
    return any(path == dep or path.startswith(f"{dep}/") for dep in stage.entry["deps"])


def named(path: str) -> set[str]:
    """The stages of the main graph that a change of a file marks as changed."""
    return {stage.name for stage in stages_of(ROOT / "dvc.yaml") if depends(stage, path)}


def test_every_graph_is_found() -> None:
    folders = {path.parent.name for path in (ROOT / "pipelines").glob("*/dvc.yaml")}
    assert {graph.parent.name for graph in GRAPHS} == {*folders, ROOT.name} and len(GRAPHS) == len(folders) + 1
    assert all(stage.scripts for stage in STAGES)


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.parent.name)
def test_every_graph_is_as_make_deps_writes_it(graph: Path) -> None:
    assert graph.read_text() == deps.rewritten(graph), "run `make deps`"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_depends_on_every_module_that_its_script_imports_and_on_none_that_is_left_out(stage: Stage) -> None:
    paths = {str(file_of(name).relative_to(ROOT)) for name in modules_of(stage.scripts)}
    assert {path for path in paths if not depends(stage, path)} == set()
    left_out = {str(file_of(name).relative_to(ROOT)) for name in LEFT_OUT}
    assert {path for path in left_out if depends(stage, path)} == set()


def test_an_edit_of_the_generators_layers_runs_all_that_draw_with_it_again() -> None:
    drawing = {"backbone", "invert", "pca", "stage_one", "stage_two", "animate", "evaluate"}
    assert named("talking/models/stylegan2_layers.py") == drawing


def test_an_edit_of_what_only_one_stage_uses_runs_that_stage_again() -> None:
    assert named("talking/systems/mm22/stage_two.py") == named("stages/stage_two.py") == {"stage_two"}
    assert named("talking/media/resample.py") == {"resample"}


TOY = """
    # What this graph is.
    stages:
      train:  # the first
        cmd: python -m toy.train --out out
        deps: [talking/old.py, "data/${corpus}/codes", 'raw/a b']  # flow
        outs: [out]

      look:
        deps:
          - stages/gone.py
          # This is read too.
          - weights  # all of them
          - talking/models

          - "${evaluate.weights}"
        # The command comes after.
        cmd: >-
          python -m toy.look
          --out look
"""


def test_all_but_the_code_stays_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deps, "code_of", lambda scripts: ["talking/b.py", f"talking/{'_'.join(scripts) or 'none'}"])
    (tmp_path / "dvc.yaml").write_text(textwrap.dedent(TOY))
    text = deps.rewritten(tmp_path / "dvc.yaml")
    assert text == textwrap.dedent("""
    # What this graph is.
    stages:
      train:  # the first
        cmd: python -m toy.train --out out
        deps:
          - talking/b.py
          - talking/none
          - data/${corpus}/codes
          - raw/a b
        outs: [out]

      look:
        deps:
          - talking/b.py
          - talking/none
          # This is read too.
          - weights  # all of them

          - "${evaluate.weights}"
        # The command comes after.
        cmd: >-
          python -m toy.look
          --out look
    """).removesuffix("    ")
    (tmp_path / "dvc.yaml").write_text(text)
    assert deps.rewritten(tmp_path / "dvc.yaml") == text
    assert yaml.safe_load(text)["stages"]["look"]["deps"][2:] == ["weights", "${evaluate.weights}"]


def test_most_of_a_package_is_named_by_its_folder_and_less_by_its_files() -> None:
    found = deps.code_of(["stages.evaluate"])
    assert "talking/evaluation" in found and "talking/models/backbone.py" not in found
    assert "talking/orchestration/params.py" in found and "talking" not in found, (
        "a folder with something left out is never named"
    )
    assert {"talking/media/__init__.py", "talking/media/audio.py"} <= set(deps.code_of(["stages.mfcc"]))


def test_no_graph_writes_into_what_it_depends_on() -> None:
    """DVC refuses a graph in which an output lies in a dependency, and with it every command."""
    for stage in STAGES:
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in stage.entry["outs"]]
        inside = [(out, dep) for out in outs for dep in stage.entry["deps"] if f"{out}/".startswith(f"{dep}/")]
        assert inside == [], stage.name
