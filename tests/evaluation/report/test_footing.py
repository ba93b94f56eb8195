"""The sentences under a table: what each speaker's generator saw, frames without a face, the true lips."""

from talking.corpora import roles
from talking.corpora.roles import Span
from talking.evaluation.report.footing import faces_note, footing, lips_note, listed
from talking.metrics.closure import Closure

TUNED = ("wrong_audio", "linear", "inversion_tuned", "stage_two")


def clip(key: str, *seen: Span, measured_from: int = 1) -> roles.TestClip:
    return roles.TestClip(key, key.split("_", maxsplit=1)[0], "", "unseen", "", "", measured_from, seen)


def test_it_says_for_each_speaker_what_the_generator_saw() -> None:
    clips = [
        clip("s1_b", Span("s1_a")),
        clip("s1_c", Span("s1_a")),
        clip("s2_a", Span("s2_x"), Span("s2_y")),
        clip("s3_b", Span("s3_a", 1)),
        clip("s4_a", Span("s4_a", 25), measured_from=25),
    ]
    first, tuned, later = footing(clips, TUNED)
    assert (
        first == "The identity image of every clip is its own first frame with a face, which no method is measured on."
    )
    assert tuned == (
        "The generator of wrong_audio, linear, inversion_tuned and stage_two was tuned on what no method is measured "
        "on: s1 on s1_a, s2 on 2 training clips, s3 on the first frame of s3_a and s4 on the first 25 frames of s4_a."
    )
    assert later.endswith("the frames after the first third are measured: s4_a from frame 25 on.")
    assert len(footing([clip("s1_a")], TUNED)) == 1 and footing([], TUNED) == []


def test_frames_and_clips_without_a_true_face_are_counted_and_named() -> None:
    assert faces_note({"s1_a": 0, "s1_b": 3, "s2_a": 1}, ["s3_a"]) == [
        "The detector sees no face in 4 true frames, which are left out of every method: s1_b (3) and s2_a (1).",
        "Not measured at all, for the detector sees no face in the true video: s3_a.",
    ]
    assert faces_note({"s1_a": 0}, []) == []


def test_the_true_lips_have_a_j_of_their_own() -> None:
    (sentence,) = lips_note(Closure(shut=6, bilabials=10, parted=18, others=20))
    assert sentence.startswith("The true lips' own closure J is 0.50 (sensitivity 0.60, specificity 0.90)")
    assert lips_note(Closure()) == []


def test_a_long_list_is_cut_and_says_by_how_much() -> None:
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert listed(map(str, range(15))).endswith(", 11 and 3 more")
