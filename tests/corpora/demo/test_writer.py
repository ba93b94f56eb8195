"""The demo corpus on disk: GRID's layout, clips that decode, true truths, the same bytes from any workers."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.corpora.clip import Segment
from talking.corpora.demo.casting import SPEAKERS, STRANGERS, stream
from talking.corpora.demo.writer import alignment_text, write_demo_corpus
from talking.corpora.grammar import sentence_of
from talking.corpora.grid import read_grid
from talking.media.scan import probe
from talking.media.sound_stream import extract_sound
from talking.media.video import decode_frames

SMALL = {"speakers": 2, "clips": 1, "seed": 4, "width": 120, "height": 96}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "raw"
    write_demo_corpus(folder, **SMALL, workers=1)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_from_one_worker_and_from_two(corpus: Path, tmp_path: Path) -> None:
    write_demo_corpus(tmp_path / "again", **SMALL, workers=2)
    assert _contents(tmp_path / "again") == _contents(corpus)


def test_a_clip_decodes_to_75_frames_and_three_seconds_of_sound(corpus: Path) -> None:
    for path in corpus.glob("s*/*.mpg"):
        info = probe(path)
        assert (info.width, info.height, info.frames, info.rate) == (120, 96, 75, Fraction(25))
        assert (info.constant, info.codec, info.decode_errors) == (True, "mpeg1video", 0)
        assert abs(len(extract_sound(path)) / 16000 - 3.0) <= 1 / 25


def test_the_grid_reader_reads_the_corpus_with_words_and_phones(corpus: Path) -> None:
    clips, rejects = read_grid(corpus)
    assert not rejects
    assert [clip.speaker for clip in clips] == ["s1", "s2"]
    for clip in clips:
        assert [word.text for word in clip.words] == sentence_of(clip.name).split() == clip.sentence.split()
        assert clip.phones[0].start_s == pytest.approx(clip.words[0].start_s, abs=1e-4)
        assert clip.phones[-1].end_s == pytest.approx(clip.words[-1].end_s, abs=1e-4)


def test_the_true_landmarks_move_with_the_true_opening(corpus: Path) -> None:
    for path in corpus.glob("truth/*/*.npz"):
        with np.load(path) as truth:
            landmarks, opening = truth["landmarks"], truth["opening"]
        assert landmarks.shape == (75, 68, 2)
        assert landmarks.dtype == np.float32
        gap = np.linalg.norm(landmarks[:, 66] - landmarks[:, 62], axis=1)
        assert np.corrcoef(gap, opening)[0, 1] > 0.95


def test_what_moves_in_the_picture_is_the_mouth(corpus: Path) -> None:
    for path in corpus.glob("s*/*.mpg"):
        frames = decode_frames(path).astype(np.float32).mean(3)  # (T, H, W)
        with np.load(corpus / "truth" / path.parent.name / f"{path.stem}.npz") as truth:
            lips, lids = truth["landmarks"][:, 48:], truth["blink"]
        (left, top), (right, bottom) = lips.min((0, 1)).astype(int), lips.max((0, 1)).astype(int) + 1
        unrest = frames[lids == 0].std(0)  # (H, W)
        assert unrest[top:bottom, left:right].mean() > 2.5 * unrest.mean()


def test_speakers_differ_in_face_and_voice(corpus: Path) -> None:
    first, second = (decode_frames(next((corpus / speaker).glob("*.mpg")))[0] for speaker in ("s1", "s2"))
    assert np.abs(first.astype(float) - second).mean() > 5
    cast = json.loads((corpus / "corpus.json").read_text())["cast"]
    assert [person["feminine"] for person in cast] == [False, True]
    assert cast[0]["name"].startswith("en+m")
    assert cast[1]["name"].startswith("en+f")


def test_an_alignment_has_grids_units_and_no_gaps() -> None:
    words = (Segment(0.95, 1.18, "bin"), Segment(1.2, 1.36, "blue"))
    assert alignment_text(words, 3.0) == "0 23750 sil\n23750 30000 bin\n30000 34000 blue\n34000 75000 sil\n"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(TalkingError, match="something else"):
        write_demo_corpus(tmp_path, **SMALL)
    assert (tmp_path / "thesis.txt").read_text() == "the only copy"


@pytest.mark.parametrize("wrong", [{"speakers": 0}, {"clips": -1}, {"width": 121}, {"height": 0}, {"frames": 0}])
def test_impossible_sizes_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(TalkingError, match="must be"):
        write_demo_corpus(tmp_path / "demo", **{**SMALL, **wrong})
    assert not (tmp_path / "demo").exists()


def test_speakers_and_strangers_draw_from_streams_of_their_own() -> None:
    keys = [(group, number) for group in (SPEAKERS, STRANGERS) for number in range(50)]
    assert len({stream(0, *key).integers(2**62) for key in keys} | {stream(0, 0, 1, "bbaf2n").integers(2**62)}) == 101
