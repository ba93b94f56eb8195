"""The whole graph on a small demo corpus: raw recordings in, a measured talking head out."""

import json
import sqlite3
from pathlib import Path

import pytest

from talking.data.shards import ShardFolder
from talking.evaluation.report.headline import headline
from talking.media.video import probe, read_metadata
from talking.systems.mm22.methods import METHODS

from .conftest import Run

pytestmark = pytest.mark.timeout(1500)
ROWS = {"static", "wrong_audio", "linear", "inversion", "inversion_tuned", "stage_one", "stage_two"}
FIDELITY = {"psnr", "ssim", "lmd", "fid", "lpips"}
CLOSURE = {f"closure_{name}" for name in ("recall", "precision", "sensitivity", "specificity", "j")}
METRICS = FIDELITY | CLOSURE | {"mouth_correlation", "identity"}
COUNTS = {"frames", "missed_frames", "clips", "speakers"}


def test_every_row_of_the_comparison_is_measured_on_held_out_speakers(project: tuple[Path, Run]) -> None:
    folder, _ = project
    table = json.loads((folder / "metrics" / "evaluate.json").read_text())
    assert set(table) == ROWS
    for row in table.values():
        assert row.keys() >= METRICS | COUNTS
        assert row["speakers"] == 1
        assert row["clips"] == 2, "three clips less the one that stage two is tuned on"
        assert row["frames"] == 148, "75 of each less the identity image"
    assert table["static"]["mouth_correlation"] == 0
    assert "lmd_low" in json.loads((folder / "metrics" / "comparison.json").read_text())["unseen"]["wrong_audio"]
    (adaptation,) = json.loads((folder / "models" / "demo" / "stage_two" / "adaptations.json").read_text())
    clips = json.loads((folder / "videos" / "demo" / "clips.json").read_text())
    assert adaptation["kept"]["key"] not in {clip["key"] for clip in clips}
    assert all(clip["seen"] == adaptation["seen"] and clip["measured_from"] == 1 for clip in clips)
    assert f"s4 on {adaptation['kept']['key']}" in (folder / "data" / "demo" / "report" / "table.txt").read_text()
    assert "<video" in (folder / "data" / "demo" / "report" / "index.html").read_text()


def test_the_shards_of_different_stages_are_read_side_by_side(project: tuple[Path, Run]) -> None:
    folder, _ = project
    data = folder / "data" / "demo"
    names = [ShardFolder(data / stage).names for stage in ("resampled", "aligned", "codes", "windows")]
    assert names[0] == [f"s{speaker}-00{number}.tar" for speaker in (1, 2, 3, 4) for number in (0, 1)]
    assert all(other == names[0] for other in names)
    for name in names[0]:
        keys = [[s.key for s in ShardFolder(data / stage).read(name)] for stage in ("resampled", "codes", "windows")]
        assert keys[0] == keys[1] == keys[2]


def test_videos_have_sound_and_say_that_they_are_synthetic(project: tuple[Path, Run]) -> None:
    folder, _ = project
    videos = sorted((folder / "videos" / "demo").rglob("*.mp4"))
    assert len(videos) == 14
    for video in videos:
        found = probe(video)
        assert (found.width, found.rate, found.frames, found.has_sound) == (64, 25, 75, True)
        assert "synthetic" in read_metadata(video)["comment"]


def test_a_second_repro_runs_nothing(project: tuple[Path, Run]) -> None:
    _, run = project
    assert "Running stage" not in run("dvc", "repro").stdout


def test_the_tracker_has_one_row_with_parameters_losses_metrics_and_pictures(project: tuple[Path, Run]) -> None:
    folder, _ = project
    run_id = json.loads((folder / "models" / "demo" / "stage_one" / "run.json").read_text())["run_id"]
    with sqlite3.connect(folder / "mlflow.db") as store:
        params = dict(store.execute("select key, value from params where run_uuid = ?", (run_id,)).fetchall())
        names = {row[0] for row in store.execute("select distinct key from metrics where run_uuid = ?", (run_id,))}
    assert params["stage_one.lambda_latent"] == "250"
    assert {"train_latent", "validation_latent", "unseen.stage_two.psnr", "synthesis_frames_per_s"} <= names
    assert "headline/psnr" in names
    artifacts = [path for path in folder.rglob("*.png") if run_id in str(path)]
    assert any("sheets" in str(path) for path in artifacts)


def test_dvc_shows_the_headline_alone_in_120_columns_and_warns_of_nothing(project: tuple[Path, Run]) -> None:
    folder, run = project
    table, seen = (
        json.loads((folder / "metrics" / name).read_text()) for name in ("evaluate.json", "evaluate_seen.json")
    )
    kept = json.loads((folder / "metrics" / "headline.json").read_text())
    assert kept == headline(table, seen, METHODS)
    assert kept["psnr"] == pytest.approx(table["stage_two"]["psnr"], abs=1e-3)
    shown = {name: value for name, value in kept.items() if value is not None}  # Faces so small have no lips.
    begin = run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    told = {
        "show": [each["data"] for each in json.loads(run("dvc", "metrics", "show", "--json").stdout).values()],
        "diff": json.loads(run("dvc", "metrics", "diff", begin, "--json").stdout),
    }
    assert told["show"][0] == {"metrics/headline.json": {"data": shown}}
    assert set(told["diff"]) == {"metrics/headline.json"} and set(told["diff"]["metrics/headline.json"]) == set(shown)
    for command in (("metrics", "show"), ("metrics", "diff", begin), ("plots", "show")):
        done = run("dvc", *command)
        assert "failed" not in done.stdout + done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 120
    (first, *_) = json.loads(run("dvc", "exp", "show", "--json").stdout)
    assert first["data"]["metrics"] == {"metrics/headline.json": {"data": shown}}
    done = run("dvc", "exp", "show")
    assert "!" not in done.stdout and "failed" not in done.stdout + done.stderr
    screen = "\n".join(line[:120] for line in done.stdout.splitlines())
    assert all(name in screen for name in shown)
    done = run("dvc", "exp", "show", "--drop=.*", f"--keep=Experiment|{'|'.join(f'^{name}$' for name in shown)}")
    assert all(name in done.stdout for name in shown)
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.slow
def test_changing_a_loss_reruns_only_what_depends_on_it(project: tuple[Path, Run]) -> None:
    folder, run = project
    said = run("dvc", "exp", "run", "-S", "stage_one.lambda_latent=100").stdout
    ran = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]
    assert ran == ["stage_one", "animate", "evaluate"]
    shown = run("dvc", "exp", "show", "--csv").stdout
    assert "stage_one.lambda_latent" in shown
    assert "100" in shown
    assert "metrics/headline.json:" not in shown, "names that two files have are prefixed and too long to read"
    assert (folder / "plots" / "stage_one.csv").is_file()
    run("dvc", "plots", "show")
    page = (folder / "dvc_plots" / "index.html").read_text()
    assert all(name in page for name in ("plots/stage_one.csv", "plots/opening.csv", "plots/rows.csv"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_shards_and_weights(project: tuple[Path, Run], tmp_path: Path) -> None:
    folder, run = project
    kept = [*(folder / "data" / "demo").rglob("*.tar"), *(folder / "models" / "demo").rglob("*.safetensors")]
    before = {path: path.read_bytes() for path in kept}
    assert before
    run("dvc", "repro", "--force", "--no-run-cache", "--no-commit")
    changed = [str(path.relative_to(folder)) for path, content in before.items() if path.read_bytes() != content]
    assert changed == []
