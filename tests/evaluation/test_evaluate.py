"""Scores of a clip and the table they add up to."""

import json
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.core.files import write_json
from talking.corpora.clip import Segment
from talking.evaluation.evaluate import ClipScores, Networks, Sight, reasons_of, score_clip, summarise
from talking.metrics.closure import Closure
from talking.metrics.syncnet import Sync, Synchrony
from talking.metrics.unavailable import Unavailable

KEYS = {
    "psnr ssim lmd lmd_normalised fid lpips mouth_correlation opening_slope closure_recall closure_precision identity",
    "closure_sensitivity closure_specificity closure_j",
    "frames missed_frames clips speakers",
}
NAMES = set(" ".join(KEYS).split()) | {"lse_d", "lse_c"}
CLOSURES = ("closure_precision", "closure_specificity", "closure_j")
PHONES = [Segment(0, 0.4, "a"), Segment(0.4, 0.6, "b"), Segment(0.6, 0.8, "a")]


def sight(seed: int, opening: np.ndarray) -> Sight:
    frames = np.random.default_rng(seed).integers(0, 256, (len(opening), 16, 16, 3), dtype=np.uint8)
    landmarks = np.full((len(opening), 68, 2), 100.0, np.float32)
    landmarks[:, 45, 0] = 180
    landmarks[:, [65, 66, 67], 1] += opening[:, None]
    return Sight(frames, landmarks, np.ones(len(opening), bool))


def target_sight() -> Sight:
    return sight(0, np.array([8.0] * 10 + [0.0] * 5 + [9.0] * 5, np.float32))


def scores(**changes: object) -> ClipScores:
    plain = ClipScores("s1_a", "s1", "stage_two", 20, 0, 30.0, 0.9, 1.0, 0.01, 0.8, 0.9)
    return ClipScores(**(plain.__dict__ | changes))


def test_the_true_video_scores_perfectly_against_itself() -> None:
    target = target_sight()
    value = score_clip(target, target, key="s1_a", speaker="s1", row="inversion", phones=PHONES)
    assert (value.psnr, value.frames, value.missed_frames, value.lmd) == (100.0, 20, 0, 0.0)
    assert value.ssim == pytest.approx(1) and value.mouth_correlation == pytest.approx(1)
    assert value.closure == Closure(5, 5, 5, 5, 5, 5, 15, 15)


def test_missing_networks_and_labels_give_reasons_and_no_numbers() -> None:
    networks = Networks(lpips=Unavailable("no trunk"), identity=Unavailable("no model"))
    value = score_clip(target_sight(), target_sight(), key="k", speaker="s1", row="static", networks=networks)
    assert (value.lpips, value.identity, value.closure) == (None, None, None)
    assert (value.reasons["lpips"], value.reasons["identity"]) == ("no trunk", "no model")
    assert "labels no phones" in value.reasons["closure_recall"]


