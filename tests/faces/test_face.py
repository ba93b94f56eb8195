"""Pictures of every kind as RGB, and the largest of several faces."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from talking.core.errors import TalkingError
from talking.faces.detectors import make_detector
from talking.faces.face import find_face, read_picture

GREY = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
COLOUR = np.stack([GREY, GREY[:, ::-1], np.full_like(GREY, 90)], axis=2)


def opened(image: Image.Image, path, **options) -> np.ndarray:
    image.save(path, **options)
    found = read_picture(path)
    assert found.dtype == np.uint8 and found.shape[2] == 3
    return found.astype(int)


def test_grey_palette_and_one_bit_pictures_are_read(tmp_path) -> None:
    wanted = np.repeat(GREY[..., None], 3, axis=2)
    assert np.array_equal(opened(Image.fromarray(GREY), tmp_path / "grey.png"), wanted)
    assert np.array_equal(opened(Image.fromarray(GREY).convert("P"), tmp_path / "palette.png"), wanted)
    assert set(np.unique(opened(Image.fromarray(GREY).convert("1"), tmp_path / "bits.png"))) == {0, 255}


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, suffix) -> None:
    found = opened(Image.fromarray(GREY.astype(np.uint16) * 257), tmp_path / f"deep.{suffix}")
    assert np.array_equal(found[..., 1], GREY)


def test_what_is_transparent_is_laid_on_white(tmp_path) -> None:
    alpha = np.zeros_like(GREY)
    alpha[:, 32:] = 255
    found = opened(Image.fromarray(np.dstack([COLOUR, alpha])), tmp_path / "clear.png")
    assert (found[:, :32] == 255).all() and np.array_equal(found[:, 32:], COLOUR[:, 32:])


def test_cmyk_is_read_as_its_colours(tmp_path) -> None:
    found = opened(Image.fromarray(COLOUR).convert("CMYK"), tmp_path / "print.jpg", quality=95)
    assert np.abs(found - COLOUR).mean() < 6


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 1), (8, 3)])
def test_the_picture_is_turned_as_its_exif_says(tmp_path, orientation, turns) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = opened(Image.fromarray(np.rot90(COLOUR, turns)), tmp_path / "turned.png", exif=exif)
    assert np.array_equal(found, COLOUR)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_a_file_that_is_no_picture_is_said_so(tmp_path, content) -> None:
    (tmp_path / "face.png").write_bytes(content)
    with pytest.raises(TalkingError, match=r"face.png is no picture that can be read: give a PNG or JPEG"):
        read_picture(tmp_path / "face.png")


def test_a_picture_that_ends_early_is_said_so(tmp_path) -> None:
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:9000])
    with pytest.raises(TalkingError, match=r"cut.jpg is no picture that can be read"):
        read_picture(tmp_path / "cut.jpg")


def test_the_largest_of_several_faces_is_taken_wherever_it_is() -> None:
    person = skimage.data.astronaut()[:300, 80:380]
    scene = np.full((640, 900, 3), 120, np.uint8)
    scene[10:610, :600] = np.repeat(np.repeat(person, 2, axis=0), 2, axis=1)
    scene[170:470, 600:] = person
    face = find_face(scene, make_detector("dlib"))
    assert face.others == 1 and face.landmarks[:, 0].max() < 600
    mirrored = find_face(np.ascontiguousarray(scene[:, ::-1]), make_detector("dlib"))
    assert mirrored.landmarks[:, 0].min() > 300
