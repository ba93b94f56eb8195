"""Frames in and out of video files, one at a time, so that the length of a clip does not show in the memory."""

import itertools
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ffmpeg
import numpy as np

from talking.core.errors import Rejected, TalkingError
from talking.core.files import atomic_path, full_disk_as_error
from talking.media.audio import write_wav_bytes
from talking.media.ffmpeg import (
    BT709,
    cause_of,
    compile_command,
    every_frame,
    filtered,
    log_lines,
    named,
    open_input,
    raise_if_disk_full,
    run,
)
from talking.media.scan import VideoInfo, probe
from talking.media.stream_info import PictureStream, plain_filters, read_picture_info

__all__ = [
    "VideoInfo",
    "decode_frames",
    "encode_frames",
    "encode_frames_bytes",
    "iter_frames",
    "probe",
    "read_metadata",
]

# One rounding on every processor, and colour interpolated at full resolution.
_EXACT = "bitexact+accurate_rnd+full_chroma_int+full_chroma_inp"
# The keys that an mp4 keeps; others are silently dropped by ffmpeg.
_METADATA_KEYS = ("title", "artist", "album", "comment", "description", "synopsis", "copyright", "genre", "date")


def decode_frames(source: Path | bytes) -> np.ndarray:
    """Return all frames of a clip, uint8 RGB (T, H, W, 3); raises as `iter_frames` does."""
    return np.stack(list(iter_frames(source)))


def iter_frames(source: Path | bytes) -> Iterator[np.ndarray]:
    """Yield the frames of a file, or of a file's bytes, one at a time as uint8 RGB (H, W, 3), each decoded frame once.

    They are as a person is to see them: square pixels, and the colours of sRGB, whatever the film is kept in. One frame
    at a time is held, whatever the length. Raises `Rejected` ("undecodable") when ffmpeg cannot decode the clip, or no
    frame comes out; with damaged data this can be after some frames have been yielded.
    """
    with _as_file(source) as path, tempfile.TemporaryFile() as log:
        if not path.is_file():
            raise Rejected("undecodable", f"{path} is not a file: check the path.")
        command = _decoding(path, read_picture_info(path))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            count = 0
            for frame in _pictures(process.stdout):
                count += 1
                yield frame
            _check_decoded(process, log, path, count)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def encode_frames(
    frames: Iterable[np.ndarray],
    target: Path,
    *,
    rate: int = 25,
    crf: int = 12,
    sound: np.ndarray | None = None,
    sound_rate: int = 16000,
    metadata: Mapping[str, str] | None = None,
    pixel_format: str = "yuv420p",
    preset: str = "medium",
) -> None:
    """Write frames, uint8 RGB (H, W, 3) each, as an H.264 mp4 in BT.709 colours, with `sound` (N,) as AAC where given.

    The frames are taken one at a time. One thread and no date, so the bytes depend on the content alone. `crf` runs
    from 0 (lossless) to 51; `metadata` takes the keys that an mp4 keeps, such as `comment`. The file appears under its
    name when it is complete. Raises `TalkingError` for no frames, frames of unequal or odd size, and a full disk.
    """
    options = {"crf": crf, "preset": preset, "pix_fmt": pixel_format, **_tags(metadata or {})}
    with full_disk_as_error(target), atomic_path(target) as unfinished, tempfile.TemporaryDirectory() as folder:
        wav = None
        if sound is not None:
            wav = Path(folder) / "sound.wav"
            wav.write_bytes(write_wav_bytes(sound, sound_rate))
        first, frames = _first(frames, target, pixel_format)
        command = _encoding(first.shape, rate, wav, unfinished, options)
        _feed(command, frames, first.shape, target)


def encode_frames_bytes(frames: Iterable[np.ndarray], **options: Any) -> bytes:
    """Return the bytes of the mp4 that `encode_frames` writes with the same options."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "video.mp4"
        encode_frames(frames, target, **options)
        return target.read_bytes()


def read_metadata(path: Path) -> dict[str, str]:
    """Return the container's metadata, such as `comment`, by key."""
    command = compile_command(ffmpeg.output(open_input(path), "pipe:", format="ffmetadata", fflags="+bitexact"))
    text = run(command, path).output.decode()
    pairs = (re.split(r"(?<!\\)=", line, maxsplit=1) for line in text.splitlines() if not line.startswith(";"))
    return {pair[0]: re.sub(r"\\(.)", r"\1", pair[1]) for pair in pairs if len(pair) == 2}


@contextmanager
def _as_file(source: Path | bytes) -> Iterator[Path]:
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip"
        with full_disk_as_error(path):
            path.write_bytes(source)
        yield path


