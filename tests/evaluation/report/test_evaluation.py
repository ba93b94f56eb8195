"""The report of an evaluation from measured clips that are made by hand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from talking.core.moments import Moments
from talking.evaluation.evaluate import ClipScores
from talking.evaluation.measure import TRUE, ClipMeasures
from talking.evaluation.methods import Method
from talking.evaluation.report.evaluation import Report, bars
from talking.metrics.frechet import frechet_distance
from talking.metrics.unavailable import Unavailable
from talking.systems.mm22.methods import METHODS

ROWS = ("static", "linear", "inversion", "inversion_tuned", "stage_one", "stage_two")
MISSING = Unavailable("the Inception weights are not there")
COLUMNS, SIDE, FRAMES = 3, 24, 8


def scores(speaker: str, name: str, row: str, psnr: float) -> ClipScores:
    return ClipScores(f"{speaker}_{name}", speaker, row, FRAMES, 0, psnr, 0.9, 1.0, 0.01, 0.5, 0.5)


def measured(speaker: str, name: str, split: str = "unseen", psnr: float = 20.0, seed: int = 0) -> ClipMeasures:
    """Return a clip whose n-th row has a PSNR of `psnr` + n, grey stills, and features of 4 numbers."""
    rng = np.random.default_rng(seed)
    every = (TRUE, *ROWS)
    return ClipMeasures(
        f"{speaker}_{name}",
        speaker,
        split,
        [scores(speaker, name, row, psnr + n) for n, row in enumerate(ROWS)],
        openings={row: rng.random(FRAMES) * 10 for row in every},
        stills={row: np.full((COLUMNS, SIDE, SIDE, 3), 40 * n, np.uint8) for n, row in enumerate(every)},
        features={row: rng.normal(size=(FRAMES, 4)) for row in every},
    )


def report(folder: Path, missing: Unavailable | None = MISSING) -> Report:
    return Report(folder, COLUMNS, missing, METHODS)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_splits_are_averaged_apart(tmp_path) -> None:
    gathered = report(tmp_path)
    gathered.add(measured("s1", "a", psnr=20))
    gathered.add(measured("s2", "a", psnr=30))
    gathered.add(measured("s3", "a", split="seen", psnr=40))
    found = gathered.finish()
    unseen, seen = found["unseen"].table, found["seen"].table
    assert [unseen[row]["psnr"] for row in ROWS] == [25, 26, 27, 28, 29, 30]
    assert seen["static"]["psnr"] == 40
    assert (unseen["static"]["clips"], unseen["static"]["speakers"]) == (2, 2)
    assert seen["static"]["frames"] == FRAMES


def test_everything_is_written_once_per_speaker(tmp_path) -> None:
    gathered = report(tmp_path)
    for clip in (measured("s1", "a"), measured("s1", "b", seed=1), measured("s2", "a", split="seen")):
        gathered.add(clip)
    gathered.finish()
    pictures = [f"{kind}/{speaker}.png" for kind in ("openings", "sheets") for speaker in ("s1", "s2")]
    tables = ["reasons.json", "seen.png", "table.md", "table.txt", "unseen.png"]
    assert names(tmp_path) == sorted(pictures + tables)


def test_a_sheet_has_a_line_per_row_true_on_top(tmp_path) -> None:
    gathered = report(tmp_path)
    gathered.add(measured("s1", "a"))
    sheet = cv2.imread(str(tmp_path / "sheets" / "s1.png"))
    levels = [int(sheet[24 + line * (SIDE + 4) + SIDE // 2, 110 + SIDE // 2, 0]) for line in range(5)]
    assert levels == [0, 40 * 6, 40 * 4, 40 * 5, 40 * 3], "true, stage_two, inversion_tuned, stage_one, inversion"
    assert sheet.shape[0] == 24 + 5 * (SIDE + 4) - 4


def test_the_tables_for_people_have_both_groups_and_say_what_is_missing(tmp_path) -> None:
    gathered = report(tmp_path)
    gathered.add(measured("s1", "a"))
    gathered.add(measured("s2", "a", split="seen"))
    table = gathered.finish()["unseen"].table
    for name in ("table.md", "table.txt"):
        text = (tmp_path / name).read_text()
        assert text.index("Held-out speakers") < text.index("Unseen clips of seen speakers")
        assert "The Inception weights are not there." in text
    assert table["stage_two"]["fid"] is None
    assert json.loads((tmp_path / "reasons.json").read_text())["unseen"]["fid"] == MISSING.reason


def test_a_group_without_clips_is_left_out(tmp_path) -> None:
    gathered = report(tmp_path)
    gathered.add(measured("s1", "a"))
    seen = gathered.finish()["seen"]
    assert (seen.table, seen.differences, seen.notes) == ({}, {}, ())
    assert "seen speakers" not in (tmp_path / "table.md").read_text()
    assert not (tmp_path / "seen.png").exists()


def test_fid_is_of_all_features_of_a_group_together(tmp_path) -> None:
    gathered = report(tmp_path, None)
    clips = [measured("s1", "a", seed=1), measured("s2", "a", seed=2)]
    for clip in clips:
        gathered.add(clip)
    table = gathered.finish()["unseen"].table
    joined = {row: Moments.of(np.concatenate([clip.features[row] for clip in clips])) for row in (TRUE, "linear")}
    assert table["linear"]["fid"] == pytest.approx(frechet_distance(joined[TRUE], joined["linear"]), abs=1e-9)
    assert "fid" not in json.loads((tmp_path / "reasons.json").read_text())["unseen"]


def test_rows_of_other_systems_are_in_the_sheet_and_remarks_below_the_tables(tmp_path) -> None:
    gathered = Report(
        tmp_path,
        COLUMNS,
        MISSING,
        METHODS.joined([Method("other", "other")]),
        others=("stage_one", "other"),
        remarks=("x.mp4 is no test clip.",),
    )
    clip = measured("s1", "a")
    clip.stills["other"] = np.full((COLUMNS, SIDE, SIDE, 3), 200, np.uint8)
    gathered.add(clip)
    gathered.finish()
    sheet = cv2.imread(str(tmp_path / "sheets" / "s1.png"))
    assert sheet[-SIDE // 2, 110 + SIDE // 2, 0] == 200
    for name in ("table.md", "table.txt"):
        text = (tmp_path / name).read_text()
        assert text.endswith("x.mp4 is no test clip.\n") and "other lacks 1 of the clips" in text


def test_the_series_is_of_the_first_clip(tmp_path) -> None:
    gathered = report(tmp_path)
    first = measured("s1", "a", seed=1)
    for clip in (first, measured("s2", "a", seed=2)):
        gathered.add(clip)
    gathered.write_series(tmp_path / "opening.csv")
    with (tmp_path / "opening.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["time_s"]) for line in lines] == pytest.approx(np.arange(FRAMES) / 25)
    assert [float(line["stage_two"]) for line in lines] == pytest.approx(first.openings["stage_two"], rel=1e-5)


def test_bars_are_records_of_the_metrics_asked_for() -> None:
    table = {"static": {"psnr": 20.0, "lmd": 1.5, "frames": 8}, "linear": {"psnr": 21.0}}
    assert list(bars(table, ("lmd", "psnr"))) == [
        {"row": "static", "lmd": 1.5, "psnr": 20.0},
        {"row": "linear", "lmd": None, "psnr": 21.0},
    ]


def test_a_method_of_another_view_has_tables_and_sheets_of_its_own(tmp_path) -> None:
    moving = Method("moving", "pixels that move", view="whole_clip")
    gathered = Report(tmp_path, COLUMNS, MISSING, METHODS.joined([moving]), others=("moving",))
    clip = measured("s1", "a")
    gathered.add(clip)
    scores_of_it = [replace(clip.scores[0], row="moving")]
    stills = {TRUE: clip.stills[TRUE], "moving": clip.stills["stage_two"]}
    gathered.add(replace(clip, scores=scores_of_it, stills=stills, view="whole_clip"))
    findings = gathered.finish()
    assert set(findings["unseen"].table) == set(ROWS) and set(findings["unseen_whole_clip"].table) == {"moving"}
    assert findings["unseen_whole_clip"].title == "Held-out speakers, whole-clip crops"
    assert not findings["seen_whole_clip"].table
    assert {path.name for path in (tmp_path / "sheets").iterdir()} == {"s1.png", "s1_whole_clip.png"}
    assert "missing_clips" not in findings["unseen"].table["stage_two"], "it makes no videos of that view"
