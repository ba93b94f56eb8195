"""GRID's words as phones: every word of the grammar, bilabials where English has them, times within the word."""

from dataclasses import replace

import numpy as np
import pytest

from talking.corpora.clip import Segment
from talking.corpora.grammar import SLOTS
from talking.corpora.labels import read_align
from talking.corpora.manifest import ManifestRow
from talking.corpora.vocabulary import PHONES, phones_of, spelt
from talking.metrics.closure import BILABIALS, Closure, closure

ROW = ManifestRow("s1_bbaf2n", "grid", "s1", "bbaf2n", "s1/bbaf2n.mpg", "unseen", "", (), (), "s1-000.tar")


def test_every_word_of_the_grammar_has_phones_and_no_other() -> None:
    assert set(PHONES) == {word for slot in SLOTS for word in slot.values()}
    assert len(PHONES) == 51 and all(PHONES.values())


def test_lips_close_at_the_words_that_are_spelt_with_p_b_or_m() -> None:
    closing = {word for word, phones in PHONES.items() if BILABIALS & set(phones)}
    assert closing == {word for word in PHONES if set("pbm") & set(word)}
    assert all(PHONES[word][0] == word[0] for word in closing - {"m"}) and PHONES["m"][-1] == "m"


def test_a_words_time_is_shared_out_among_its_phones() -> None:
    phones = spelt((Segment(0.4, 0.7, "bin"), Segment(0.8, 1.0, "m")))
    assert [phone.text for phone in phones] == ["b", "ih", "n", "eh", "m"]
    np.testing.assert_allclose([phone.start_s for phone in phones], [0.4, 0.5, 0.6, 0.8, 0.9])
    np.testing.assert_allclose([phone.end_s for phone in phones], [0.5, 0.6, 0.7, 0.9, 1.0])


def test_labels_of_phones_come_before_spelling_and_foreign_words_are_not_spelt() -> None:
    words, labelled = (Segment(0.0, 0.3, "bin"),), (Segment(0.0, 0.1, "b"),)
    assert phones_of(replace(ROW, words=words, phones=labelled)) == labelled
    assert phones_of(replace(ROW, words=words)) == spelt(words)
    assert phones_of(replace(ROW, words=(*words, Segment(0.3, 0.4, "she")))) == ()
    assert phones_of(ROW) == ()


def test_an_align_file_says_where_lips_must_close(tmp_path) -> None:
    path = tmp_path / "bbaf2n.align"
    path.write_text("0 10000 sil\n10000 16000 bin\n16000 22000 blue\n22000 30000 now\n30000 75000 sil\n")
    words = tuple(word for word in read_align(path) if word.text != "sil")
    phones = phones_of(replace(ROW, words=words))
    # 25,000 units a second: bin from frame 10, its b two frames long; blue from 16, its b two.
    true = np.full(30, 9.0)
    true[[10, 11, 16, 17, 24]] = 0.0
    late = np.roll(true, 3)
    assert closure(true, true, phones) == Closure(4, 4, 5, 5)
    found = closure(true, late, phones)
    assert isinstance(found, Closure) and found.recalled == 0 and found.expected == 4


@pytest.mark.real
def test_real_word_times_are_all_spelt(real_data) -> None:
    paths = sorted((real_data / "grid").rglob("*.align"))
    words = [[word for word in read_align(path) if word.text not in {"sil", "sp"}] for path in paths[:20]]
    assert words and all(len(spelt(some)) > len(some) for some in words)
