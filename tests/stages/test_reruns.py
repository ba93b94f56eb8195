"""What `dvc status` says of a graph that was run: which stages edited code, a parameter or other weights change."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from talking.orchestration.graphs import stages_of

from .conftest import Run, begin_project, write_params

TRAINING = ("stage_one", "stage_two")
WATCHED = ("invert", "pca", *TRAINING, "animate")
TRUNK = "weights/trunk.safetensors"
Changed = Callable[[], set[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A copy of the project, whose data are empty folders, recorded as if its stages had just been run."""
    folder = tmp_path_factory.mktemp("made")
    run = begin_project(folder, {"stage_one": {"lpips_trunk": TRUNK}})
    (folder / TRUNK).write_text("one trunk")
    for stage in stages_of(folder / "dvc.yaml"):
        for named in [*stage.entry["deps"], *stage.entry["outs"]]:
            # An output with settings of its own is a mapping of one key.
            template = next(iter(named)) if isinstance(named, dict) else named
            path = template.replace("${corpus}", "demo").replace("${backbone}", "demo")
            if "$" not in path and not (folder / path).suffix:
                (folder / path).mkdir(parents=True, exist_ok=True)
    for name in ("metrics/stage_one.json", "plots/stage_one.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    run("dvc", "commit", "--force", *WATCHED)
    return folder, run


@pytest.fixture
def changed(made: tuple[Path, Run]) -> Changed:
    """Return which of the stages would run again by what was changed itself, not by what ran before them."""
    _, run = made

    def ask() -> set[str]:
        status = json.loads(run("dvc", "status", "--json", *WATCHED).stdout)
        return {name for name, what in status.items() if any("changed deps" in each for each in what)}

    assert ask() == set()
    return ask


def test_an_edited_layer_of_the_generator_runs_all_that_draws_with_it_again(made, changed: Changed) -> None:
    path = made[0] / "talking" / "models" / "stylegan2_layers.py"
    before = path.read_text()
    path.write_text(before.replace("LEAK = 0.2", "LEAK = 0.3"))
    assert changed() == set(WATCHED)
    path.write_text(before)


def test_another_file_in_the_place_of_the_trunk_runs_both_trainings_again(made, changed: Changed) -> None:
    path = made[0] / TRUNK
    path.write_text("another trunk")
    assert changed() == set(TRAINING)
    path.write_text("one trunk")


def test_another_trunk_by_name_runs_stage_two_again_too(made, changed: Changed) -> None:
    before = (made[0] / "params.yaml").read_text()
    write_params(made[0], {"stage_one": {"lpips_net": "vgg"}})
    assert changed() == set(TRAINING)
    write_params(made[0], {"stage_one": {"lpips_net": "squeeze", "lr": 0.1}})
    assert changed() == {"stage_one"}
    (made[0] / "params.yaml").write_text(before)


def test_where_and_how_work_is_scheduled_and_recorded_runs_nothing_again(made, changed: Changed) -> None:
    path = made[0] / "talking" / "cluster" / "pool.py"
    path.write_text(f"{path.read_text()}\nMORE = 1\n")
    write_params(made[0], {"cluster": {"retries": 5}, "tracking": {"experiment": "other"}})
    assert changed() == set()