def test_networks_that_are_there_are_asked_for_some_frames() -> None:
    seen = []

    def measure(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        seen.append(len(target))
        return np.array([0.2, 0.4, 0.3, 0.1])

    measure.note = "by a stand-in"
    value = score_clip(
        target_sight(),
        target_sight(),
        key="k",
        speaker="s1",
        row="static",
        networks=Networks(lpips=measure, lpips_every=5),
    )
    assert seen == [4] and value.lpips == pytest.approx(0.25) and value.reasons["lpips"] == "by a stand-in"


def test_a_made_video_of_another_length_is_refused_with_its_name() -> None:
    prediction = sight(1, np.zeros(19, np.float32))
    with pytest.raises(TalkingError, match="s1_a, row static: the made video is 19 x 16 x 16 x 3"):
        score_clip(target_sight(), prediction, key="s1_a", speaker="s1", row="static")


def test_a_mouth_without_a_face_has_no_opening() -> None:
    value = replace(target_sight(), found=np.arange(20) > 0)
    assert np.isnan(value.openings[0]) and value.openings[1:].tolist() == [8.0] * 9 + [0.0] * 5 + [9.0] * 5


def test_every_measure_is_of_the_measured_frames_alone() -> None:
    """What lies before frame 6 is spoiled in the made video, and frame 9 has no true face: neither changes a number."""
    target, asked = replace(target_sight(), found=np.arange(20) != 9), np.arange(20) >= 6
    frames, landmarks = target.frames.copy(), target.landmarks.copy()
    frames[[0, 5, 9]], landmarks[[0, 5, 9]] = 0, 50
    prediction = Sight(frames, landmarks, ~np.isin(np.arange(20), [0, 5, 9]))
    seen: dict[str, list[int]] = {"lpips": [], "identity": [], "sync": []}

    def lpips(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        seen["lpips"].append(len(first))
        assert np.array_equal(first, second)
        return np.zeros(len(first))

    def identity(first: np.ndarray, second: np.ndarray, *rest: object) -> float:
        seen["identity"].append(len(first))
        assert np.array_equal(first, second)
        return 1.0

    def sync(shown: np.ndarray, samples: np.ndarray) -> Synchrony:
        seen["sync"] += [len(shown), int(samples[0]), len(samples)]
        return Synchrony(1.0, 1.0, 0)

    lpips.note = "by a stand-in"
    networks = Networks(*(cast(Any, stand_in) for stand_in in (lpips, identity, sync)), lpips_every=4)
    sound = np.arange(20 * 640, dtype=np.float32)
    options = {"key": "k", "speaker": "s1", "row": "static", "measured": asked, "phones": PHONES, "sound": sound}
    value = score_clip(target, prediction, networks=networks, **options)
    assert (value.frames, value.missed_frames, value.psnr, value.lmd) == (13, 0, 100.0, 0.0)
    assert value.mouth_correlation == pytest.approx(1) and value.closure == Closure(5, 5, 5, 5, 5, 5, 8, 8)
    assert seen == {"lpips": [4], "identity": [13], "sync": [14, 6 * 640, 14 * 640]}
    with pytest.raises(TalkingError, match="clip k has no frame to measure"):
        score_clip(replace(target, found=np.zeros(20, bool)), prediction, **options)


def test_missed_faces_are_counted_and_cost_landmarks_and_lips() -> None:
    target = target_sight()
    whole, holes = (
        score_clip(target, replace(target, found=found), key="k", speaker="s1", row="static", phones=PHONES)
        for found in (np.ones(20, bool), np.arange(20) > 2)
    )
    assert (whole.missed_frames, holes.missed_frames, holes.frames) == (0, 3, 20)
    assert holes.lmd > whole.lmd and holes.mouth_correlation < whole.mouth_correlation
    assert holes.closure.ratios["closure_j"] < whole.closure.ratios["closure_j"]


class Agreeing:
    """Stands for SyncNet: as far apart as the sound is loud."""

    def __call__(self, frames: np.ndarray, samples: np.ndarray) -> Synchrony | None:
        return Synchrony(float(samples.max()), 3.0, 0) if len(frames) > 5 else None


def test_lips_are_held_to_the_sound_that_is_given() -> None:
    networks = Networks(sync=cast(Sync, Agreeing()))
    options = {"key": "k", "speaker": "s1", "row": "static", "networks": networks}
    sound = np.array([0.0, 7.5, 1.0], np.float32)
    value = score_clip(target_sight(), target_sight(), sound=sound, **options)
    assert (value.lse_d, value.lse_c) == (7.5, 3.0) and "lse_d" not in value.reasons
    silent = score_clip(target_sight(), target_sight(), **options)
    assert silent.lse_d is None and silent.reasons["lse_d"] == "the clip's sound was not given"
    without = score_clip(
        target_sight(), target_sight(), **{**options, "networks": Networks(sync=Unavailable("no net"))}
    )
    assert (without.lse_c, without.reasons["lse_c"]) == (None, "no net")


def test_a_row_is_the_mean_over_clips_with_its_counts() -> None:
    clips = [scores(), scores(key="s2_a", speaker="s2", psnr=20.0, frames=10, missed_frames=4, mouth_correlation=0.4)]
    row = summarise(clips)["stage_two"]
    assert set(row) == NAMES
    assert (row["psnr"], row["mouth_correlation"]) == (25.0, pytest.approx(0.6))
    assert (row["frames"], row["missed_frames"], row["clips"], row["speakers"]) == (30, 4, 2, 2)


def test_closures_are_added_before_they_are_divided() -> None:
    clips = [
        scores(closure=Closure(1, 1, 1, 1, 1, 2, 3, 3)),
        scores(closure=Closure(0, 9, 0, 3, 0, 2, 3, 5)),
        scores(closure=None),
    ]
    row = summarise(clips)["stage_two"]
    assert (row["closure_recall"], row["closure_precision"]) == (0.1, 0.25)
    assert [row[f"closure_{name}"] for name in ("sensitivity", "specificity", "j")] == [0.25, 0.75, 0.0]


def test_a_clip_without_a_number_does_not_spoil_the_mean() -> None:
    row = summarise([scores(lmd=None), scores(lmd=2.0)])["stage_two"]
    assert row["lmd"] == 2.0


def test_rows_stay_apart_and_fid_is_by_row() -> None:
    clips = [scores(row="static", psnr=10.0), scores()]
    table = summarise(clips, {"static": 12.5, "stage_two": Unavailable("no Inception")})
    assert list(table) == ["static", "stage_two"]
    assert (table["static"]["psnr"], table["stage_two"]["psnr"]) == (10.0, 30.0)
    assert (table["static"]["fid"], table["stage_two"]["fid"]) == (12.5, None)


def test_every_missing_number_has_a_reason() -> None:
    clips = [
        scores(lmd=None, closure=Closure(0, 3, 0, 0, 0, 3, 0, 0), reasons={"lpips": "no trunk", "identity": "no model"})
    ]
    fid = {"stage_two": Unavailable("no Inception")}
    reasons = reasons_of(clips, fid)
    missing = {name for name, value in summarise(clips, fid)["stage_two"].items() if value is None}
    assert missing == set(reasons) == {"lmd", "lpips", "identity", "lse_d", "lse_c", "fid", *CLOSURES}
    assert reasons["closure_j"] == "it needs frames in bilabials and in other speech"
    assert (reasons["fid"], reasons["closure_precision"]) == ("no Inception", "the made lips never close")


def test_the_same_reason_of_many_clips_is_said_once() -> None:
    clips = [scores(reasons={"lpips": "no trunk"}), scores(reasons={"lpips": "no trunk"})]
    assert reasons_of(clips)["lpips"] == "no trunk"


def test_the_table_is_valid_json(tmp_path) -> None:
    write_json(tmp_path / "evaluate.json", summarise([scores(), scores(row="static", lmd=None)]))
    assert json.loads((tmp_path / "evaluate.json").read_text())["static"]["lmd"] is None
