"""The grammar against the published corpus: its names, its sentences and its transcripts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import Rejected
from talking.corpora.grammar import SENTENCES, draw_names, name_of, sentence_of


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bbaf2n", "bin blue at f two now"),
        ("lgiz2n", "lay green in z two now"),
        ("pwwczs", "place white with c zero soon"),
        ("srbt9a", "set red by t nine again"),
        ("sbia1p", "set blue in a one please"),
    ],
)
def test_names_and_sentences_of_the_published_corpus(name: str, sentence: str) -> None:
    assert sentence_of(name) == sentence
    assert name_of(sentence) == name
    assert name_of(sentence.split()) == name


@given(st.integers(0, 2**32 - 1))
def test_every_drawn_name_returns_from_its_sentence(seed: int) -> None:
    (name,) = draw_names(np.random.default_rng(seed), 1)
    assert name_of(sentence_of(name)) == name


@pytest.mark.parametrize(
    "name", ["", "bbaf2", "bbaf2nn", "bbaw2n", "bbaf0n", "xbaf2n", "BBAF2N", "bbaf2b", "id2_23", "..af2n"]
)
def test_a_name_outside_the_grammar_is_refused_by_name(name: str) -> None:
    with pytest.raises(Rejected, match="GRID sentence") as caught:
        sentence_of(name)
    assert caught.value.reason == "name"
    assert repr(name) in caught.value.sentence


@pytest.mark.parametrize("sentence", ["", "bin blue at f two", "bin blue at w two now", "now two f at blue bin"])
def test_a_sentence_outside_the_grammar_is_refused(sentence: str) -> None:
    with pytest.raises(Rejected) as caught:
        name_of(sentence)
    assert caught.value.reason == "name"


def test_the_whole_grammar_can_be_drawn_once_and_no_more() -> None:
    names = draw_names(np.random.default_rng(0), SENTENCES)
    assert len(set(names)) == SENTENCES == 4 * 4 * 4 * 25 * 10 * 4
    with pytest.raises(ValueError, match="64000"):
        draw_names(np.random.default_rng(0), SENTENCES + 1)


def test_names_are_drawn_by_the_seed_alone() -> None:
    first, second = (draw_names(np.random.default_rng(7), 12) for _ in range(2))
    assert first == second
    assert first != draw_names(np.random.default_rng(8), 12)


def test_the_names_of_real_recordings_fit_their_transcripts(real_data) -> None:
    transcripts = sorted((real_data / "grid" / "alignments").glob("*/*.align"))
    assert transcripts
    for path in transcripts:
        words = [line.split()[2] for line in path.read_text().splitlines() if line.split()]
        assert name_of([word for word in words if word not in ("sil", "sp")]) == path.stem
