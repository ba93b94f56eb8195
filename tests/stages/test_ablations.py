"""The ablations on the small graph: queued experiments that begin at the main graph's outs and end in one table."""

import csv
from pathlib import Path

import pytest
import yaml

from pipelines.ablations.queue import left

ROWS = {
    "seeds": [1, 2],
    "rows": {"whole": {"title": "whole"}, "cut": {"title": "without", "set": {"stage_one.lambda_lpips": 0}}},
    "tables": [{"title": "Table 3", "lines": ["cut.stage_two", "whole.stage_two"]}],
}
SMALL = {"train_steps": 2, "validate_every": 2, "tune_steps": 1, "tune_frames": 4, "clips": 1, "frames": 8, "size": 64}


def test_only_the_plans_own_experiments_that_have_not_ended_are_waited_for() -> None:
    status = """Task     Name                  Created    Status
0e2ee30  ablation-cut-seed1    09:07 AM   Success
61c6f3b  ablation-whole-seed1  09:07 AM   Running
8ff3076  ablation-whole-seed2  09:08 AM   Queued
9aa3076  another               09:08 AM   Queued

Worker status: 1 active, 0 idle"""
    names = {"ablation-cut-seed1", "ablation-whole-seed1", "ablation-whole-seed2"}
    assert left(status, names) == 2
    assert left(status, {"ablation-cut-seed1"}) == left("", names) == 0


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_row_and_seed_is_an_experiment_and_the_table_has_mean_and_spread(project) -> None:
    folder, run = project
    own = folder / "pipelines" / "ablations"
    shipped = (own / "params.yaml").read_text()
    before = run("git", "status", "--porcelain", "params.yaml", "pipelines").stdout
    (own / "params.yaml").write_text(yaml.safe_dump({**yaml.safe_load(shipped), **SMALL}))
    (folder / "rows.yaml").write_text(yaml.safe_dump(ROWS))
    try:
        run("python", "-m", "pipelines.ablations.queue", "--rows", "rows.yaml")
        run("python", "-m", "pipelines.ablations.collect", "--rows", "rows.yaml")
    finally:
        (own / "params.yaml").write_text(shipped)
        (folder / "rows.yaml").unlink()
    text = Path(folder, "data", "demo", "ablations", "table.md").read_text()
    assert "Missing" not in text and "| whole | stage_two | tuned G | 2 |" in text and " ± " in text
    names = run("dvc", "exp", "list", "--name-only").stdout.split()
    assert {"ablation-whole-seed1", "ablation-cut-seed2"} <= set(names)
    assert run("git", "status", "--porcelain", "params.yaml", "pipelines").stdout == before
    shown = csv.DictReader(run("dvc", "exp", "show", "--csv").stdout.splitlines())
    told = {row["Experiment"]: row["ablation.psnr"] for row in shown}
    assert told["ablation-cut-seed1"] and not told[""], "the workspace has no ablation"
