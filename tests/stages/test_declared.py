"""A stage reads the params that it declares in its dvc.yaml, and is told by name when it reads another."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from talking.core.errors import TalkingError
from talking.orchestration.declared import ALWAYS, ROWS, declared
from talking.orchestration.graphs import Stage, graphs, stages_of
from talking.orchestration.params import Params, load_params
from talking.orchestration.sources import file_of, modules_of
from talking.systems.mm22.ablations.settings import load_ablation

ROOT = Path(__file__).resolve().parents[2]
STAGES = [stage for graph in graphs(ROOT) for stage in stages_of(graph)]
GRAPH = """
stages:
  tune:
    cmd: >-
      python -m toy.tune
      --out out
    params: [stage_two, stage_one.lpips_net, "corpora.${corpus}.max_rejected", own.yaml: [seed, floors, tune_steps]]
  other:
    cmd: python -m toy.tuned
    params: [seed]
"""


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """The project's params as the stage `tune` of a toy graph gets them."""
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    monkeypatch.chdir(tmp_path)
    return declared([load_params(ROOT / "params.yaml")], "toy.tune")[0]


def test_what_is_declared_is_read_as_it_is(params: Params) -> None:
    whole = load_params(ROOT / "params.yaml")
    assert params.stage_two == whole.stage_two and params.stage_one.lpips_net == whole.stage_one.lpips_net
    assert params.the_corpus.max_rejected == whole.the_corpus.max_rejected and params.seed == whole.seed
    assert (params.cluster, params.tracking, params.labels) == (whole.cluster, whole.tracking, whole.labels)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("stage_one.lr", "stage_one.lr"),
        ("evaluate.detector", "evaluate"),
        ("the_corpus.reader", "corpora.demo.reader"),
        ("the_backbone.source", "backbones.demo"),
        ("corpora", "corpora"),
        ("corpus", "corpus"),
    ],
)
def test_what_is_not_declared_is_refused_by_its_name_and_that_of_the_stage(params: Params, path, named) -> None:
    with pytest.raises(TalkingError, match=f"stage tune of dvc.yaml reads {named}, which it does not declare"):
        for name in path.split("."):
            params = getattr(params, name)


def test_a_script_that_no_graph_runs_reads_everything(params: Params) -> None:
    whole = load_params(ROOT / "params.yaml")
    assert declared([whole], "toy.keep") == (whole,)


def test_a_property_of_a_section_reads_no_more_than_the_stage_may(params: Params) -> None:
    ablation = load_ablation(ROOT / "pipelines" / "ablations" / "params.yaml")
    (part,) = declared([ablation], "toy.tune")
    assert part.measured == ablation.measured
    (other,) = declared([ablation], "toy.tuned")
    with pytest.raises(TalkingError, match=r"stage other of dvc.yaml reads tune_steps"):
        _ = other.measured


def test_a_part_of_params_can_be_copied(params: Params) -> None:
    assert copy.deepcopy(params).stage_one.lpips_net == params.stage_one.lpips_net


def reads(module: str) -> Iterator[str]:
    """Every `params.section.key` in the file of a module, as far as it is written out, by dotted name."""
    for node in ast.walk(ast.parse(file_of(module).read_text())):
        names: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if names and isinstance(inner, ast.Name) and inner.id in {"params", "ablation"}:
            if names[0] in ROWS:
                table, key = ROWS[names[0]]
                names[0] = f"{table}.${{{key}}}"
            yield ".".join(names)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_stage_declares_what_its_script_reads(stage: Stage) -> None:
    modules = modules_of(stage.scripts)
    wired = ("stages.", "pipelines.", "talking.orchestration.")
    # These two have the whole params: they run before a stage is handed its part.
    before = ("talking.orchestration.stage", "pipelines.ablations.wiring")
    wiring = [name for name in modules if name.startswith(wired) and name not in before]
    unbound = {*ALWAYS, "applied", "measured"}
    found = {name for module in wiring for name in reads(module) if name.split(".")[0] not in unbound}
    if any("map_stage(" in file_of(script).read_text() for script in stage.scripts):
        found.add("corpora.${corpus}.max_rejected")
    known = set(stage.params)
    lacking = {
        name
        for name in found
        if not any(name == one or name.startswith(f"{one}.") or one.startswith(f"{name}.") for one in known)
    }
    assert found or stage.name == "look"
    assert not lacking, f"{stage.graph}: {stage.name} reads {sorted(lacking)}"
