"""What is held out: complete, disjoint, the same whatever the order of the clips, and refused where it cannot be."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.corpora.clip import Clip
from talking.corpora.grid import read_grid
from talking.corpora.splits import SPLITS, split_clips


def clips_of(sizes: dict[str, int]) -> list[Clip]:
    return [
        Clip("c", speaker, f"n{i}", Path(f"/r/{speaker}/n{i}.mpg"), "")
        for speaker, count in sizes.items()
        for i in range(count)
    ]


@st.composite
def cases(draw):
    sizes = draw(st.lists(st.integers(2, 12), min_size=3, max_size=8))
    speakers = [f"s{k}" for k in range(1, len(sizes) + 1)]
    clips = clips_of(dict(zip(speakers, sizes, strict=True)))
    arguments = {
        "unseen_speakers": [speakers[-1]],
        "validation_speakers": draw(st.sampled_from([(), (speakers[-2],), 1])) if len(speakers) > 3 else (),
        "seen_clips": {"s1": draw(st.integers(0, sizes[0] - 1))},
        "seed": draw(st.integers(0, 1000)),
    }
    return clips, arguments, draw(st.permutations(clips))


@settings(deadline=None)
@given(cases())
def test_every_clip_has_one_split_and_the_splits_hold_what_was_asked(case):
    clips, arguments, _ = case
    splits = split_clips(clips, **arguments)
    assert splits.keys() == {clip.key for clip in clips} and set(splits.values()) <= set(SPLITS)
    unseen = {clip.key for clip in clips if clip.speaker in arguments["unseen_speakers"]}
    assert {key for key, split in splits.items() if split == "unseen"} == unseen
    seen = [key for key, split in splits.items() if split == "seen"]
    assert len(seen) == arguments["seen_clips"]["s1"] and all(key.startswith("s1_") for key in seen)
    assert any(split == "train" and key.startswith("s1_") for key, split in splits.items())


@settings(deadline=None)
@given(cases())
def test_the_order_of_the_clips_does_not_matter(case):
    clips, arguments, shuffled = case
    assert list(split_clips(clips, **arguments).items()) == list(split_clips(shuffled, **arguments).items())


@settings(deadline=None)
@given(cases())
def test_no_speaker_stands_on_both_sides_of_a_split_by_speaker(case):
    clips, arguments, _ = case
    splits = split_clips(clips, **arguments)
    sides: dict[str, set[str]] = {}
    for clip in clips:
        sides.setdefault(clip.speaker, set()).add(splits[clip.key])
    assert all(side <= {"train", "seen"} or len(side) == 1 for side in sides.values())


def test_other_seeds_draw_other_clips():
    clips = clips_of({"s1": 60, "s2": 2})
    drawn = {
        tuple(
            key
            for key, split in split_clips(clips, unseen_speakers=[], seen_clips={"s1": 10}, seed=seed).items()
            if split == "seen"
        )
        for seed in range(5)
    }
    assert len(drawn) == 5


def test_validation_speakers_can_be_drawn_by_number():
    splits = split_clips(
        clips_of({f"s{k}": 3 for k in range(1, 9)}),
        unseen_speakers=["s8"],
        seen_clips={"s1": 1},
        validation_speakers=2,
    )
    speakers = {key.split("_")[0] for key, split in splits.items() if split == "validation"}
    assert len(speakers) == 2 and not speakers & {"s1", "s8"}
    assert sum(split == "validation" for split in splits.values()) == 6


def test_validation_clips_are_drawn_from_what_is_left():
    clips = clips_of({"s1": 10, "s2": 10, "s3": 5})
    splits = split_clips(clips, unseen_speakers=["s3"], seen_clips={"s1": 4}, validation_clips=6)
    counts = {split: list(splits.values()).count(split) for split in SPLITS}
    assert counts == {"train": 10, "validation": 6, "seen": 4, "unseen": 5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unseen_speakers": ["s7"]}, r"unseen_speakers names s7.*s1, s2, s3"),
        ({"unseen_speakers": [], "seen_clips": {"s9": 1}}, r"seen_clips names s9"),
        ({"unseen_speakers": [], "validation_speakers": ["s8"]}, r"validation_speakers names s8"),
        ({"unseen_speakers": ["s1"], "seen_clips": {"s1": 1}}, "s1 is held out twice"),
        ({"unseen_speakers": ["s1"], "validation_speakers": ["s1"]}, "s1 is held out twice"),
        ({"unseen_speakers": [], "validation_speakers": ["s2"], "seen_clips": {"s2": 1}}, "s2 is held out twice"),
        ({"unseen_speakers": [], "seen_clips": {"s1": 4}}, "seen_clips of s1 = 4, but there are 4"),
        ({"unseen_speakers": [], "seen_clips": {"s1": -1}}, "seen_clips of s1 = -1"),
        ({"unseen_speakers": [], "validation_speakers": 3}, "validation_speakers = 3"),
        ({"unseen_speakers": [], "validation_clips": 12}, "validation_clips = 12"),
        ({"unseen_speakers": ["s1", "s2", "s3"]}, "left to train on"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused_by_name(arguments, message):
    with pytest.raises(TalkingError, match=message):
        split_clips(clips_of({"s1": 4, "s2": 4, "s3": 4}), **arguments)


def test_two_clips_with_one_key_are_refused():
    with pytest.raises(TalkingError, match="share the key s1_n0"):
        split_clips(clips_of({"s1": 2}) * 2, unseen_speakers=[])


@pytest.mark.real
def test_the_real_recordings_split_into_strangers_and_held_out_clips_of_s1(real_data):
    clips, _ = read_grid(real_data / "grid")
    splits = split_clips(clips, unseen_speakers=["s96", "s97", "s98"], seen_clips={"s1": 10})
    counts = {split: list(splits.values()).count(split) for split in SPLITS}
    assert counts == {"train": 59, "validation": 0, "seen": 10, "unseen": 3}
