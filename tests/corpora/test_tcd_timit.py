"""TCD-TIMIT's layout with placeholder files: clips, sentences, HTK and TIMIT labels, and what is wrong with them."""

from pathlib import Path

import pytest

from talking.corpora.clip import Segment
from talking.corpora.tcd_timit import read_tcd_timit

PHONES = (Segment(0.0, 0.5, "sil"), Segment(0.5, 0.62, "sh"), Segment(0.62, 0.75, "iy"))
MLF = """#!MLF!#
"Q:/Videos/TCD-TIMIT/volunteers/01M/Clips/straightcam/sa1.rec"
0 5000000 sil
5000000 6200000 sh -71.5
6200000 7500000 iy
.
"Q:\\Videos\\TCD-TIMIT\\volunteers\\33F\\Clips\\straightcam\\SX9.rec"
0 1000000 sil
.
"""


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def clip_at(root: Path, speaker: str = "01M", name: str = "sa1", group: str = "volunteers") -> Path:
    return put(root / group / speaker / "Clips" / "straightcam" / f"{name}.mp4")


def test_volunteers_and_lipspeakers_are_read_in_natural_order(tmp_path):
    for name in ("sx10", "sx9", "sa1"):
        clip_at(tmp_path, "33F", name)
    path = clip_at(tmp_path, "01M", "si650")
    clip_at(tmp_path, "Lipspkr1", "sa1", "lipspeakers")
    clips, rejects = read_tcd_timit(tmp_path)
    assert [clip.key for clip in clips] == ["01M_si650", "33F_sa1", "33F_sx9", "33F_sx10", "Lipspkr1_sa1"]
    assert rejects == []
    assert (clips[0].corpus, clips[0].path, clips[0].sentence) == ("tcd_timit", path, "")


def test_the_camera_at_thirty_degrees_is_not_read(tmp_path):
    clip_at(tmp_path)
    put(tmp_path / "volunteers" / "01M" / "Clips" / "30degcam" / "sa2.mp4")
    clips, rejects = read_tcd_timit(tmp_path)
    assert [clip.name for clip in clips] == ["sa1"] and rejects == []


def test_clips_without_the_folder_named_clips_are_read(tmp_path):
    path = put(tmp_path / "volunteers" / "01M" / "straightcam" / "sa1.mp4")
    (clip,), rejects = read_tcd_timit(tmp_path)
    assert clip.path == path and rejects == []


@pytest.mark.parametrize("place", ["volunteer_labelfiles.mlf", "MLFfiles/volunteer_labelfiles.mlf"])
def test_phones_come_from_the_master_label_file(tmp_path, place):
    clip_at(tmp_path)
    clip_at(tmp_path, "33F", "sx9")
    clip_at(tmp_path, "33F", "sa1")
    put(tmp_path / place, MLF)
    (first, other, second), rejects = read_tcd_timit(tmp_path)
    assert rejects == []
    assert first.phones == PHONES and first.words == ()
    assert second.key == "33F_sx9" and second.phones == (Segment(0.0, 0.1, "sil"),)
    assert other.phones == ()


def test_labels_of_the_other_camera_are_not_taken_for_this_one(tmp_path):
    clip_at(tmp_path)
    put(tmp_path / "volunteer_labelfiles.mlf", MLF.replace("straightcam", "30degcam"))
    (clip,), _ = read_tcd_timit(tmp_path)
    assert clip.phones == ()


def test_words_come_from_a_master_label_file_of_words_and_make_the_sentence(tmp_path):
    clip_at(tmp_path)
    entry = '#!MLF!#\n"*/volunteers/01M/Clips/straightcam/sa1.lab"\n0 2500000 she\n2500000 4000000 had\n.\n'
    put(tmp_path / "volunteer_words.mlf", entry)
    (clip,), _ = read_tcd_timit(tmp_path)
    assert clip.words == (Segment(0.0, 0.25, "she"), Segment(0.25, 0.4, "had"))
    assert clip.sentence == "she had" and clip.phones == ()


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".rec", "0 5000000 sil -1\n5000000 6200000 sh -2\n6200000 7500000 iy -3\n"),
        (".lab", "0 5000000 sil\n5000000 6200000 sh\n6200000 7500000 iy\n"),
        (".phn", "0 8000 sil\n8000 9920 sh\n9920 12000 iy\n"),
    ],
)
def test_phones_come_from_a_file_beside_the_clip(tmp_path, suffix, text):
    put(clip_at(tmp_path).with_suffix(suffix), text)
    (clip,), rejects = read_tcd_timit(tmp_path)
    assert clip.phones == PHONES and rejects == []


