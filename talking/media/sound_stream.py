"""The sound of a file, piece by piece, and the sound of a file put under a finished picture."""

import subprocess
import tempfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import ffmpeg
import numpy as np

from talking.core.errors import Rejected
from talking.media.audio import to_float
from talking.media.ffmpeg import (
    cause_of,
    compile_command,
    complaints_of,
    log_lines,
    named,
    open_input,
    raise_if_disk_full,
    run,
)
from talking.media.mono import Mixer
from talking.media.stream_info import SoundStream, read_stream_info

# What every browser plays, in AAC packets of 21 ms, half a frame.
SOUND_RATE = 48000
# Samples per channel that are mixed at once. Always as many, whatever the pieces, so that these do not show.
_BLOCK = 4096
# Below two steps of 16 bits, -84 dB of full scale, is nothing that anyone said.
_SILENCE = 2.0**-14
FULL_SCALE = 32768


def extract_sound(path: Path, rate: int = 16000) -> np.ndarray:
    """Return a file's own sound as float32 mono (N,) in [-1, 1] at `rate` Hz, from its first sample on.

    Holes that a broken stream leaves are filled with silence, so that what follows keeps its time. Raises `Rejected`:
    "soundless" when nothing can be heard, "undecodable" when ffmpeg cannot read the file or a sample is not finite.
    """
    return np.concatenate(list(iter_sound(path, rate)))


def iter_sound(path: Path, rate: int = 16000, *, piece_s: float = 1.0) -> Generator[np.ndarray, None, None]:
    """Yield the samples that `extract_sound` returns, float32 mono in [-1, 1], in pieces of `piece_s` seconds.

    ffmpeg reads no further ahead than its pipe is long. Raises `Rejected` ("soundless", "undecodable") as
    `extract_sound` does; with a file that is damaged later on, or silent throughout, this is after some pieces.
    """
    return Decoding(path, rate).pieces(max(1, round(piece_s * rate)))


def check_sound(path: Path) -> None:
    """Raise as `iter_sound` does where a file's sound cannot be read to its end, is not finite, or is silent."""
    for _ in iter_sound(path):
        pass


def add_sound(picture: Path, sound: Path, target: Path, *, frames: int, rate: int = 25) -> None:
    """Write to `target` the H.264 mp4 `picture`, copied, with the first sound of the file `sound` as AAC.

    The sound is cut, or continued by silence, to the time of `frames` frames. `target` is written in place: give a
    temporary name.
    """
    length = round(frames * SOUND_RATE / rate)
    chain = f"aresample={SOUND_RATE},apad,atrim=end_sample={length}"
    options = {"vcodec": "copy", "acodec": "aac", "audio_bitrate": "160k", "format": "mp4", "threads": 1}
    flags = {"fflags": "+bitexact", "flags:a": "+bitexact", "movflags": "+faststart", "map_metadata": 0}
    streams = open_input(picture)["v:0"], open_input(sound)["a:0"]
    run(compile_command(ffmpeg.output(*streams, named(target), af=chain, **options, **flags)), sound)


