"""What a group of clips adds up to: intervals, differences, missing clips and the sentences on them."""

from dataclasses import replace

from talking.corpora import roles
from talking.corpora.roles import Span
from talking.evaluation.report.findings import Group
from talking.metrics.closure import Closure
from talking.metrics.unavailable import Unavailable
from talking.systems.mm22.methods import METHODS

NO_FID = Unavailable("the Inception weights are not there")


def group(clip, *psnrs: dict[str, float], speakers: int = 2) -> Group:
    gathered = Group("Held-out speakers", METHODS)
    for number, psnr in enumerate(psnrs):
        gathered.add(clip(f"s{number % speakers}_{number}", **psnr))
    return gathered


def test_every_row_has_its_values_and_their_bounds(clip) -> None:
    found = group(clip, *({"static": 30.0 + n, "stage_two": 20.0 + n} for n in range(6))).findings(NO_FID, (), 0)
    for row in ("static", "stage_two"):
        values = found.table[row]
        assert values["psnr_low"] < values["psnr"] < values["psnr_high"]
        assert "missing_clips" not in values
    assert found.table["static"]["psnr"] == 32.5


def test_the_reference_row_is_what_the_others_are_compared_with(clip) -> None:
    psnrs = ({"wrong_audio": 19.0 + 3 * n, "stage_two": 20.0 + 3 * n} for n in range(6))
    found = group(clip, *psnrs).findings(NO_FID, (), 0)
    assert list(found.differences) == ["wrong_audio"]
    assert [found.differences["wrong_audio"][f"psnr{end}"] for end in ("", "_low", "_high")] == [-1, -1, -1]
    markdown, plain = found.texts()
    assert "-1.00 [-1.00, -1.00] worse" in markdown and "worse" not in plain


def test_missing_clips_are_counted_and_named(clip) -> None:
    psnrs = [{"stage_two": 20.0, "wav2lip": 18.0}, {"stage_two": 21.0}, {"stage_two": 22.0}]
    found = group(clip, *psnrs).findings(NO_FID, ("wav2lip", "a2h"), 0)
    assert (found.table["wav2lip"]["missing_clips"], found.table["stage_two"]["missing_clips"]) == (2, 0)
    assert found.table["wav2lip"]["clips"] == 1
    for text in (found.texts()[0], "\n".join(found.notes)):
        assert "wav2lip lacks 2 of the clips, and its numbers are of the others: s1_1, s0_2." in text
        assert "a2h lacks 3 of the clips" in text


def test_the_text_says_how_the_intervals_were_made(clip) -> None:
    one = group(clip, {"static": 1.0}, {"static": 2.0}, speakers=1).findings(NO_FID, (), 0)
    assert "the one speaker's clips" in one.notes[0]
    two = group(clip, {"static": 1.0}, {"static": 2.0}).findings(NO_FID, (), 0)
    assert "only 2 speakers" in two.texts()[1] and "FID has no interval" not in two.notes[0]
    assert "at least two clips" in group(clip, {"static": 1.0}).findings(NO_FID, (), 0).notes[0]


def test_the_same_seed_gives_the_same_findings(clip) -> None:
    gathered = group(clip, *({"static": 30.0 + n * n} for n in range(9)))
    assert gathered.findings(NO_FID, (), 3) == gathered.findings(NO_FID, (), 3)
    assert gathered.findings(NO_FID, (), 3) != gathered.findings(NO_FID, (), 4)


def test_an_empty_group_has_empty_findings() -> None:
    found = Group("Unseen clips of seen speakers", METHODS).findings(NO_FID, ("wav2lip",), 0)
    assert (found.table, found.differences, found.notes) == ({}, {}, ())


def test_the_footing_stands_first_among_the_notes_and_missed_faces_are_explained_where_there_are_some(clip) -> None:
    clips = [roles.TestClip(f"s1_{n}", "s1", "", "unseen", "", "", seen=(Span("s1_9", 1),)) for n in range(2)]
    gathered = Group("Held-out speakers", METHODS)
    for number in range(2):
        measured = clip(f"s1_{number}", static=20.0, stage_two=21.0)
        lost = [replace(score, missed_frames=2) for score in measured.scores]
        gathered.add(replace(measured, scores=lost, faceless=3, lips=Closure(shut=1, bilabials=2, parted=2, others=2)))
    notes = gathered.findings(NO_FID, (), 0, clips).notes
    assert "s1 on the first frame of s1_9" in notes[1] and "no face in 6 true frames" in notes[2]
    assert notes[3].startswith("A frame in which the detector sees no face in a made video counts against its method")
    assert "closure J is 0.50" in notes[4]


def test_a_clip_without_a_true_face_is_named_and_counts_nowhere(clip) -> None:
    gathered = group(clip, {"static": 20.0}, {"static": 22.0})
    gathered.add(replace(clip("s9_a", static=90.0), scores=[], faceless=8))
    found = gathered.findings(NO_FID, (), 0)
    assert (found.table["static"]["psnr"], found.table["static"]["clips"]) == (21.0, 2)
    assert found.notes[0].startswith("Not measured at all") and "s9_a" in found.notes[0]
