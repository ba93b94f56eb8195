"""Folders: every file is used, or named at the end with the reason; what cannot be opened is a failure."""

import os
import unicodedata

import pytest
from PIL import Image

from talking.app.pairs import PICTURES, pairs_of
from talking.app.unused import NAMED, unused_of
from talking.media.picture import _know_heif


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(faces: tuple[str, ...], sounds: tuple[str, ...]):
        for folder, names in (("faces", faces), ("sounds", sounds)):
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
        return tmp_path / "faces", tmp_path / "sounds"

    return make


def test_names_that_read_the_same_go_together(folders) -> None:
    accent = "Zoë"
    faces, sounds = folders(
        ("ben.png", f"{unicodedata.normalize('NFC', accent)}.png", "a.png"),
        ("Ben.wav", f"{unicodedata.normalize('NFD', accent)}.wav", "a.wav", "A.wav"),
    )
    found = {(pair.source.name, pair.driving.name) for pair in pairs_of(faces, sounds, faces / "out")}
    assert {(unicodedata.normalize("NFC", one), unicodedata.normalize("NFC", other)) for one, other in found} == {
        ("ben.png", "Ben.wav"),
        ("Zoë.png", "Zoë.wav"),
        ("a.png", "a.wav"),
    }


def test_names_that_read_like_two_others_are_left_apart_and_named(folders) -> None:
    faces, sounds = folders(("ben.png", "a.png"), ("Ben.wav", "BEN.wav", "a.wav"))
    pairs = pairs_of(faces, sounds, faces / "out")
    assert [pair.source.name for pair in pairs] == ["a.png"]
    said = " ".join(unused_of(faces, sounds, pairs).others)
    assert "ben.png: no sound has its name" in said and "BEN.wav, Ben.wav: no picture has its name" in said


def test_what_is_left_over_is_named_with_its_reason(folders) -> None:
    faces, sounds = folders(("a.png", "notes.txt", ".hidden.png", "b.png"), ("a.wav", "song.mid"))
    (faces / "more").mkdir()
    (faces / "gone.png").symlink_to("elsewhere.png")
    os.mkfifo(sounds / "pipe.wav")
    found = unused_of(faces, sounds, pairs_of(faces, sounds, faces / "out"))
    assert sorted(found.others) == sorted(
        [
            f"{faces}: b.png: no sound has its name.",
            f"{faces}: more: a folder, whose files were not looked at.",
            f"{faces}: notes.txt: no picture by its name.",
            f"{sounds}: song.mid: no sound by its name.",
        ]
    )
    assert found.broken == (
        f"{faces / 'gone.png'}: a link to elsewhere.png, which is not there.",
        f"{sounds / 'pipe.wav'}: a pipe or a device, and no file.",
    )


def test_one_folder_of_both_kinds_names_neither_and_long_lists_are_cut(folders) -> None:
    many = tuple(f"{number:02}.txt" for number in range(NAMED + 3))
    both, _ = folders(("a.png", "a.wav", *many), ())
    (said,) = {*unused_of(both, both, pairs_of(both, both, both / "out")).others[:1]}
    assert "a.wav" not in said and "19.txt and 3 more: no picture by its name" in said
    one = pairs_of(both / "a.png", both / "a.wav", both / "a.mp4")
    assert unused_of(both / "a.png", both / "a.wav", one).others == ()


@pytest.mark.parametrize("suffix", PICTURES)
def test_every_suffix_of_a_picture_is_one_that_is_read(suffix) -> None:
    _know_heif()
    assert suffix in Image.registered_extensions()


@pytest.mark.parametrize(
    "name", ["a.heic", "a.jp2", "a.mpo", "a.tga", "a.ppm", "a.HEIC", "a.hif", "a.psd", "a.qoi", "a.jpe"]
)
def test_pictures_of_phones_and_scanners_are_taken_from_folders(folders, name) -> None:
    faces, sounds = folders((name,), ("a.caf",))
    (pair,) = pairs_of(faces, sounds, faces / "out")
    assert (pair.source.name, pair.driving.name) == (name, "a.caf")
