"""Which pairs a command line names, and what it may not name."""

import pytest

from talking.app.pairs import Pair, check_pair, pairs_of
from talking.core.errors import TalkingError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "faces/b.JPG",
        "faces/a.png",
        "faces/notes.txt",
        "faces/.c.png",
        "sounds/a.wav",
        "sounds/d.mp4",
        "x.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def named(here, source, driving, output) -> list[tuple[str, str, str]]:
    pairs = pairs_of(*(here / name for name in (source, driving, output)))
    return [tuple(str(path.relative_to(here)) for path in vars(pair).values()) for pair in pairs]


def test_one_pair_is_itself(here) -> None:
    assert named(here, "x.png", "sounds/a.wav", "o.mp4") == [("x.png", "sounds/a.wav", "o.mp4")]


def test_every_picture_of_a_folder_speaks_one_sound(here) -> None:
    found = named(here, "faces", "sounds/a.wav", "out")
    assert found == [("faces/a.png", "sounds/a.wav", "out/a.mp4"), ("faces/b.JPG", "sounds/a.wav", "out/b.mp4")]


def test_one_picture_speaks_every_sound_of_a_folder(here) -> None:
    assert [pair[2] for pair in named(here, "x.png", "sounds", "out")] == ["out/a.mp4", "out/d.mp4"]


def test_files_of_equal_names_go_together(here) -> None:
    assert named(here, "faces", "sounds", "out") == [("faces/a.png", "sounds/a.wav", "out/a.mp4")]


def test_a_csvs_paths_are_relative_to_it(here) -> None:
    (here / "faces" / "list.csv").write_text("output,source,driving\no.mp4,a.png,../sounds/a.wav\n")
    (pair,) = pairs_of(here / "faces" / "list.csv", None, None)
    folder = here / "faces"
    assert pair == Pair(folder / "a.png", folder / "../sounds/a.wav", folder / "o.mp4")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source,driving,output\n", "has no rows"),
        ("source,driving\na.png,b.wav\n", "line 2: there is no output"),
        ("source,driving,output\na.png,,o.mp4\n", "line 2: there is no driving"),
        ("source,driving,output\na.png,b.wav,o.mp4\nc.png,b.wav,./o.mp4\n", "o.mp4 would be written twice"),
    ],
)
def test_a_csv_that_does_not_say_all_is_refused(here, text, words) -> None:
    (here / "list.csv").write_text(text)
    with pytest.raises(TalkingError, match=words):
        pairs_of(here / "list.csv", None, None)


def test_what_does_not_go_together_is_said_so(here) -> None:
    with pytest.raises(TalkingError, match="-d and -o are missing"):
        pairs_of(here / "x.png", None, here / "o.mp4")
    with pytest.raises(TalkingError, match="must be a folder"):
        pairs_of(here / "faces", here / "sounds", here / "o.mp4")
    (here / "faces" / "a.jpg").touch()
    with pytest.raises(TalkingError, match="would make the same video"):
        pairs_of(here / "faces", here / "sounds", here / "out")


def test_an_output_below_a_file_cannot_be_written(here) -> None:
    with pytest.raises(TalkingError, match=r"is no folder that you may write to"):
        check_pair(Pair(here / "x.png", here / "sounds/a.wav", here / "x.png" / "o.mp4"))
