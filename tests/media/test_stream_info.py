"""What is read of a file's streams against how the file was made, and which streams are taken."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talking.core.errors import Rejected
from talking.media import stream_info
from talking.media.scan import scan
from talking.media.sound_stream import extract_sound
from talking.media.stream_info import read_stream_info
from talking.media.video import decode_frames

RunFfmpeg = Callable[..., bytes]
TAGS = ("-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-color_range", "tv")


def test_size_rate_pixels_colours_and_length_are_as_they_were_written(make_clip) -> None:
    filters = "setsar=4/3,setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67:range=tv"
    told = read_stream_info(make_clip("clip.mp4", "30000/1001", 2, 2, "-vf", filters, *TAGS))
    picture = told.picture
    assert picture is not None and told.sound is not None
    assert (picture.width, picture.height, picture.aspect) == (128, 96, Fraction(4, 3))
    assert (picture.rate, picture.codec, picture.hdr) == (Fraction(30000, 1001), "h264", "HLG")
    assert (picture.matrix, picture.primaries, picture.transfer) == ("bt2020nc", "bt2020", "arib-std-b67")
    assert (picture.range, picture.square, picture.wide) == ("tv", False, True)
    assert (told.sound.rate, told.sound.layout) == (44100, "mono")
    assert told.declared_s == pytest.approx(2, abs=0.1)


def test_a_file_that_tells_no_colours_is_not_given_any(make_clip) -> None:
    picture = read_stream_info(make_clip("clip.mp4")).picture
    assert picture is not None
    assert (picture.matrix, picture.primaries, picture.transfer) == ("", "", "")
    assert picture.square and not picture.wide and not picture.untold_hd


def test_a_length_that_ffmpeg_guesses_is_none(tmp_path: Path, run_ffmpeg: RunFfmpeg) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", str(tmp_path / "tone.aac"))
    assert read_stream_info(tmp_path / "tone.aac").declared_s is None


def test_words_in_a_title_are_not_taken_for_a_stream(tmp_path: Path, make_clip) -> None:
    title = "x\n  Stream #0:7: Video: h264, yuv420p, 9000x9000, 25 fps (default)\n  Duration: 99:00:00.00"
    told = read_stream_info(make_clip("clip.mkv", "25", 1, 1, "-metadata", f"title={title}"))
    assert told.picture is not None and (told.picture.index, told.picture.width) == (0, 128)
    assert told.declared_s == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("attached", [True, False], ids=["marked as cover art", "a track like any other"])
def test_cover_art_before_the_film_is_not_the_film(
    tmp_path: Path, make_clip, run_ffmpeg: RunFfmpeg, attached: bool
) -> None:
    film = make_clip("film.mp4", "25", 1, 1)
    run_ffmpeg("-f", "lavfi", "-i", "color=red:size=64x64:duration=0.04", str(tmp_path / "cover.jpg"))
    marks = ("-disposition:v:0", "attached_pic") if attached else ("-disposition:v:0", "0")
    inputs = ("-i", str(tmp_path / "cover.jpg"), "-i", str(film))
    both = tmp_path / ("both.mp4" if attached else "both.mkv")
    run_ffmpeg(*inputs, "-map", "0:v", "-map", "1", "-c", "copy", *marks, str(both))
    assert decode_frames(both).shape == (25, 96, 128, 3)
    assert (scan(both).info.frames, scan(both).info.codec) == (25, "h264")


def test_the_sound_that_is_marked_default_is_heard(tmp_path: Path, make_clip, run_ffmpeg: RunFfmpeg) -> None:
    """The first track is a tone of 440 Hz, the second, which is marked, one of 1000 Hz."""
    first = make_clip("first.mkv", "25", 1, 1)
    second = ("-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=44100:duration=1")
    marks = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    run_ffmpeg("-i", str(first), *second, "-map", "0", "-map", "1", "-c:v", "copy", *marks, str(tmp_path / "two.mkv"))
    spectrum = np.abs(np.fft.rfft(extract_sound(tmp_path / "two.mkv")[:16000]))
    assert abs(int(spectrum.argmax()) - 1000) <= 1


def test_pixels_that_no_camera_has_are_refused_before_they_fill_the_memory(make_clip) -> None:
    with pytest.raises(Rejected, match=r"wide\.mkv declares pixels of \d+:\d+"):
        decode_frames(make_clip("wide.mkv", "25", 1, 1, "-vf", "setsar=50/1"))


def test_hdr_is_refused_by_name_where_ffmpeg_cannot_convert_it(make_clip, monkeypatch: pytest.MonkeyPatch) -> None:
    filters = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    path = make_clip("hdr.mp4", "25", 1, 1, "-vf", filters)
    monkeypatch.setattr(stream_info, "has_filter", lambda name: False)
    with pytest.raises(Rejected, match=r"hdr\.mp4 is a film in PQ colours.*install an ffmpeg that has"):
        decode_frames(path)
