"""Clips in TCD-TIMIT's layout, read by its reader."""

from fractions import Fraction
from pathlib import Path

import pytest

from talking.corpora.demo.tcd_layout import write_tcd_layout
from talking.corpora.tcd_timit import read_tcd_timit
from talking.media.scan import probe


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tcd") / "raw"
    write_tcd_layout(folder, volunteers=1, clips=1, seed=1, width=192, height=108)
    return folder


def test_the_reader_finds_the_clip_with_sentence_words_and_phones(corpus: Path) -> None:
    clips, rejects = read_tcd_timit(corpus)
    assert not rejects
    assert [(clip.speaker, clip.name) for clip in clips] == [("01M", "sa1")]
    assert clips[0].sentence == "she had your dark suit in greasy wash water all year"
    assert [word.text for word in clips[0].words] == clips[0].sentence.split()
    spoken = [phone.text for phone in clips[0].phones if phone.text != "sil"]
    assert spoken[:5] == ["sh", "iy", "hh", "ae", "d"]


def test_the_phones_fill_the_clip(corpus: Path) -> None:
    (clip,), _ = read_tcd_timit(corpus)
    assert clip.phones[0].start_s == 0.0
    assert clip.phones[-1].end_s == pytest.approx(4.0)
    for before, after in zip(clip.phones, clip.phones[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s, abs=1e-6)


def test_the_video_is_h264_at_30_frames_with_sound(corpus: Path) -> None:
    (clip,), _ = read_tcd_timit(corpus)
    info = probe(clip.path)
    assert (info.rate, info.codec, info.frames, info.has_sound) == (Fraction(30), "h264", 120, True)
