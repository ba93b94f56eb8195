"""GRID's phones from its words: every word, times that tile, and agreement with phones that are known."""

from pathlib import Path

import numpy as np
import pytest

from talking.corpora.clip import Segment
from talking.corpora.demo.writer import write_demo_corpus
from talking.corpora.grammar import SLOTS
from talking.corpora.grid import read_grid
from talking.corpora.grid_phones import PHONES, phones_of
from talking.corpora.labels import read_json_segments
from talking.metrics.closure import BILABIALS


def test_every_word_of_the_grammar_has_its_phones() -> None:
    assert set(PHONES) == {word for slot in SLOTS for word in slot.values()}
    with_lips_closed = {word for word, phones in PHONES.items() if BILABIALS & set(phones.split())}
    assert with_lips_closed == {"bin", "place", "blue", "by", "b", "m", "p", "please"}


def test_a_words_phones_tile_its_time_and_vowels_are_twice_as_long() -> None:
    words = [Segment(0.0, 0.3, "sil"), Segment(0.3, 0.7, "bin"), Segment(0.7, 1.0, "at")]
    b, i, n, a, t = phones_of(words)
    assert [phone.text for phone in (b, i, n, a, t)] == ["b", "ih", "n", "ae", "t"]
    np.testing.assert_allclose([b.start_s, b.end_s, i.end_s, n.end_s], [0.3, 0.4, 0.6, 0.7])
    np.testing.assert_allclose([a.start_s, a.end_s, t.end_s], [0.7, 0.9, 1.0])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "demo"
    write_demo_corpus(folder, speakers=2, clips=6, seed=5, width=64, height=64, workers=1)
    return folder


def _middles(phones: tuple[Segment, ...]) -> np.ndarray:
    closed = (phone for phone in phones if phone.text[:1] in {"p", "b", "m"})
    return np.array([(phone.start_s + phone.end_s) / 2 for phone in closed])


def test_bilabials_lie_where_the_synthesiser_spoke_them(demo: Path) -> None:
    clips, _ = read_grid(demo)
    gaps: list[float] = []
    for clip in clips:
        true = read_json_segments(demo / "phones" / clip.speaker / f"{clip.name}.json")
        told = _middles(phones_of(clip.words))
        assert len(told) == len(_middles(true)), clip.sentence
        gaps += list(np.abs(told - _middles(true)))
    assert len(gaps) >= 12
    assert np.median(gaps) < 0.04 and max(gaps) < 0.12, "a frame; three frames"


def test_clips_with_word_times_alone_have_phones_and_others_none(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "s1").mkdir()
    names = sorted(path.stem for path in (demo / "s1").glob("*.mpg"))[:2]
    for name in names:
        (tmp_path / "s1" / f"{name}.mpg").write_bytes(b"")
    (tmp_path / "alignments" / "s1").mkdir(parents=True)
    words = (demo / "alignments" / "s1" / f"{names[0]}.align").read_text()
    (tmp_path / "alignments" / "s1" / f"{names[0]}.align").write_text(words)
    first, second = read_grid(tmp_path)[0]
    assert first.phones == phones_of(first.words) != ()
    assert second.phones == ()
