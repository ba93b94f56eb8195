"""Scores of a clip and the table they add up to."""

import json
from typing import cast

import numpy as np
import pytest

from talking.corpora.clip import Segment
from talking.errors import TalkingError
from talking.files import write_json
from talking.metrics.closure import Closure
from talking.metrics.evaluate import ClipScores, Networks, Sight, reasons_of, score_clip, summarise
from talking.metrics.syncnet import Sync, Synchrony
from talking.metrics.unavailable import Unavailable

KEYS = {
    "psnr ssim lmd lmd_normalised fid lpips mouth_correlation opening_slope closure_recall closure_precision identity",
    "frames missed_frames clips speakers",
}
NAMES = set(" ".join(KEYS).split()) | {"lse_d", "lse_c"}
PHONES = [Segment(0, 0.4, "a"), Segment(0.4, 0.6, "b"), Segment(0.6, 0.8, "a")]


def sight(seed: int, opening: np.ndarray) -> Sight:
    frames = np.random.default_rng(seed).integers(0, 256, (len(opening), 16, 16, 3), dtype=np.uint8)
    landmarks = np.full((len(opening), 68, 2), 100.0, np.float32)
    landmarks[:, 45, 0] = 180
    landmarks[:, [65, 66, 67], 1] += opening[:, None]
    return Sight(frames, landmarks)


def true_sight() -> Sight:
    return sight(0, np.array([8.0] * 10 + [0.0] * 5 + [9.0] * 5, np.float32))


def scores(**changes: object) -> ClipScores:
    plain = ClipScores("s1_a", "s1", "stage_two", 20, 0, 30.0, 0.9, 1.0, 0.01, 0.8, 0.9)
    return ClipScores(**(plain.__dict__ | changes))


def test_the_true_video_scores_perfectly_against_itself() -> None:
    true = true_sight()
    value = score_clip(true, true, key="s1_a", speaker="s1", row="inversion", phones=PHONES)
    assert (value.psnr, value.frames, value.missed_frames, value.lmd) == (100.0, 20, 0, 0.0)
    assert value.ssim == pytest.approx(1) and value.mouth_correlation == pytest.approx(1)
    assert value.closure == Closure(5, 5, 5, 5)


def test_missing_networks_and_labels_give_reasons_and_no_numbers() -> None:
    networks = Networks(lpips=Unavailable("no trunk"), identity=Unavailable("no model"))
    value = score_clip(true_sight(), true_sight(), key="k", speaker="s1", row="static", networks=networks)
    assert (value.lpips, value.identity, value.closure) == (None, None, None)
    assert (value.reasons["lpips"], value.reasons["identity"]) == ("no trunk", "no model")
    assert "labels no phones" in value.reasons["closure_recall"]


def test_networks_that_are_there_are_asked_for_some_frames() -> None:
    seen = []

    def measure(true: np.ndarray, made: np.ndarray) -> np.ndarray:
        seen.append(len(true))
        return np.array([0.2, 0.4, 0.3, 0.1])

    measure.note = "by a stand-in"
    value = score_clip(
        true_sight(), true_sight(), key="k", speaker="s1", row="static", networks=Networks(lpips=measure, lpips_every=5)
    )
    assert seen == [4] and value.lpips == pytest.approx(0.25) and value.reasons["lpips"] == "by a stand-in"


def test_a_made_video_of_another_length_is_refused_with_its_name() -> None:
    made = sight(1, np.zeros(19, np.float32))
    with pytest.raises(TalkingError, match="s1_a, row static: the made video is 19 x 16 x 16 x 3"):
        score_clip(true_sight(), made, key="s1_a", speaker="s1", row="static")


def test_tracked_landmarks_become_an_array_with_nan_where_no_face_is() -> None:
    value = Sight.of(np.zeros((2, 8, 8, 3), np.uint8), [None, np.ones((68, 2), np.float32)])
    assert value.landmarks.shape == (2, 68, 2)
    assert np.isnan(value.landmarks[0]).all() and (value.landmarks[1] == 1).all()
    assert Sight.of(np.zeros((1, 8, 8, 3), np.uint8), [None]).landmarks.shape == (1, 68, 2)


class Agreeing:
    """Stands for SyncNet: as far apart as the sound is loud."""

    def __call__(self, frames: np.ndarray, samples: np.ndarray) -> Synchrony | None:
        return Synchrony(float(samples.max()), 3.0, 0) if len(frames) > 5 else None


def test_lips_are_held_to_the_sound_that_is_given() -> None:
    networks = Networks(sync=cast(Sync, Agreeing()))
    options = {"key": "k", "speaker": "s1", "row": "static", "networks": networks}
    sound = np.array([0.0, 7.5, 1.0], np.float32)
    value = score_clip(true_sight(), true_sight(), sound=sound, **options)
    assert (value.lse_d, value.lse_c) == (7.5, 3.0) and "lse_d" not in value.reasons
    silent = score_clip(true_sight(), true_sight(), **options)
    assert silent.lse_d is None and silent.reasons["lse_d"] == "the clip's sound was not given"
    without = score_clip(true_sight(), true_sight(), **{**options, "networks": Networks(sync=Unavailable("no net"))})
    assert (without.lse_c, without.reasons["lse_c"]) == (None, "no net")


def test_a_row_is_the_mean_over_clips_with_its_counts() -> None:
    clips = [scores(), scores(key="s2_a", speaker="s2", psnr=20.0, frames=10, missed_frames=4, mouth_correlation=0.4)]
    row = summarise(clips)["stage_two"]
    assert set(row) == NAMES
    assert (row["psnr"], row["mouth_correlation"]) == (25.0, pytest.approx(0.6))
    assert (row["frames"], row["missed_frames"], row["clips"], row["speakers"]) == (30, 4, 2, 2)


def test_closures_are_added_before_they_are_divided() -> None:
    clips = [scores(closure=Closure(1, 1, 1, 1)), scores(closure=Closure(0, 9, 0, 3)), scores(closure=None)]
    row = summarise(clips)["stage_two"]
    assert (row["closure_recall"], row["closure_precision"]) == (0.1, 0.25)


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
    clips = [scores(lmd=None, closure=Closure(0, 3, 0, 0), reasons={"lpips": "no trunk", "identity": "no model"})]
    fid = {"stage_two": Unavailable("no Inception")}
    reasons = reasons_of(clips, fid)
    missing = {name for name, value in summarise(clips, fid)["stage_two"].items() if value is None}
    assert missing == set(reasons) == {"lmd", "lpips", "identity", "lse_d", "lse_c", "fid", "closure_precision"}
    assert (reasons["fid"], reasons["closure_precision"]) == ("no Inception", "the made lips never close")


def test_the_same_reason_of_many_clips_is_said_once() -> None:
    clips = [scores(reasons={"lpips": "no trunk"}), scores(reasons={"lpips": "no trunk"})]
    assert reasons_of(clips)["lpips"] == "no trunk"


def test_the_table_is_valid_json(tmp_path) -> None:
    write_json(tmp_path / "evaluate.json", summarise([scores(), scores(row="static", lmd=None)]))
    assert json.loads((tmp_path / "evaluate.json").read_text())["static"]["lmd"] is None
