"""Picture files of every kind as sRGB, the right way up; whatever is wrong with a file is a sentence."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from talking.core.errors import TalkingError
from talking.media import picture
from talking.media.picture import read_picture

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


def profile_of(primaries: tuple[tuple[float, float, float], ...], space: bytes = b"RGB ") -> bytes:
    """Return an ICC profile (version 2) of the primaries' XYZ under D50, or of grey, with sRGB's curve as a table."""
    steps = np.linspace(0, 1, 1024)
    linear = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    curve = b"curv" + struct.pack(">II", 0, 1024) + np.rint(linear * 65535).astype(">u2").tobytes()

    def xyz(values) -> bytes:
        return b"XYZ " + struct.pack(">Iiii", 0, *(round(value * 65536) for value in values))

    tags = {b"wtpt": xyz((0.9642, 1.0, 0.8249))}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    for name, primary in zip(b"rgb".decode(), primaries, strict=False):
        tags |= {f"{name}XYZ".encode(): xyz(primary), f"{name}TRC".encode(): curve}
    table, data, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    size = at + len(data)
    header = struct.pack(">I4sI4s4s4s12x4s", size, b"", 0x02400000, b"mntr", space, b"XYZ ", b"acsp") + bytes(28)
    header += struct.pack(">iii", round(0.9642 * 65536), 65536, round(0.8249 * 65536))
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + data


# Apple's Display P3 under D50, from the primaries of SMPTE EG 432-1 and the white of D65.
DISPLAY_P3 = profile_of(((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)))
# sRGB's red, green, blue, a skin and a grey, and the same colours in Display P3 as CSS Color 4 converts them.
SRGB = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [224, 172, 140], [119, 119, 119]], np.uint8)
IN_P3 = np.array([[234, 51, 35], [117, 251, 76], [0, 0, 245], [216, 174, 145], [119, 119, 119]], np.uint8)


@pytest.mark.parametrize("name", ["p3.png", "p3.tif", "p3.webp", "p3.heic", "p3.jpg"])
def test_display_p3_as_phones_save_it_becomes_srgb(tmp_path, name) -> None:
    board = np.repeat(np.repeat(IN_P3[None], 16, axis=0), 16, axis=1)
    picture._know_heif()
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}, "heic": {"quality": -1}}
    found = opened(Image.fromarray(board), tmp_path / name, icc_profile=DISPLAY_P3, **options.get(name[3:], {}))
    assert np.abs(found[8, 8::16] - SRGB).max() <= 6


def test_a_profile_serves_palettes_what_is_transparent_and_grey(tmp_path) -> None:
    board = np.repeat(np.repeat(IN_P3[None], 8, axis=0), 8, axis=1)
    palette = Image.fromarray(board).quantize(8)
    assert np.abs(opened(palette, tmp_path / "p.png", icc_profile=DISPLAY_P3)[4, 4::8] - SRGB).max() <= 6
    half = np.dstack([board, np.full(board.shape[:2], 128, np.uint8)])
    found = opened(Image.fromarray(half), tmp_path / "half.png", icc_profile=DISPLAY_P3)
    assert np.abs(found[4, 4::8] - (SRGB * (128 / 255) + 255 * (127 / 255))).max() <= 6
    grey = opened(Image.fromarray(GREY), tmp_path / "grey.png", icc_profile=profile_of((), b"GRAY"))
    assert np.abs(grey[..., 0] - GREY).max() <= 2


@pytest.mark.parametrize("profile", [b"", b"no profile", DISPLAY_P3[:200], profile_of((), b"GRAY")])
def test_a_profile_that_is_damaged_or_of_other_data_is_left_out_of_account(tmp_path, profile) -> None:
    assert np.array_equal(opened(Image.fromarray(COLOUR), tmp_path / "odd.png", icc_profile=profile), COLOUR)


def test_damaged_exif_costs_no_picture_and_the_right_way_up_is_still_read(tmp_path) -> None:
    """The width, of type LONG, is stored as text: Pillow reads it, and fails when it writes EXIF anew."""
    tags = struct.pack("<HHII", 0x0100, 2, 4, 0x00747865) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + struct.pack("<I", 0)
    Image.fromarray(np.rot90(COLOUR)).save(tmp_path / "odd.jpg", quality=100, subsampling=0, exif=exif)
    found = read_picture(tmp_path / "odd.jpg").astype(int)
    assert found.shape == COLOUR.shape and np.abs(found - COLOUR).mean() < 2
    for cut in range(7, len(exif), 5):
        Image.fromarray(COLOUR).save(tmp_path / "cut.jpg", exif=exif[:cut])
        assert sorted(read_picture(tmp_path / "cut.jpg").shape) == sorted(COLOUR.shape)


def test_a_picture_of_200_megapixels_is_read_and_a_larger_one_told_why_not(tmp_path, monkeypatch) -> None:
    assert picture.LARGEST > 16320 * 12240, "the largest phone's sensor"
    Image.new("1", (20000, 12500)).save(tmp_path / "large.png")
    limit = Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(picture, "LARGEST", 200_000_000)
    with pytest.raises(TalkingError, match=r"20000 x 12500 = 250 million pixels, and 200 million at most"):
        read_picture(tmp_path / "large.png")
    monkeypatch.setattr(picture, "_as_shown", lambda image: Image.new("RGB", (image.width // 100, 1)))
    monkeypatch.setattr(picture, "LARGEST", 256_000_000)
    assert read_picture(tmp_path / "large.png").shape == (1, 200, 3)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_strip_of_one_row_is_a_picture(tmp_path) -> None:
    assert opened(Image.new("RGB", (5000, 1)), tmp_path / "flat.png").shape == (1, 5000, 3)


def test_what_is_no_file_is_said_so(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing")
    for name, words in (("pipe.png", "is no file"), ("link.png", "is not there"), (".", "is no file")):
        with pytest.raises(TalkingError, match=words):
            read_picture(Path(tmp_path / name))


def test_whatever_a_decoder_raises_is_a_sentence(tmp_path, monkeypatch) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "face.png")
    for error in (struct.error("odd"), KeyError(3), ZeroDivisionError(), RuntimeError("corrupt")):
        monkeypatch.setattr(picture, "_as_shown", lambda image, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(TalkingError, match=r"face.png is no picture that can be read"):
            read_picture(tmp_path / "face.png")
