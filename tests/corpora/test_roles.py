"""Who is tested, what their generator is tuned on, and whose sound drives the wrong-audio row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.corpora import roles
from talking.corpora.manifest import ManifestRow
from talking.corpora.roles import Adaptation, adaptations
from talking.errors import TalkingError

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


def test_each_test_speaker_is_adapted_once_and_nobody_else() -> None:
    assert [entry.speaker for entry in adaptations(ALL, keys(ALL), on="clip")] == ["s1", "s2", "s3"]


def test_a_training_clip_is_preferred_and_else_the_first_test_clip_taken() -> None:
    found = adaptations([SEEN[1], *ALL], keys(ALL), on="clip")
    assert {entry.speaker: entry.key for entry in found} == {"s1": "s1_a", "s2": "s2_d", "s3": "s3_f"}


def test_an_unusable_clip_is_not_adapted_on() -> None:
    found = adaptations(ALL, keys(ALL) - {"s1_a", "s3_f", "s2_d", "s2_e"}, on="clip")
    assert {entry.speaker: entry.key for entry in found} == {"s1": "s1_b", "s3": "s3_h"}


@pytest.mark.parametrize("on", ["picture", "clip", "clips"])
def test_a_speaker_is_adapted_on_a_picture_when_asked_or_when_there_is_but_one_clip(on) -> None:
    found = adaptations(UNSEEN + OTHER[:1], keys(ALL), on=on)
    assert [entry.picture for entry in found] == [on == "picture", True]


def test_on_clips_all_training_clips_are_seen_and_of_a_stranger_the_first_clip_alone() -> None:
    found = {entry.speaker: entry.keys for entry in adaptations(ALL, keys(ALL), on="clips")}
    assert found == {"s1": ("s1_a",), "s2": ("s2_d",), "s3": ("s3_f", "s3_h")}


def test_clips_that_a_generator_was_tuned_on_are_not_measured() -> None:
    tuned_on = adaptations(ALL, keys(ALL), on="clip")
    found = roles.test_clips(ALL, keys(ALL), tuned_on)
    assert [clip.key for clip in found] == ["s1_b", "s1_c", "s2_e", "s3_g", "s3_i"]
    pictures = adaptations(ALL, keys(ALL), on="picture")
    assert [clip.key for clip in roles.test_clips(ALL, keys(ALL), pictures)][:3] == ["s1_a", "s1_b", "s1_c"]


def test_only_usable_clips_of_the_test_splits_are_measured() -> None:
    found = roles.test_clips(ALL, keys(ALL) - {"s1_b"}, [])
    assert {clip.split for clip in found} == {"unseen", "seen"}
    assert not {"s1_b", "s3_f", "s4_j", "s5_k"} & {clip.key for clip in found}


def test_the_wrong_sound_is_the_next_clip_of_the_same_speaker() -> None:
    pairs = {clip.key: clip.other for clip in roles.test_clips(ALL, keys(ALL), [])}
    assert (pairs["s1_a"], pairs["s1_b"], pairs["s1_c"]) == ("s1_b", "s1_c", "s1_a")
    assert (pairs["s3_g"], pairs["s3_i"]) == ("s3_i", "s3_g")


def test_a_speakers_only_clip_gets_the_sound_of_another_of_its_split_and_else_of_any() -> None:
    rows = [*UNSEEN, OTHER[0], SEEN[1]]
    found = {clip.key: clip for clip in roles.test_clips(rows, keys(rows), [])}
    assert found["s2_d"].other == "s1_a" and found["s2_d"].other_shard == "s1-000.tar"
    assert found["s3_g"].other == "s1_a"


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_clips_are_refused(count) -> None:
    with pytest.raises(TalkingError, match="Fewer than two test clips are usable"):
        roles.test_clips(ALL, keys(UNSEEN[:count]), [])


corpora = st.lists(
    st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 9).map(str), st.sampled_from(SPLITS)),
    unique_by=lambda entry: entry[:2],
)


@given(corpora, st.sampled_from(["picture", "clip", "clips"]))
def test_no_clip_is_measured_by_a_generator_that_saw_it_move_nor_paired_with_itself(entries, on) -> None:
    rows = [row(*entry) for entry in entries]
    tuned_on = adaptations(rows, keys(rows), on=on)
    try:
        found = roles.test_clips(rows, keys(rows), tuned_on)
    except TalkingError:
        return
    moving = {key for entry in tuned_on if not entry.picture for key in entry.keys}
    assert all(clip.key not in moving and clip.other != clip.key for clip in found)
    assert {clip.speaker for clip in found} <= {entry.speaker for entry in tuned_on}
    assert all(isinstance(entry, Adaptation) for entry in tuned_on)
