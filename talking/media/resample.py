"""Bringing a clip to 25 frames a second and 16 kHz, lips and sound together; pictures that fit already stay untouched.

Those of pixels that are not square, or of colours that are not BT.709's, are brought to such as well.

The sound is the video's own, never a separate recording: GRID's sound files are shorter than its videos.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from talking.core.errors import Rejected, TalkingError
from talking.core.files import full_disk_as_error
from talking.media.audio import write_wav_bytes
from talking.media.ffmpeg import BT709, compile_command, every_frame, filtered, open_input, run
from talking.media.scan import Scan, scan
from talking.media.sound_stream import extract_sound
from talking.media.stream_info import PictureStream, check_picture, plain_filters

# Enough to tell what is wrong with a clip; a broken one can have thousands.
_COMPLAINTS_KEPT = 8


@dataclass(frozen=True)
class Resampled:
    """A clip ready for all that follows: `video` is Matroska without sound, `sound` a mono 16-bit WAV, `meta` for JSON.

    The sound begins with the first frame and ends with the last, to the sample. `meta` holds `frames`, `rate`,
    `sound_rate`, `width`, `height`, `pictures` ("copied", "lossless" or "resampled"), `repaired` (what was done to the
    sound, in seconds: `head_padded_s`, `head_cut_s`, `tail_padded_s`, `tail_cut_s`) and `source`, what the clip was.
    """

    video: bytes
    sound: bytes
    meta: dict[str, Any]


def resample_clip(
    path: Path,
    *,
    rate: int = 25,
    sound_rate: int = 16000,
    tolerance_s: float,
    min_frames: int,
    expected_s: float | None = None,
    max_damaged: float = 0.05,
    crf: int = 10,
    preset: str = "veryfast",
) -> Resampled:
    """Return a clip at a constant `rate` with its own sound at `sound_rate` Hz, mono; the file itself is only read.

    A clip that has the constant rate keeps its pictures bit by bit: the video stream is copied, or, where a container
    forbids that, encoded without loss. Any other is resampled, each frame within half a frame of its time, and encoded
    with `crf` and `preset` of x264; so is one whose pixels are not square, or whose colours are HDR or wider than
    BT.709's, which come out as square pixels in BT.709. An odd last row or column of an encoded clip is cut. Sound
    that starts or ends up to `tolerance_s` away from the picture is padded with silence or cut. The same clip gives
    the same bytes.

    Raises `Rejected`: "undecodable" when ffmpeg cannot read the clip, when it is cut off, when more than the share
    `max_damaged` of its frames is missing or decoded from broken data, or when it ends more than `tolerance_s` before
    `expected_s` where that is known (GRID: 3 s); "soundless"; "short" below `min_frames`; "length" when sound and
    picture differ by more than `tolerance_s`. By default a damaged block in one frame of a hundred passes, and is told
    in `meta`; a clip with a tenth of its frames broken does not.
    """
    if rate < 1 or sound_rate < 1 or tolerance_s < 0 or min_frames < 1 or not 0 <= max_damaged <= 1:
        raise TalkingError(
            "resample needs positive rates, tolerance_s of at least 0, min_frames of at least 1, max_damaged in 0..1."
        )
    found = scan(path)
    _check_pictures(path, found, max_damaged, expected_s, tolerance_s)
    if not found.info.has_sound:
        raise Rejected("soundless", f"{path} has no sound: it cannot teach how a face speaks.")
    with tempfile.TemporaryDirectory() as folder, full_disk_as_error(Path(folder)):
        target = Path(folder) / "video.mkv"
        pictures, made = _pictures(path, found, target, rate, {"crf": crf, "preset": preset})
        _check_length(path, made.info.frames, min_frames, rate)
        samples = extract_sound(path, sound_rate)
        wanted = round(made.info.frames * sound_rate / rate)
        head = round(found.sound_offset_s * sound_rate)
        tail = wanted - (len(samples) + head)
        _check_sound(path, head / sound_rate, tail / sound_rate, tolerance_s)
        meta = {
            **{"frames": made.info.frames, "width": made.info.width, "height": made.info.height},
            **{"rate": rate, "sound_rate": sound_rate, "pictures": pictures},
            **{"repaired": _repairs(head / sound_rate, tail / sound_rate), "source": _source(path, found)},
        }
        samples = _fit(samples, head, wanted)
        return Resampled(target.read_bytes(), write_wav_bytes(samples, sound_rate), meta)


def _check_pictures(path: Path, found: Scan, max_damaged: float, expected_s: float | None, tolerance_s: float) -> None:
    info = found.info
    # Holes in the times are damage only where the decoder complains: a phone leaves them on purpose.
    broken = found.damaged + (found.missing if found.complaints else 0)
    total = info.frames + (found.missing if found.complaints else 0)
    if broken > max_damaged * total:
        raise Rejected("undecodable", f"{path} is broken: {broken} of {total} frames are missing or damaged.")
    length = info.duration_s + found.missing / float(info.rate)
    if found.complaints and found.declared_s and length < 0.9 * found.declared_s:
        raise Rejected("undecodable", f"{path} is cut off: {length:.2f} s of {found.declared_s:.2f} s can be decoded.")
    if expected_s is not None and length < expected_s - tolerance_s:
        raise Rejected("undecodable", f"{path} is cut off: {length:.2f} s of {expected_s:.2f} s can be decoded.")


def _check_length(path: Path, frames: int, min_frames: int, rate: int) -> None:
    if frames < min_frames:
        raise Rejected("short", f"{path} is too short: {frames} frames at {rate} per second, {min_frames} are needed.")


def _pictures(path: Path, found: Scan, target: Path, rate: int, quality: dict[str, Any]) -> tuple[str, Scan]:
    """Write the pictures to `target` and return how ("copied", "lossless", "resampled"), with a scan of the result."""
    picture = found.told.picture
    assert picture is not None, "a scan has one"
    check_picture(path, picture)
    if not found.info.constant or found.info.rate != rate or picture.wide or not picture.square:
        _encode(path, picture, target, rate, {"pix_fmt": "yuv420p", **quality})
        return "resampled", scan(target)
    copy = _copied(path, picture, target)
    if copy is not None and copy.hashes == found.hashes and copy.info.constant:
        return "copied", copy
    _encode(path, picture, target, rate, {"qp": 0, "preset": "ultrafast"})
    return "lossless", scan(target)


def _copied(path: Path, picture: PictureStream, target: Path) -> Scan | None:
    """Copy the video stream into Matroska and return a scan of it, None when the container or its edits forbid that."""
    source = open_input(path, fflags="+genpts")[str(picture.index)]
    try:
        run(compile_command(ffmpeg.output(source, str(target), vcodec="copy", **_PLAIN)), path)
        return scan(target)
    except Rejected:
        return None


def _encode(path: Path, picture: PictureStream, target: Path, rate: int, options: dict[str, Any]) -> None:
    frames = open_input(path)[str(picture.index)].filter("setpts", "PTS-STARTPTS").filter("fps", fps=rate, round="near")
    frames = filtered(frames, plain_filters(picture))
    # x264 halves the colour's sides.
    frames = frames.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2", exact=1)
    if picture.wide:
        frames = frames.filter("setparams", **BT709)
    fixed = {"vcodec": "libx264", "threads": 1, "flags:v": "+bitexact", **every_frame(), **_PLAIN}
    run(compile_command(ffmpeg.output(frames, str(target), **fixed, **options)), path)


_PLAIN = {"format": "matroska", "fflags": "+bitexact", "map_metadata": -1, "map_chapters": -1}


def _check_sound(path: Path, head_s: float, tail_s: float, tolerance_s: float) -> None:
    for place, gap in (("starts", head_s), ("ends", -tail_s)):
        if abs(gap) > tolerance_s:
            side = "after" if gap > 0 else "before"
            sentence = f"{path}: its sound {place} {abs(gap):.3f} s {side} its picture; {tolerance_s:g} s are allowed."
            raise Rejected("length", sentence)


def _repairs(head_s: float, tail_s: float) -> dict[str, float]:
    changes = {"head_padded_s": head_s, "head_cut_s": -head_s, "tail_padded_s": tail_s, "tail_cut_s": -tail_s}
    return {name: round(length, 6) for name, length in changes.items() if length > 0}


def _fit(samples: np.ndarray, head: int, wanted: int) -> np.ndarray:
    """Return the sound (wanted,) from the first frame to the end of the last; `head` samples lack at its start."""
    samples = np.pad(samples[max(0, -head) :], (max(0, head), 0))
    return np.pad(samples[:wanted], (0, max(0, wanted - len(samples))))


def _source(path: Path, found: Scan) -> dict[str, Any]:
    """Return what the clip was, for `meta`; without its folder, so that moving a corpus changes no byte."""
    picture = found.told.picture
    assert picture is not None, "a scan has one"
    return {
        "pixel_aspect": str(picture.aspect),
        "colours": {"matrix": picture.matrix, "primaries": picture.primaries, "transfer": picture.transfer},
        "codec": found.info.codec,
        "rate": str(found.info.rate),
        "constant": found.info.constant,
        "frames": found.info.frames,
        "damaged_frames": found.damaged,
        "missing_frames": found.missing,
        "sound_offset_s": round(found.sound_offset_s, 6),
        "decode_errors": found.info.decode_errors,
        "complaints": [line.replace(str(path.absolute()), path.name) for line in found.complaints[:_COMPLAINTS_KEPT]],
    }
