"""Plans of ablations: the shipped one is whole, names are ones that git takes, mistakes are sentences."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipelines.ablations.wiring import applied
from talking.core.errors import TalkingError
from talking.orchestration.params import load_params
from talking.systems.mm22.ablations.settings import Plan, Row, Table, load_ablation, load_plan

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "pipelines" / "ablations"


def test_the_shipped_plan_has_the_papers_tables_and_three_seeds() -> None:
    plan = load_plan(FOLDER / "rows.yaml")
    assert len(plan.seeds) >= 3 and len(plan.runs) == len(plan.rows) * len(plan.seeds)
    by_title = {table.title.split(":")[0]: set(table.lines) for table in plan.tables}
    assert by_title["Table 3"] >= {"without_latent.stage_two", "without_lpips.stage_two", "whole.stage_two"}
    assert by_title["Table 4"] == {"whole.stage_one", "picture.stage_two", "whole.stage_two"}
    assert any(row.set.get("stage_one.target") == "codes" for row in plan.rows.values())


@pytest.mark.parametrize("plan", ["rows.yaml", "trials.yaml"])
def test_every_row_of_the_shipped_plans_gives_params_that_are_read(tmp_path, plan) -> None:
    found = load_plan(FOLDER / plan)
    for name in found.rows:
        main, own = (yaml.safe_load(path.read_text()) for path in (ROOT / "params.yaml", FOLDER / "params.yaml"))
        for key, value in found.settings(name).items():
            if key.startswith("pipelines/ablations/params.yaml:"):
                assert key.split(":")[1] in own
                own[key.split(":")[1]] = value
                continue
            section, _, entry = key.partition(".")
            assert entry in main[section], f"{name} sets {key}, which params.yaml has not"
            assert key not in found.rows[name].set or found.settings("whole").get(key, main[section][entry]) != value, (
                f"{name} changes nothing by {key}"
            )
            main[section][entry] = value
        for values, path, load in ((main, "main.yaml", load_params), (own, "own.yaml", load_ablation)):
            (tmp_path / path).write_text(yaml.safe_dump(values))
            load(tmp_path / path)


def test_a_run_has_its_own_seed_and_steps_and_the_rest_of_the_main_params() -> None:
    params, ablation = load_params(ROOT / "params.yaml"), load_ablation(FOLDER / "params.yaml")
    changed = applied(replace(ablation, seed=7, train_steps=11, tune_steps=5), params)
    assert (changed.seed, changed.stage_one.steps, changed.stage_two.steps) == (7, 11, 5)
    assert changed.stage_one.lips_clips == 0
    rest = replace(changed.stage_one, steps=params.stage_one.steps, lips_clips=params.stage_one.lips_clips)
    assert replace(rest, validate_every=params.stage_one.validate_every) == params.stage_one
    assert changed.corpora == params.corpora


def test_names_of_experiments_are_ones_that_git_takes_and_differ() -> None:
    plan = load_plan(FOLDER / "rows.yaml")
    assert len({plan.experiment(row, seed) for row, seed in plan.runs}) == len(plan.runs)
    assert plan.experiment("latent_2.5", 3) == "ablation-latent-2p5-seed3"
    assert replace(plan, name="trial").experiment("whole", 1) == "trial-whole-seed1"


def test_a_rows_own_settings_win_over_what_all_rows_share() -> None:
    plan = Plan(
        (1,), {"a": Row("A", {"stage_one.lr": 2}), "b": Row("B")}, (), {"stage_one.lr": 1, "pca.source": "codes"}
    )
    assert plan.settings("a") == {"stage_one.lr": 2, "pca.source": "codes"}
    assert plan.settings("b") == {"stage_one.lr": 1, "pca.source": "codes"}


def test_floors_and_stage_two_are_measured_where_they_are_asked_for() -> None:
    ablation = load_ablation(FOLDER / "params.yaml")
    assert ablation.measured == ("stage_one", "stage_two")
    alone = replace(ablation, tune_steps=0, floors=True)
    assert alone.measured == ("static", "wrong_audio", "linear", "inversion", "stage_one")
    assert replace(ablation, floors=True).measured == (
        *("static", "wrong_audio", "linear", "inversion", "inversion_tuned"),
        *("stage_one", "stage_two"),
    )


def test_what_rows_share_is_made_by_the_first_row() -> None:
    plan = Plan((1, 2), {"a": Row("A"), "b": Row("B")}, ())
    assert plan.runs == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_a_row_may_have_seeds_of_its_own() -> None:
    plan = Plan((1,), {"a": Row("A", seeds=(1, 2)), "b": Row("B")}, ())
    assert plan.runs == [("a", 1), ("a", 2), ("b", 1)]
    with pytest.raises(TalkingError, match="each once"):
        Plan((1,), {"a": Row("A", seeds=(2, 2))}, ())


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ({"seeds": [1, 1]}, "seeds must be whole numbers, each once"),
        ({"seeds": []}, "seeds must be whole numbers, each once"),
        ({"tables": (Table("T", ("b.stage_one",)),)}, "a table has the row 'b', which rows does not list"),
        ({"tables": (Table("T", ("a.ridge",)),)}, r"the line 'a.ridge' must be <row>.stage_one or"),
    ],
)
def test_mistakes_in_a_plan_are_named(plan, sentence) -> None:
    whole = {"seeds": (1,), "rows": {"a": Row("A")}, "tables": ()}
    with pytest.raises(TalkingError, match=sentence):
        Plan(**{**whole, **{key: tuple(value) for key, value in plan.items()}})


def test_a_file_that_is_no_plan_is_refused(tmp_path) -> None:
    (tmp_path / "rows.yaml").write_text("rows: {a: {heading: A}}\nseeds: [1]\n")
    with pytest.raises(TalkingError, match="is no plan of ablations"):
        load_plan(tmp_path / "rows.yaml")
