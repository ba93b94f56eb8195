"""Films of all kinds of colours and pixels against the colours that they were made of."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from talking.media.audio import write_wav_bytes
from talking.media.ffmpeg import ffmpeg_binary, has_filter
from talking.media.film import write_film
from talking.media.resample import resample_clip
from talking.media.video import decode_frames, encode_frames

RunFfmpeg = Callable[..., bytes]
SKIN, RED, GREY = (224, 172, 140), (200, 30, 30), (118, 118, 118)
# Linear light of BT.709 to that of BT.2020 (ITU-R BT.2087-0, table 4).
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
WHITE = 203.0  # candela per square metre, the reference white of ITU-R BT.2408


def yuv_of(colour: tuple[float, float, float], red: float, blue: float, bits: int = 8) -> list[int]:
    """Return Y, Cb, Cr in video range of so many bits, for the luma weights of red and blue."""
    r, g, b = (value / 255 for value in colour)
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)
    step = 2 ** (bits - 8)
    return [round(step * (16 + 219 * luma)), *(round(step * (128 + 224 * value)) for value in chroma)]


def film_of(
    target: Path, planes: list[int], size: tuple[int, int], run_ffmpeg: RunFfmpeg, *extra: str, pixels: str = "yuv420p"
) -> Path:
    """A film of one colour, given as Y, Cb, Cr, with nothing said of its colours but by `extra`."""
    width, height = size
    kind = "<u2" if pixels.endswith("le") else np.uint8
    areas = (width * height, width * height // 4, width * height // 4)
    content = b"".join(np.full(area, plane, kind).tobytes() for area, plane in zip(areas, planes, strict=True))
    raw = target.with_suffix(".yuv")
    raw.write_bytes(content * 13)
    source = ("-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", "25", "-i", str(raw))
    sound = ("-f", "lavfi", "-i", "sine=duration=0.52")
    run_ffmpeg(*source, *sound, "-c:v", "libx264", "-qp", "4", "-preset", "ultrafast", *extra, str(target))
    return target


@pytest.mark.parametrize("colour", [SKIN, RED])
@pytest.mark.parametrize(
    ("size", "weights", "extra"),
    [
        (
            (1280, 720),
            (0.2126, 0.0722),
            ("-vf", "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"),
        ),
        ((1280, 720), (0.2126, 0.0722), ()),
        ((720, 576), (0.299, 0.114), ()),
        ((320, 240), (0.2126, 0.0722), ("-vf", "setparams=colorspace=bt709")),
    ],
    ids=["tagged HD", "untagged HD", "untagged television", "small and tagged BT.709"],
)
def test_a_colour_is_what_it_was(tmp_path: Path, run_ffmpeg: RunFfmpeg, colour, size, weights, extra) -> None:
    path = film_of(tmp_path / "film.mp4", yuv_of(colour, *weights), size, run_ffmpeg, *extra)
    made = resample_clip(path, tolerance_s=0.1, min_frames=5)
    for frames in (decode_frames(path), decode_frames(made.video)):
        assert np.abs(np.median(frames[0], axis=(0, 1)) - colour).max() <= 4


def pq(light: np.ndarray) -> np.ndarray:
    """Return SMPTE ST 2084's signal for light in candela per square metre."""
    power = (light / 10000) ** 0.1593017578125
    result: np.ndarray = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    return result


def hlg(light: np.ndarray) -> np.ndarray:
    """Return ITU-R BT.2100's HLG signal for what a display of 1000 candela shows as `light` (system gamma 1.2)."""
    luma = (light / 1000) @ np.array([0.2627, 0.6780, 0.0593])
    scene = light / 1000 * luma ** (1 / 1.2 - 1)
    low, high = np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
    result: np.ndarray = np.where(scene <= 1 / 12, low, high)
    return result


