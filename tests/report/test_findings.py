"""What a group of clips adds up to: intervals, differences, missing clips and the sentences on them."""

from talking.metrics.unavailable import Unavailable
from talking.report.findings import Group

NO_FID = Unavailable("the Inception weights are not there")


def group(clip, *psnrs: dict[str, float], speakers: int = 2) -> Group:
    gathered = Group("Held-out speakers")
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
    found = Group("Unseen clips of seen speakers").findings(NO_FID, ("wav2lip",), 0)
    assert (found.table, found.differences, found.notes) == ({}, {}, ())
