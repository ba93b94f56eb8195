"""GRID as people have it: its layouts, its word times, its known troubles, and the real recordings."""

import json
import os
from pathlib import Path

import pytest

from talking.corpora.clip import Segment
from talking.corpora.grammar import draw_names, sentence_of
from talking.corpora.grid import read_grid
from talking.corpora.grid_labels import MIN_SHARED

ALIGN = (
    "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 at\n35500 41000 f\n41000 47250 two\n47250 53000 now\n"
)
WORDS = (
    Segment(0.95, 1.18, "bin"),
    Segment(1.18, 1.36, "blue"),
    Segment(1.36, 1.42, "at"),
    Segment(1.42, 1.64, "f"),
    Segment(1.64, 1.89, "two"),
    Segment(1.89, 2.12, "now"),
)


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def align_of(name: str) -> str:
    return "".join(f"{i * 5000} {i * 5000 + 5000} {word}\n" for i, word in enumerate(sentence_of(name).split()))


def names_of(seed: int, count: int) -> list[str]:
    import numpy as np

    return draw_names(np.random.default_rng(seed), count)


def test_speakers_and_names_come_in_natural_order(tmp_path):
    for speaker in ("s10", "s2", "s1"):
        put(tmp_path / speaker / "bbaf2n.mpg")
        put(tmp_path / speaker / "bbaf1n.mpg")
    clips, rejects = read_grid(tmp_path)
    assert [clip.key for clip in clips] == [f"{s}_{n}" for s in ("s1", "s2", "s10") for n in ("bbaf1n", "bbaf2n")]
    assert rejects == []


@pytest.mark.parametrize("videos", ["s1", "s1/video/mpg_6000", "s1/video", "video/s1", "video/s1/video/mpg_6000"])
@pytest.mark.parametrize("words", ["alignments/s1", "align/s1", "s1/align"])
def test_each_layout_gives_the_clip_with_its_sentence_and_word_times(tmp_path, videos, words):
    video = put(tmp_path / videos / "bbaf2n.mpg")
    put(tmp_path / words / "bbaf2n.align", ALIGN)
    clips, rejects = read_grid(tmp_path)
    assert rejects == []
    (clip,) = clips
    assert (clip.corpus, clip.speaker, clip.name, clip.path) == ("grid", "s1", "bbaf2n", video)
    assert clip.sentence == "bin blue at f two now"
    assert clip.words == WORDS