@pytest.mark.skipif(not has_filter("zscale"), reason="this ffmpeg has no zscale")
@pytest.mark.parametrize(("curve", "name"), [(pq, "smpte2084"), (hlg, "arib-std-b67")], ids=["PQ", "HLG"])
@pytest.mark.parametrize(("colour", "within"), [(SKIN, 20), (RED, 32), (GREY, 3)], ids=["skin", "red", "grey"])
def test_hdr_comes_out_as_its_colours_on_an_ordinary_screen(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, curve, name: str, colour, within: int
) -> None:
    linear = (np.array(colour) / 255) ** 2.4
    signal = 255 * curve(WHITE * (TO_BT2020 @ linear))
    tags = f"setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={name}:range=tv"
    planes = yuv_of(tuple(signal), 0.2627, 0.0593, bits=10)
    path = film_of(tmp_path / "hdr.mp4", planes, (320, 240), run_ffmpeg, "-vf", tags, pixels="yuv420p10le")
    made = resample_clip(path, tolerance_s=0.1, min_frames=5)
    for frames in (decode_frames(path), decode_frames(made.video)):
        found = np.median(frames[0], axis=(0, 1))
        # The brighter a colour, the more it is rolled off; zscale's HLG deepens strong colours somewhat.
        assert np.abs(found - colour).max() <= within, f"{colour} became {found}"
    assert b"bt709" in _summary(tmp_path / "made.mkv", made.video)


@pytest.mark.parametrize(
    ("aspect", "shape"), [("4/3", (120, 213)), ("2/1", (120, 320)), ("8/9", (135, 160)), ("1445/1444", (120, 160))]
)
def test_pixels_become_square(tmp_path: Path, make_clip, aspect: str, shape: tuple[int, int]) -> None:
    path = make_clip("clip.mp4", "25", 1, 1, "-vf", f"scale=160:120,setsar={aspect}")
    assert decode_frames(path).shape == (25, *shape, 3)
    made = resample_clip(path, tolerance_s=0.1, min_frames=5)
    even = tuple(side // 2 * 2 for side in shape)
    assert decode_frames(made.video).shape == (25, *even, 3)
    assert (made.meta["height"], made.meta["width"]) == even


def test_a_film_on_its_side_is_turned_and_its_pixels_with_it(tmp_path: Path, make_clip, run_ffmpeg: RunFfmpeg) -> None:
    lying = make_clip("lying.mp4", "25", 1, 1, "-vf", "scale=160:120,setsar=2/1")
    run_ffmpeg("-display_rotation", "90", "-i", str(lying), "-c", "copy", str(tmp_path / "upright.mp4"))
    assert decode_frames(tmp_path / "upright.mp4").shape == (25, 320, 120, 3)


def _summary(path: Path, content: bytes | None = None) -> bytes:
    if content is not None:
        path.write_bytes(content)
    return subprocess.run([ffmpeg_binary(), "-i", str(path)], capture_output=True, check=False).stderr


def test_films_that_are_written_say_bt709_throughout(tmp_path: Path) -> None:
    """The atom `colr` says nclx, then primaries, transfer and matrix, of which 1 is BT.709, in two bytes each."""
    frames = [np.full((64, 64, 3), SKIN, np.uint8)] * 25
    (tmp_path / "tone.wav").write_bytes(write_wav_bytes(np.sin(np.arange(16000) / 9) / 2, 16000))
    encode_frames(frames, tmp_path / "plain.mp4")
    write_film(iter(frames), tmp_path / "film.mp4", sound=tmp_path / "tone.wav")
    for name in ("plain.mp4", "film.mp4"):
        content = (tmp_path / name).read_bytes()
        place = content.index(b"colrnclx")
        assert content[place + 8 : place + 14] == bytes([0, 1, 0, 1, 0, 1])
        assert b"yuv420p(tv, bt709, progressive)" in _summary(tmp_path / name)
        assert np.abs(np.median(decode_frames(tmp_path / name)[0], axis=(0, 1)) - SKIN).max() <= 3