@pytest.mark.parametrize(
    "text",
    [
        "0 46797 She had your dark suit.\n",
        "She had your dark suit.",
        "0 10 She\n10 20 had\n20 30 your\n30 40 dark\n40 50 suit.",
    ],
    ids=["as TIMIT", "bare", "a word a line"],
)
def test_the_sentence_is_the_prompt_beside_the_clip(tmp_path, text):
    path = clip_at(tmp_path)
    put(path.with_suffix(".txt"), text)
    put(path.with_suffix(".wrd"), "1600 3200 she\n3200 4000 had\n")
    (clip,), _ = read_tcd_timit(tmp_path)
    assert clip.sentence == "She had your dark suit."
    assert clip.words == (Segment(0.1, 0.2, "she"), Segment(0.2, 0.25, "had"))


@pytest.mark.parametrize("text", ["", "no header\n", "#!MLF!#\n" + '"*/volunteers/01M/sa1.rec"\nx y z\n.\n'])
def test_a_broken_master_label_file_is_remarked_on_and_the_clips_kept(tmp_path, text):
    clip_at(tmp_path)
    broken = put(tmp_path / "volunteer_labelfiles.mlf", text)
    (clip,), (remark,) = read_tcd_timit(tmp_path)
    assert clip.phones == ()
    assert (remark.reason, remark.note, remark.path) == ("labels", True, str(broken))


def test_a_broken_label_file_beside_a_clip_is_remarked_on(tmp_path):
    put(clip_at(tmp_path).with_suffix(".phn"), "8000 100 sil\n")
    (clip,), (remark,) = read_tcd_timit(tmp_path)
    assert clip.phones == () and (remark.key, remark.note) == ("01M_sa1", True)


def test_a_name_that_cannot_be_a_key_is_refused(tmp_path):
    clip_at(tmp_path, name="sa1.copy")
    clips, (reject,) = read_tcd_timit(tmp_path)
    assert clips == [] and (reject.reason, reject.note) == ("name", False)


def test_a_speaker_without_videos_is_remarked_on(tmp_path):
    clip_at(tmp_path)
    (tmp_path / "volunteers" / "02M" / "Clips").mkdir(parents=True)
    clips, (remark,) = read_tcd_timit(tmp_path)
    assert len(clips) == 1 and (remark.key, remark.reason, remark.note) == ("02M", "video", True)


def test_litter_is_ignored(tmp_path):
    path = clip_at(tmp_path)
    put(path.with_name("._sa1.mp4"))
    put(path.with_suffix(".wav"))
    clips, rejects = read_tcd_timit(tmp_path)
    assert len(clips) == 1 and rejects == []


def test_capitals_of_folders_do_not_matter(tmp_path):
    path = put(tmp_path / "Volunteers" / "01M" / "clips" / "StraightCam" / "sa1.mp4")
    (clip,), rejects = read_tcd_timit(tmp_path)
    assert (clip.key, clip.path, rejects) == ("01M_sa1", path, [])


def test_a_speaker_outside_the_groups_and_a_link_to_nothing_are_named(tmp_path):
    clip_at(tmp_path)
    (tmp_path / "volunteers" / "01M" / "Clips" / "straightcam" / "sa2.mp4").symlink_to("/data/gone.mp4")
    put(tmp_path / "33F" / "straightcam" / "sa1.mp4")
    (clip,), rejects = read_tcd_timit(tmp_path)
    assert clip.key == "01M_sa1"
    assert [(reject.key, reject.note) for reject in rejects] == [("33F", True), ("01M_sa2", False)]
