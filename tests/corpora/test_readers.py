"""Choosing a reader by name, and what a user is told whose folder is not a corpus."""

from pathlib import Path

import pytest

from talking.core.errors import TalkingError
from talking.corpora.readers import READERS, read_corpus


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_each_reader_is_found_by_its_name(tmp_path):
    put(tmp_path / "g" / "s1" / "bbaf2n.mpg")
    put(tmp_path / "t" / "volunteers" / "01M" / "Clips" / "straightcam" / "sa1.mp4")
    assert [clip.key for clip in read_corpus("grid", tmp_path / "g")[0]] == ["s1_bbaf2n"]
    assert [clip.key for clip in read_corpus("tcd_timit", tmp_path / "t")[0]] == ["01M_sa1"]


def test_clips_bear_the_readers_name_unless_told_otherwise(tmp_path):
    put(tmp_path / "s1" / "bbaf2n.mpg")
    assert read_corpus("grid", tmp_path)[0][0].corpus == "grid"
    assert read_corpus("grid", tmp_path, "demo")[0][0].corpus == "demo"


def test_an_unknown_reader_is_refused_with_the_names_of_those_there_are(tmp_path):
    with pytest.raises(TalkingError, match=r"'lrs3'.*grid, tcd_timit"):
        read_corpus("lrs3", tmp_path)


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_folder_is_named_with_what_is_expected_there(tmp_path, reader):
    with pytest.raises(TalkingError, match="missing") as caught:
        read_corpus(reader, tmp_path / "nowhere")
    message = str(caught.value)
    assert str(tmp_path / "nowhere") in message
    assert READERS[reader].expected in message and READERS[reader].how in message


@pytest.mark.parametrize("reader", READERS)
def test_the_page_that_a_message_names_is_there(reader):
    page = next(word for word in READERS[reader].how.split() if word.startswith("docs/"))
    assert (Path(__file__).parents[2] / page).is_file()


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(TalkingError, match="is empty"):
        read_corpus("grid", tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    with pytest.raises(TalkingError, match="not a folder"):
        read_corpus("grid", put(tmp_path / "grid"))


def test_a_dangling_link_is_named_with_its_target(tmp_path):
    (tmp_path / "grid").symlink_to("/data/gone")
    with pytest.raises(TalkingError, match="/data/gone"):
        read_corpus("grid", tmp_path / "grid")


def test_a_link_to_the_corpus_is_followed_and_kept_in_the_paths(tmp_path):
    put(tmp_path / "far" / "s1" / "bbaf2n.mpg")
    (tmp_path / "raw").symlink_to(tmp_path / "far")
    (clip,), _ = read_corpus("grid", tmp_path / "raw")
    assert clip.path == tmp_path / "raw" / "s1" / "bbaf2n.mpg"


def test_a_folder_of_other_things_is_refused(tmp_path):
    put(tmp_path / "holiday" / "beach.mpg")
    with pytest.raises(TalkingError, match="no clip of the corpus"):
        read_corpus("grid", tmp_path)


def test_a_folder_of_unusable_clips_says_why_the_first_is_unusable(tmp_path):
    put(tmp_path / "s1" / "beach.mpg")
    with pytest.raises(TalkingError, match=r"beach\.mpg"):
        read_corpus("grid", tmp_path)


def test_a_folder_that_may_not_be_read_is_said_so(tmp_path, monkeypatch):
    put(tmp_path / "s1" / "bbaf2n.mpg")

    def forbidden(folder: Path):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(TalkingError, match=r"cannot be read .*Permission denied"):
        read_corpus("grid", tmp_path)