def _decoding(path: Path, picture: PictureStream) -> list[str]:
    stream = filtered(open_input(path)[str(picture.index)], plain_filters(picture))
    # PPM says its own size, so that a stream of pictures needs no second look into the file.
    options = {"format": "image2pipe", "vcodec": "ppm", "pix_fmt": "rgb24", "sws_flags": _EXACT, **every_frame()}
    return compile_command(ffmpeg.output(stream, "pipe:", **options))


def _pictures(stream: IO[bytes]) -> Iterator[np.ndarray]:
    while stream.readline() == b"P6\n":
        width, height = (int(number) for number in stream.readline().split())
        stream.readline()
        content = stream.read(width * height * 3)
        if len(content) < width * height * 3:
            break
        yield np.frombuffer(bytearray(content), np.uint8).reshape(height, width, 3)


def _check_decoded(process: subprocess.Popen[bytes], log: IO[bytes], path: Path, count: int) -> None:
    code = process.wait()
    log.seek(0)
    lines = log_lines(log.read())
    if code:
        raise Rejected("undecodable", f"{path} cannot be decoded: {cause_of(lines, code)}")
    if not count:
        raise Rejected("undecodable", f"{path} cannot be decoded: no frame comes out of it.")


def _first(frames: Iterable[np.ndarray], target: Path, pixel_format: str) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Return the first frame and all frames, after making sure that there is one and that it can be encoded."""
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise TalkingError(f"{target}: there are no frames to write.")
    if first.ndim != 3 or first.shape[2] != 3 or first.dtype != np.uint8:
        raise TalkingError(f"{target}: a frame must be uint8 (H, W, 3), not {first.dtype} {first.shape}.")
    if pixel_format == "yuv420p" and (first.shape[0] % 2 or first.shape[1] % 2):
        size = f"{first.shape[1]}x{first.shape[0]}"
        raise TalkingError(f"{target}: {size} frames need even sides in yuv420p; crop them or choose yuv444p.")
    return first, itertools.chain([first], iterator)


def _tags(metadata: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(metadata) - set(_METADATA_KEYS))
    if unknown:
        raise TalkingError(
            f"metadata key {unknown[0]!r} is not kept by an mp4: use one of {', '.join(_METADATA_KEYS)}."
        )
    # ffmpeg-python takes an option once; the number tells ffmpeg nothing, but makes each one its own.
    return {f"metadata:g:{index}": f"{key}={value}" for index, (key, value) in enumerate(metadata.items())}


def _encoding(shape: tuple[int, ...], rate: int, wav: Path | None, target: Path, options: dict[str, Any]) -> list[str]:
    size = f"{shape[1]}x{shape[0]}"
    source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=size, framerate=rate)
    # Without a tag players guess BT.601 for small pictures and BT.709 for large ones, and colours shift.
    picture = source.video.filter("scale", out_color_matrix="bt709", out_range="tv", flags=_EXACT)
    # The tags of the frames count above those of the command, and the scaler gives them the matrix and range alone.
    picture = picture.filter("setparams", **BT709)
    streams = [picture] if wav is None else [picture, open_input(wav).audio]
    colours = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
    fixed = {"format": "mp4", "vcodec": "libx264", "acodec": "aac", "audio_bitrate": "128k", "threads": 1}
    flags = {"fflags": "+bitexact", "flags:v": "+bitexact", "flags:a": "+bitexact", "movflags": "+faststart"}
    return compile_command(ffmpeg.output(*streams, named(target), **fixed, **flags, **colours, **options))


def _feed(command: list[str], frames: Iterator[np.ndarray], shape: tuple[int, ...], target: Path) -> None:
    """Pipe the frames into ffmpeg; raise `TalkingError` when it fails, after it is gone."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, restore_signals=False
        )
        assert process.stdin is not None
        try:
            _pour(process.stdin, frames, shape, target)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        lines = log_lines(log.read())
        # Old versions of ffmpeg end with 0 when the last bytes found no room.
        raise_if_disk_full(lines, target)
        if code:
            raise TalkingError(f"{target} could not be written: {cause_of(lines, code)}")


def _pour(pipe: IO[bytes], frames: Iterator[np.ndarray], shape: tuple[int, ...], target: Path) -> None:
    try:
        for index, frame in enumerate(frames):
            if frame.shape != shape or frame.dtype != np.uint8:
                raise TalkingError(
                    f"{target}: frame {index} is {frame.dtype} {frame.shape}, the first is uint8 {shape}."
                )
            pipe.write(np.ascontiguousarray(frame).data)
        pipe.close()
    except BrokenPipeError:
        # ffmpeg has given up; its log says why.
        pass
