"""Closed lips at bilabials: counts by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.corpora.clip import Segment
from talking.corpora.manifest import make_manifest, read_manifest, write_manifest
from talking.corpora.tcd_timit import read_tcd_timit
from talking.metrics.closure import Closure, closure, frames_of
from talking.metrics.unavailable import Unavailable

RATE = 25.0


def phones(text: str) -> list[Segment]:
    """One phone per letter, four frames each; `_` is silence."""
    return [Segment(i * 0.16, (i + 1) * 0.16, "sil" if letter == "_" else letter) for i, letter in enumerate(text)]


def openings(text: str) -> np.ndarray:
    """Four frames per letter: closed for p, b, m and silence, else open."""
    return np.repeat([0.0 if letter in "pbm_" else 10.0 for letter in text], 4)


def ratios(counts: Closure) -> tuple[float | None, ...]:
    """Recall, precision, sensitivity, specificity and J."""
    return tuple(counts.ratios.values())


MLF = """#!MLF!#
"Q:/Videos/TCD-TIMIT/volunteers/01M/Clips/straightcam/sa1.rec"
0 1600000 sil
1600000 3200000 b
3200000 4800000 aa
4800000 6400000 m
6400000 8000000 sil
.
"""


def test_the_truth_against_itself_is_perfect_and_silence_is_not_counted() -> None:
    counts = closure(openings("_bam_"), openings("_bam_"), phones("_bam_"))
    assert counts == Closure(8, 8, 8, 8, shut=8, bilabials=8, parted=4, others=4)
    assert ratios(counts) == (1.0, 1.0, 1.0, 1.0, 1.0)


def test_lips_that_never_close_recall_nothing_and_have_no_precision() -> None:
    counts = closure(openings("bama"), np.full(16, 10.0), phones("bama"))
    assert counts == Closure(0, 8, 0, 0, shut=0, bilabials=8, parted=8, others=8)
    assert ratios(counts) == (0.0, None, 0.0, 1.0, 0.0)


def test_lips_that_are_always_closed_recall_all_at_the_precision_of_chance() -> None:
    counts = closure(openings("baaaa"), np.zeros(20), phones("baaaa"), tolerance=0)
    assert ratios(counts) == (1.0, 4 / 20, 1.0, 0.0, 0.0)


def test_lips_that_close_at_the_wrong_sound_are_neither_recalled_nor_precise() -> None:
    counts = closure(openings("baaa"), openings("aaba"), phones("baaa"))
    assert ratios(counts) == (0.0, 0.0, 0.0, 8 / 12, 0.0 + 8 / 12 - 1)


def test_one_frame_late_is_on_time_and_two_are_not() -> None:
    target = openings("aabaa")
    late_one, late_two = np.roll(target, 1), np.roll(target, 2)
    assert closure(target, late_one, phones("aabaa")) == Closure(4, 4, 4, 4, 3, 4, 15, 16)
    assert closure(target, late_two, phones("aabaa")) == Closure(3, 4, 3, 4, 2, 4, 14, 16)


def test_a_bilabial_whose_true_lips_stay_open_is_not_demanded() -> None:
    counts = closure(openings("aaba"), openings("aaba"), phones("paba"))
    assert counts.expected == 4
    assert (counts.shut, counts.bilabials) == (4, 8), "the labels demand it all the same"


@given(st.text("abpm_", min_size=1, max_size=12), st.sampled_from([0.0, 3.0, 10.0]))
def test_a_mouth_that_stays_as_it_is_has_no_j(text: str, opening: float) -> None:
    counts = closure(openings(text), np.full(4 * len(text), opening), phones(text))
    if not isinstance(counts, Unavailable):
        assert counts.ratios["closure_j"] in (0.0, None)


def test_frames_that_are_not_measured_count_nowhere_and_the_others_keep_their_time() -> None:
    measured = np.arange(16) >= 6
    counts = closure(openings("baba"), openings("bbba"), phones("baba"), measured=measured)
    assert counts == Closure(4, 4, 5, 6, shut=4, bilabials=4, parted=4, others=6)
    outside = openings("baba")
    outside[:6] = np.nan
    assert closure(outside, openings("bbba"), phones("baba")) == counts


def test_a_frame_without_a_face_is_wrong_wherever_it_lies() -> None:
    prediction = openings("abaa")
    prediction[4:8] = np.nan
    counts = closure(openings("abaa"), prediction, phones("abaa"))
    assert ratios(counts)[:3] == (0.0, 0.0, 0.0) and counts.closed == 4
    open_vowel = openings("abaa")
    open_vowel[12:] = np.nan
    counts = closure(openings("abaa"), open_vowel, phones("abaa"))
    assert ratios(counts) == (1.0, 4 / 8, 1.0, 8 / 12, pytest.approx(8 / 12))


@given(st.text("abpm", min_size=2, max_size=8), st.integers(0, 10**6))
def test_missed_faces_never_improve_a_ratio(text: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = openings(text)
    prediction = rng.choice([0.0, 10.0], len(target))
    holes = np.where(rng.random(len(target)) < 0.4, np.nan, prediction)
    whole, less = (closure(target, opening, phones(text)).ratios for opening in (prediction, holes))
    for name, value in whole.items():
        assert value is None or less[name] <= value + 1e-12


@pytest.mark.parametrize("label", ["B", "b", "bcl", "p", "pʰ", "m", "M1", "mː", "m̩"])
def test_labels_of_other_alphabets_are_understood(label: str) -> None:
    segments = [Segment(0, 0.16, "a"), Segment(0.16, 0.32, label), Segment(0.32, 0.64, "a")]
    assert closure(openings("abaa"), openings("abaa"), segments).expected == 4


@pytest.mark.parametrize("labels", [[], [Segment(0, 1, "sil"), Segment(1, 2, "h#")]])
def test_a_clip_without_phones_has_a_reason_and_no_number(labels: list[Segment]) -> None:
    value = closure(openings("ba"), openings("ba"), labels)
    assert isinstance(value, Unavailable) and "no phones" in value.reason


def test_a_true_video_without_a_face_has_a_reason() -> None:
    value = closure(np.full(8, np.nan), openings("ba"), phones("ba"))
    assert isinstance(value, Unavailable) and "no face" in value.reason


def test_counts_add_up_over_clips() -> None:
    total = Closure(1, 2, 3, 4, 1, 2, 4, 5) + Closure(5, 6, 7, 8, 2, 4, 1, 5)
    assert total == Closure(6, 8, 10, 12, 3, 6, 5, 10)
    assert ratios(total) == (6 / 8, 10 / 12, 3 / 6, 5 / 10, 0.0)


def test_a_segment_touches_every_frame_it_overlaps() -> None:
    assert np.flatnonzero(frames_of([Segment(0.05, 0.09, "p")], 5, RATE)).tolist() == [1, 2]
    assert np.flatnonzero(frames_of([Segment(0.04, 0.08, "p")], 5, RATE)).tolist() == [1]
    assert np.flatnonzero(frames_of([Segment(-0.1, 0.02, "p"), Segment(0.17, 9, "b")], 5, RATE)).tolist() == [0, 4]


def test_tcd_timits_labels_reach_the_measure_through_the_manifest(tmp_path) -> None:
    video = tmp_path / "volunteers" / "01M" / "Clips" / "straightcam" / "sa1.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    (tmp_path / "volunteer_labelfiles.mlf").write_text(MLF)
    (clip,), _ = read_tcd_timit(tmp_path)
    rows = make_manifest([clip], {clip.key: "unseen"}, root=tmp_path, clips_per_shard=1)
    write_manifest(tmp_path / "manifest.parquet", rows)
    (row,) = read_manifest(tmp_path / "manifest.parquet")
    assert closure(openings("_bam_"), openings("_bam_"), row.phones) == Closure(8, 8, 8, 8, 8, 8, 4, 4)
    half = closure(openings("_bam_"), openings("_aam_"), row.phones)
    # The first frame of the lost b lies beside the silence, whose lips are closed: one frame away is on time.
    assert half == Closure(recalled=5, expected=8, right=4, closed=4, shut=4, bilabials=8, parted=4, others=4)
