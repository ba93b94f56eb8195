"""Who is tested, what their generator is tuned on, and whose sound drives the wrong-audio row."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.core.files import read_json, write_json
from talking.corpora import roles
from talking.corpora.manifest import ManifestRow
from talking.corpora.roles import Adaptation, AdaptOn, Span, adaptations, in_turn

SPLITS = ("train", "validation", "seen", "unseen")


def row(speaker: str, name: str, split: str) -> ManifestRow:
    return ManifestRow(
        f"{speaker}_{name}", "grid", speaker, name, f"{name}.mpg", split, "", (), (), f"{speaker}-000.tar"
    )


def keys(rows: list[ManifestRow]) -> frozenset[str]:
    return frozenset(entry.key for entry in rows)


UNSEEN = [row("s1", name, "unseen") for name in "abc"]
OTHER = [row("s2", name, "unseen") for name in "de"]
SEEN = [row("s3", "f", "train"), row("s3", "g", "seen"), row("s3", "h", "train"), row("s3", "i", "seen")]
TRAINED = [row("s4", "j", "train"), row("s5", "k", "validation")]
ALL = UNSEEN + OTHER + SEEN + TRAINED


ONLY = row("s6", "l", "unseen")
CHOICES = ("picture", "clip", "clips")
LENGTH = 76


def adapted(rows: list[ManifestRow], usable: frozenset[str] | None = None, on: AdaptOn = "clips") -> list[Adaptation]:
    return adaptations(rows, keys(rows) if usable is None else usable, on=on, faces_of=lambda _: np.ones(LENGTH, bool))


def test_each_test_speaker_is_adapted_once_and_nobody_else() -> None:
    assert [entry.speaker for entry in adapted(ALL)] == ["s1", "s2", "s3"]


def test_training_clips_alone_are_seen_of_a_speaker_who_has_some() -> None:
    for on, seen in (
        ("clips", (Span("s3_f"), Span("s3_h"))),
        ("clip", (Span("s3_f"),)),
        ("picture", (Span("s3_f", 1),)),
    ):
        assert adapted([SEEN[1], *SEEN], on=on) == [Adaptation("s3", seen, None)]


def test_of_a_strangers_clips_the_first_is_kept_for_tuning_whatever_is_chosen() -> None:
    for on, end in (("clips", None), ("clip", None), ("picture", 1)):
        found = {entry.speaker: entry for entry in adapted(UNSEEN + OTHER, on=on)}
        assert found["s1"] == Adaptation("s1", (Span("s1_a", end),), Span("s1_a"))
        assert found["s2"] == Adaptation("s2", (Span("s2_d", end),), Span("s2_d"))


@pytest.mark.parametrize(("length", "end"), [(76, 25), (75, 25), (3, 1), (2, 1)])
def test_of_a_strangers_only_clip_the_first_third_is_kept(length: int, end: int) -> None:
    for on, seen in (("clips", end), ("clip", end), ("picture", 1)):
        (found,) = adaptations([ONLY], keys([ONLY]), on=on, faces_of=lambda _: np.ones(length, bool))
        assert found == Adaptation("s6", (Span("s6_l", seen),), Span("s6_l", end))


def test_an_unusable_clip_is_not_adapted_on_and_not_kept() -> None:
    usable = keys(ALL) - {"s1_a", "s3_f", "s2_d", "s2_e"}
    found = {entry.speaker: entry for entry in adapted(ALL, usable)}
    assert {speaker: entry.seen[0].key for speaker, entry in found.items()} == {"s1": "s1_b", "s3": "s3_h"}
    measured = roles.test_clips(ALL, usable, found.values())
    assert [clip.key for clip in measured] == ["s1_c", "s3_g", "s3_i"]


def test_the_same_frames_are_measured_whatever_is_chosen() -> None:
    rows = [*ALL, ONLY]
    found = [
        {clip.key: clip.measured_from for clip in roles.test_clips(rows, keys(rows), adapted(rows, on=on))}
        for on in CHOICES
    ]
    assert found[0] == found[1] == found[2]
    assert found[0] == {"s1_b": 1, "s1_c": 1, "s2_e": 1, "s3_g": 1, "s3_i": 1, "s6_l": 25}


def test_a_clip_says_what_its_speakers_generator_saw() -> None:
    rows = [*ALL, ONLY]
    found = {clip.key: clip.seen for clip in roles.test_clips(rows, keys(rows), adapted(rows))}
    assert found["s3_g"] == (Span("s3_f"), Span("s3_h"))
    assert (found["s1_b"], found["s6_l"]) == ((Span("s1_a"),), (Span("s6_l", 25),))


def test_both_records_come_back_from_their_files(tmp_path) -> None:
    rows = [*ALL, ONLY]
    tuned_on = adapted(rows, on="picture")
    clips = roles.test_clips(rows, keys(rows), tuned_on)
    for name, records, kind in (("a", tuned_on, Adaptation), ("c", clips, roles.TestClip)):
        write_json(tmp_path / name, [asdict(record) for record in records])
        assert [kind.of(values) for values in read_json(tmp_path / name)] == records


def test_only_usable_clips_of_the_test_splits_are_measured() -> None:
    found = roles.test_clips(ALL, keys(ALL) - {"s1_b"}, [])
    assert {clip.split for clip in found} == {"unseen", "seen"}
    assert not {"s1_b", "s3_f", "s4_j", "s5_k"} & {clip.key for clip in found}


def test_the_wrong_sound_is_the_next_measured_clip_of_the_same_speaker() -> None:
    pairs = {clip.key: clip.other for clip in roles.test_clips(ALL, keys(ALL), adapted(ALL))}
    assert (pairs["s1_b"], pairs["s1_c"]) == ("s1_c", "s1_b")
    assert (pairs["s3_g"], pairs["s3_i"]) == ("s3_i", "s3_g")


def test_a_speakers_only_measured_clip_gets_the_sound_of_the_kept_one_and_else_of_another_speaker() -> None:
    rows = [*UNSEEN, *OTHER, ONLY]
    found = {clip.key: clip for clip in roles.test_clips(rows, keys(rows), adapted(rows))}
    assert found["s2_e"].other == "s2_d"
    assert (found["s6_l"].other, found["s6_l"].other_shard) == ("s1_b", "s1-000.tar")


def test_a_clip_alone_in_its_split_gets_the_sound_of_any() -> None:
    rows = [*UNSEEN, SEEN[0], SEEN[1]]
    found = {clip.key: clip for clip in roles.test_clips(rows, keys(rows), adapted(rows))}
    assert found["s3_g"].other == "s1_a"


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_clips_are_refused(count) -> None:
    with pytest.raises(TalkingError, match="Fewer than two test clips are usable"):
        roles.test_clips(ALL, keys(UNSEEN[:count]), [])


def test_clips_are_taken_from_each_speaker_in_turn() -> None:
    clips = [("a_1", "a"), ("a_2", "a"), ("a_3", "a"), ("b_1", "b"), ("c_1", "c"), ("c_2", "c")]
    assert in_turn(clips, 5) == ["a_1", "b_1", "c_1", "a_2", "c_2"]
    assert (in_turn(clips, 99)[-1], in_turn(clips, 0), in_turn([], 3)) == ("a_3", [], [])


corpora = st.lists(
    st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 9).map(str), st.sampled_from(SPLITS)),
    unique_by=lambda entry: entry[:2],
)


@given(corpora, st.sampled_from(CHOICES), st.integers(2, 80))
def test_no_frame_is_measured_that_a_generator_saw_and_no_clip_is_paired_with_itself(entries, on, length) -> None:
    rows = [row(*entry) for entry in entries]
    tuned_on = adaptations(rows, keys(rows), on=on, faces_of=lambda _: np.ones(length, bool))
    try:
        found = roles.test_clips(rows, keys(rows), tuned_on)
    except TalkingError:
        return
    seen = {(span.key, t) for entry in tuned_on for span in entry.seen for t in range(length)[: span.end]}
    measured = {(clip.key, t) for clip in found for t in range(clip.measured_from, length)}
    assert not seen & measured
    assert all(clip.other != clip.key for clip in found)
    assert all(clip.measured_from in range(1, length) for clip in found)
    assert {clip.speaker for clip in found} <= {entry.speaker for entry in tuned_on}


def test_a_test_clip_says_whether_its_speaker_is_of_the_training_set() -> None:
    clips = roles.test_clips(ALL, keys(ALL), adapted(ALL))
    assert {clip.speaker for clip in clips if clip.known} == {"s3"}
    assert {clip.speaker for clip in clips if not clip.known} == {"s1", "s2"}


@pytest.mark.parametrize(("faceless", "picture", "kept"), [(0, 1, 25), (6, 7, 25), (40, 41, 41)])
def test_a_picture_to_tune_on_shows_a_face(faceless: int, picture: int, kept: int) -> None:
    faces = np.arange(76) >= faceless
    for on, seen in (("clip", kept), ("picture", picture)):
        (found,) = adaptations([ONLY], keys([ONLY]), on=on, faces_of=lambda _: faces)
        assert found == Adaptation("s6", (Span("s6_l", seen),), Span("s6_l", kept))
