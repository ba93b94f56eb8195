"""Label files read by themselves: units worked out by hand, and each way to be broken named in the message."""

from pathlib import Path

import pytest

from talking.core.errors import TalkingError
from talking.corpora.clip import Segment
from talking.corpora.labels import read_align, read_htk, read_json_segments, read_mlf, read_segments
from talking.corpora.listing import natural_key


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_grid_counts_in_samples_at_25_khz_and_silences_are_no_words(tmp_path):
    path = put(tmp_path / "x.align", "0 2500 sil\n2500 25000 bin\n25000 26000 sp\n26000 50000 blue\n\n")
    assert read_align(path) == (Segment(0.1, 1.0, "bin"), Segment(1.04, 2.0, "blue"))


def test_htk_counts_in_units_of_100_ns_and_scores_are_not_read(tmp_path):
    path = put(tmp_path / "x.rec", "0 10000000 sil -12.5\n10000000 12500000 ae -3 word\n")
    assert read_htk(path) == (Segment(0.0, 1.0, "sil"), Segment(1.0, 1.25, "ae"))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    (tmp_path / "x.align").write_bytes(b"\xef\xbb\xbf0 25000 bin\r\n25000 50000 blue\r\n")
    assert [segment.text for segment in read_align(tmp_path / "x.align")] == ["bin", "blue"]


def test_the_entries_of_a_master_label_file_keep_their_paths(tmp_path):
    path = put(tmp_path / "x.mlf", '#!MLF!#\n"a/b/one.rec"\n0 10000000 x\n.\n"C:\\two.lab"\n0 20000000 y\n.\n')
    assert read_mlf(path) == {"a/b/one": (Segment(0.0, 1.0, "x"),), "C:/two": (Segment(0.0, 2.0, "y"),)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no labels"),
        ("0 100\n", "has a line '0 100'"),
        ("0 1 two words\n", "where a start, an end and a label are due"),
        ("zero 100 bin\n", "has a line 'zero 100 bin'"),
        ("0.5 100 bin\n", "has a line"),
        ("200 100 bin\n", "goes back in time at 'bin'"),
        ("500 900 bin\n100 950 blue\n", "goes back in time at 'blue'"),
        ("-10 100 bin\n", "goes back in time at 'bin'"),
        ("0 " + "9" * 400 + " bin\n", "has a line '0 9999"),
        ("0 " + "9" * 5000 + " bin\n", "has a line '0 9999"),
        ("0 999999 bin\n", "has 'bin' end after 999999 s, more than a day"),
        ("0 1_0 bin\n", "has a line '0 1_0 bin'"),
        ("0 \u0661\u0662 bin\n", "has a line"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, text, message):
    path = put(tmp_path / "bbaf2n.align", text)
    with pytest.raises(TalkingError) as caught:
        read_segments(path, 1)
    assert str(path) in str(caught.value) and message in str(caught.value)


def test_the_times_of_a_whole_day_are_taken(tmp_path):
    (segment,) = read_segments(put(tmp_path / "x.align", "0 86400 bin\n"), 1)
    assert (segment.start_s, segment.end_s) == (0, 86400)


ENDLESS = '[{"start_s": 0, "end_s": ' + "9" * 400 + ', "text": "a"}]'


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"start_s": "x", "end_s": 1, "text": "a"}]', '{"start_s": 1}', ENDLESS, "[" * 10**5]
)
def test_json_that_is_no_list_of_segments_is_refused(tmp_path, text):
    with pytest.raises(TalkingError, match=r"x\.json"):
        read_json_segments(put(tmp_path / "x.json", text))


def test_numbers_in_names_sort_by_value():
    names = ["s10", "s2", "s1", "33F", "01M", "Lipspkr2", "Lipspkr10"]
    assert sorted(names, key=natural_key) == ["01M", "33F", "Lipspkr2", "Lipspkr10", "s1", "s2", "s10"]


@pytest.mark.parametrize("name", ["", ".", "/", '"', "..", "a/../b", "\x1b[2J"])
def test_an_entry_of_any_name_is_read_or_refused_in_a_sentence(tmp_path, name):
    found = read_mlf(put(tmp_path / "x.mlf", f'#!MLF!#\n"{name}"\n0 10000000 a\n.\n'))
    assert [segment.text for segments in found.values() for segment in segments] == ["a"]