def test_a_clip_without_word_times_is_kept_without_remark(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    (clip,), rejects = read_grid(tmp_path)
    assert clip.words == () and rejects == []


@pytest.mark.parametrize(
    "text",
    ["", "0 23750\n", "a b bin\n", "5000 4000 bin\n", "9000 9500 bin\n100 200 blue\n", "-5 10 bin\n", "1 2 3 4\n"],
    ids=["empty", "two fields", "no numbers", "ends before it starts", "goes back", "negative", "four fields"],
)
def test_a_broken_word_file_is_remarked_on_and_its_clip_kept(tmp_path, text):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    broken = put(tmp_path / "alignments" / "s1" / "bbaf2n.align", text)
    (clip,), (remark,) = read_grid(tmp_path)
    assert clip.words == ()
    assert (remark.key, remark.reason, remark.note, remark.path) == ("s1_bbaf2n", "labels", True, str(broken))
    assert str(broken) in remark.sentence


def test_a_word_file_that_is_no_text_is_remarked_on(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    put(tmp_path / "alignments" / "s1" / "bbaf2n.align").write_bytes(b"\xff\xfe\x00\x81")
    (clip,), (remark,) = read_grid(tmp_path)
    assert clip.words == () and remark.reason == "labels"


def test_words_of_another_sentence_are_not_used(tmp_path):
    put(tmp_path / "s1" / "bbaf3n.mpg")
    put(tmp_path / "alignments" / "s1" / "bbaf3n.align", ALIGN)
    (clip,), (remark,) = read_grid(tmp_path)
    assert clip.words == ()
    assert "'bin blue at f two now'" in remark.sentence and "'bin blue at f three now'" in remark.sentence


def test_word_times_filed_under_another_speaker_are_found_by_their_sentences(tmp_path):
    names = {"s5": names_of(5, 3 * MIN_SHARED), "s6": names_of(6, 3 * MIN_SHARED)}
    for speaker, filed_under in (("s5", "s6"), ("s6", "s5")):
        for name in names[speaker]:
            put(tmp_path / speaker / f"{name}.mpg")
            put(tmp_path / "alignments" / filed_under / f"{name}.align", align_of(name))
    clips, remarks = read_grid(tmp_path)
    assert len(clips) == 6 * MIN_SHARED and all(len(clip.words) == 6 for clip in clips)
    assert [remark.key for remark in remarks] == ["s5", "s6"] and all(remark.note for remark in remarks)


def test_word_times_of_another_speaker_alone_are_not_used(tmp_path):
    for name in names_of(5, 2 * MIN_SHARED):
        put(tmp_path / "s20" / f"{name}.mpg")
    shared = names_of(5, 2 * MIN_SHARED)[:1]
    for name in {*names_of(6, 2 * MIN_SHARED), *shared}:
        put(tmp_path / "alignments" / "s20" / f"{name}.align", align_of(name))
    clips, (remark,) = read_grid(tmp_path)
    assert not any(clip.words for clip in clips)
    assert "another speaker than s20" in remark.sentence


def test_word_times_for_few_of_the_clips_are_used(tmp_path):
    names = names_of(1, 4 * MIN_SHARED)
    for name in names:
        put(tmp_path / "s1" / f"{name}.mpg")
    for name in names[: MIN_SHARED + 2]:
        put(tmp_path / "alignments" / "s1" / f"{name}.align", align_of(name))
    clips, remarks = read_grid(tmp_path)
    assert sum(bool(clip.words) for clip in clips) == MIN_SHARED + 2 and remarks == []


def test_a_name_outside_the_grammar_is_refused(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    odd = put(tmp_path / "s1" / "holiday.mpg")
    clips, (reject,) = read_grid(tmp_path)
    assert [clip.name for clip in clips] == ["bbaf2n"]
    assert (reject.key, reject.reason, reject.note) == ("s1_holiday", "name", False)
    assert str(odd) in reject.sentence


def test_litter_and_other_files_are_ignored(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    for litter in ("s1/._bbaf2n.mpg", "s1/.DS_Store", "s1/Thumbs.db", "s1/bbaf2n.wav", "__MACOSX/s1/._bbaf2n.mpg"):
        put(tmp_path / litter)
    (tmp_path / "s1" / "bbaf3n.mpg").mkdir()
    clips, rejects = read_grid(tmp_path)
    assert [clip.name for clip in clips] == ["bbaf2n"] and rejects == []


def test_s21_without_video_is_said_to_be_so_in_grid(tmp_path):
    put(tmp_path / "s21" / "align" / "bbaf2n.align", ALIGN)
    put(tmp_path / "s3" / "readme.txt")
    clips, remarks = read_grid(tmp_path)
    assert clips == []
    assert [(remark.key, remark.reason, remark.note) for remark in remarks] == [
        ("s3", "video", True),
        ("s21", "video", True),
    ]
    assert "unpack" in remarks[0].sentence and "GRID has none of s21" in remarks[1].sentence


def test_of_a_clip_in_both_qualities_the_better_is_read(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    better = put(tmp_path / "s1" / "video" / "mpg_6000" / "bbaf2n.mpg")
    (clip,), (remark,) = read_grid(tmp_path)
    assert clip.path == better
    assert remark.reason == "duplicate" and remark.note


def test_phones_are_read_where_they_lie(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    put(tmp_path / "s1" / "bbaf3n.mpg")
    phones = [{"start_s": 0.1, "end_s": 0.2, "text": "b"}, {"start_s": 0.2, "end_s": 0.35, "text": "I"}]
    put(tmp_path / "phones" / "s1" / "bbaf2n.json", json.dumps(phones))
    put(tmp_path / "phones" / "s1" / "bbaf3n.json", '[{"start_s": 0.1}]')
    (first, second), (remark,) = read_grid(tmp_path)
    assert first.phones == (Segment(0.1, 0.2, "b"), Segment(0.2, 0.35, "I"))
    assert second.phones == () and (remark.key, remark.reason) == ("s1_bbaf3n", "labels")


def test_clips_bear_the_name_of_their_corpus(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    (clip,), _ = read_grid(tmp_path, "demo")
    assert clip.corpus == "demo"


@pytest.mark.real
def test_the_real_recordings_are_all_read(real_data):
    clips, rejects = read_grid(real_data / "grid")
    assert rejects == []
    assert len(clips) == 72
    assert [clip.speaker for clip in clips].count("s1") == 60
    assert list(dict.fromkeys(clip.speaker for clip in clips)) == ["s1", "s2", "s4", *(f"s{k}" for k in range(91, 99))]


@pytest.mark.real
def test_real_word_times_agree_with_the_sentences_and_lie_within_three_seconds(real_data):
    clips, _ = read_grid(real_data / "grid")
    timed = [clip for clip in clips if clip.words]
    assert len(timed) == len(list((real_data / "grid" / "alignments").glob("*/*.align"))) == 61
    for clip in timed:
        assert [word.text for word in clip.words] == clip.sentence.split()
        assert clip.words[0].start_s >= 0 and clip.words[-1].end_s <= 3


def test_a_speakers_folder_in_capitals_is_read_with_its_word_times(tmp_path):
    put(tmp_path / "S1" / "bbaf2n.MPG")
    put(tmp_path / "alignments" / "S1" / "bbaf2n.align", ALIGN)
    (clip,), rejects = read_grid(tmp_path)
    assert (clip.key, clip.speaker, clip.words, rejects) == ("s1_bbaf2n", "s1", WORDS, [])


def test_videos_that_are_no_speakers_are_remarked_on(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    put(tmp_path / "speaker2" / "bbaf2n.mpg")
    put(tmp_path / "video" / "bob" / "bbaf2n.mpg")
    put(tmp_path / "bbaf3n.mpg")
    put(tmp_path / "holiday" / "readme.txt")
    clips, remarks = read_grid(tmp_path)
    assert [clip.key for clip in clips] == ["s1_bbaf2n"]
    assert {Path(remark.path) for remark in remarks} == {tmp_path, tmp_path / "speaker2", tmp_path / "video" / "bob"}
    assert all(remark.note and "were not read" in remark.sentence for remark in remarks)


def test_a_link_to_nothing_and_a_pipe_are_refused_by_name(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    (tmp_path / "s1" / "bbaf3n.mpg").symlink_to("/data/gone.mpg")
    os.mkfifo(tmp_path / "s1" / "bbaf4n.mpg")
    clips, rejects = read_grid(tmp_path)
    assert [clip.name for clip in clips] == ["bbaf2n"]
    assert [(reject.key, reject.note) for reject in rejects] == [("s1_bbaf3n", False), ("s1_bbaf4n", False)]