class Decoding:
    """One run of ffmpeg through the sound of a file: mono pieces come out, while the film's sound is written."""

    def __init__(self, path: Path, rate: int, film: Path | None = None) -> None:
        """`film`: where the sound for the film is to be written, as FLAC of one or two channels."""
        self._path, self._rate, self._film = path, rate, film
        self.log: tuple[str, ...] = ()
        self.declared_s: float | None = None

    def pieces(self, size: int) -> Generator[np.ndarray, None, None]:
        """Yield float32 mono pieces (size,), the last one shorter; `log` and `declared_s` are there after the last."""
        told = read_stream_info(self._path)
        self.declared_s = told.declared_s
        if told.sound is None:
            raise Rejected("soundless", f"{self._path} has no sound: give a file that has.")
        channels = _channels(told.sound)
        command = self._command(told.sound, channels, told.timed)
        held = np.zeros(0, np.float32)
        loudest = 0.0
        mix = Mixer()
        with closing(self._blocks(command, channels)) as blocks:
            for block in blocks:
                loudest = max(loudest, float(np.abs(block).max()))
                held = np.concatenate([held, _as_16_bits(mix(block))])
                while len(held) >= size:
                    yield held[:size]
                    held = held[size:]
        if len(held):
            yield held
        if loudest < _SILENCE:
            raise Rejected("soundless", f"{self._path} is silent from beginning to end: give a file with speech in it.")

    def _blocks(self, command: list[str], channels: int) -> Generator[np.ndarray, None, None]:
        """Yield finite blocks (N, C) float32 of one or two channels, and keep what ffmpeg said."""
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            assert process.stdout is not None
            done = 0
            try:
                while content := process.stdout.read(_BLOCK * channels * 4):
                    block = np.frombuffer(content[: len(content) // (4 * channels) * 4 * channels], "<f4")
                    block = block.reshape(-1, channels)  # (N, C)
                    self._check_finite(block, done)
                    done += len(block)
                    yield block
                code = process.wait()
            finally:
                process.kill()
                process.stdout.close()
                process.wait()
            self._read_log(log, code, done)

    def _read_log(self, log: IO[bytes], code: int, samples: int) -> None:
        log.seek(0)
        self.log = log_lines(log.read())
        raise_if_disk_full(self.log, self._film or self._path)
        if not code and not samples and not complaints_of(self.log):
            raise Rejected(
                "soundless", f"{self._path} has a track of sound with nothing in it: give a file with speech."
            )
        if code or not samples:
            raise Rejected("undecodable", f"the sound of {self._path} cannot be decoded: {cause_of(self.log, code)}")

    def _check_finite(self, block: np.ndarray, before: int) -> None:
        broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(broken):
            place = (before + int(broken[0])) / self._rate
            raise Rejected(
                "undecodable",
                f"the sound of {self._path} is not finite at {place:.2f} s: export it again, in 16 or 24 bits.",
            )

    def _command(self, stream: SoundStream, channels: int, timed: bool) -> list[str]:
        source = open_input(self._path)[str(stream.index)]
        for name, arguments in _named_channels(stream):
            source = source.filter(name, arguments)
        heard = {"format": "f32le", "acodec": "pcm_f32le", "flags:a": "+bitexact"}
        if self._film is None:
            return compile_command(ffmpeg.output(_resampled(source, self._rate, channels, timed), "pipe:", **heard))
        parts = source.filter_multi_output("asplit")
        played = {"format": "flac", "acodec": "flac", "sample_fmt": "s16", "compression_level": 2}
        return compile_command(
            ffmpeg.merge_outputs(
                ffmpeg.output(_resampled(parts[0], self._rate, channels, timed), "pipe:", **heard),
                ffmpeg.output(_resampled(parts[1], SOUND_RATE, channels, timed), str(self._film), **played),
            )
        )


def _channels(stream: SoundStream) -> int:
    return 1 if stream.layout == "mono" or stream.layout.startswith("ambisonic") else 2


def _named_channels(stream: SoundStream) -> list[tuple[str, str]]:
    """Return the filter that makes channels of which nothing says what they are into two: the even and the odd ones."""
    if stream.layout.startswith("ambisonic"):
        # The first channel of ambisonic sound is what an ordinary microphone would have heard.
        return [("pan", "mono|c0=c0")]
    count = stream.unnamed_channels
    if count < 2:
        return []
    sides = ("+".join(f"c{channel}" for channel in range(side, count, 2)) for side in (0, 1))
    return [("pan", "stereo|FL<{}|FR<{}".format(*sides))]


def _resampled(source: Any, rate: int, channels: int, timed: bool) -> Any:
    """Return a stream at another rate, in one or two channels; where it is timed, its holes become silence."""
    # Half a frame: a lost packet of MPEG sound (26 ms) must not draw the rest forward; ffmpeg's limit is 100 ms.
    holes = {"async": 1, "min_hard_comp": 0.02} if timed else {}
    # In floating point ffmpeg adds channels up, beyond 1, unless it is told not to.
    resampled = source.filter("aresample", rate, rematrix_maxval=1, **holes)
    # Not by the resampler's own options, of which versions of ffmpeg have different ones.
    return resampled.filter("aformat", sample_fmts="flt", channel_layouts="mono" if channels == 1 else "stereo")


def _as_16_bits(samples: np.ndarray) -> np.ndarray:
    """Return samples as float32 of 16 bits, as they are kept for training; what lies beyond [-1, 1] is clipped."""
    whole = np.clip(np.rint(samples.astype(np.float64) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return to_float(whole)
