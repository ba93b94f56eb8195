"""Finding ffmpeg, building its commands and running them so that a failure is one sentence about one file."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from talking.core.errors import FullDisk, Rejected, TalkingError
from talking.core.files import tells_of_full_disk

_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
DISGUISE = "\uf8ff"  # Begins no absolute path.
_PREFIXES = re.compile(r"^(\[[^]]*\] ?)+")
_ERROR = re.compile(r"\[(error|fatal|panic)\]")
_CORRUPT = re.compile(r"Packet corrupt|corrupt input packet")
# What ffmpeg says when something else, told before, has failed.
_CONSEQUENCES = (
    "Nothing was written into output file",
    "Conversion failed",
    "Error opening output file",
    "Error opening input files",
    "Terminating thread with return code",
    "Task finished with error code",
    "Could not open encoder before EOF",
    "Error while filtering",
    "Error reinitializing filters",
    "Decode error rate",
    "Error submitting packet to decoder",
    "Decoding error",
    "non monotonically increasing dts",
)
# The options of ffmpeg's filter `setparams` that say of frames that they are in BT.709, in video range.
BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "range": "tv"}


@dataclass(frozen=True)
class Finished:
    """What a command of ffmpeg left: its standard output and the lines of its log."""

    output: bytes
    log: tuple[str, ...]


@lru_cache(maxsize=1)
def ffmpeg_binary() -> str:
    """Return the path of the system's ffmpeg, or of the one in the imageio-ffmpeg wheel where the system has none."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        result: str = imageio_ffmpeg.get_ffmpeg_exe()
        return result
    except RuntimeError as error:
        raise TalkingError("ffmpeg was not found: install it, or the package imageio-ffmpeg, and run again.") from error


@lru_cache(maxsize=1)
def every_frame() -> dict[str, str]:
    """Return the output option that passes each decoded frame on exactly once; ffmpeg 5.1 gave it a new name."""
    answer = subprocess.run([ffmpeg_binary(), "-hide_banner", "-h", "long"], capture_output=True, check=False)
    return {"fps_mode": "passthrough"} if b"-fps_mode" in answer.stdout else {"vsync": "0"}


@lru_cache(maxsize=32)
def has_filter(name: str) -> bool:
    """Return whether the ffmpeg that is used has a filter: builds differ."""
    answer = subprocess.run([ffmpeg_binary(), "-hide_banner", "-filters"], capture_output=True, check=False)
    return any(line.split()[1:2] == [name] for line in answer.stdout.decode(errors="replace").splitlines())


def named(path: Path) -> str:
    """Return a path as ffmpeg-python can hold it: of a name that is no text its bytes, disguised as text.

    `compile_command` takes the disguise off again.
    """
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        return DISGUISE + os.fsencode(path).decode("latin-1")
    return name


def _undisguised(argument: str) -> str:
    return os.fsdecode(argument[1:].encode("latin-1")) if argument.startswith(DISGUISE) else argument


def open_input(path: Path, **options: Any) -> Any:
    """Return ffmpeg-python's input node for a file; a playlist in disguise may not reach out to the network."""
    return ffmpeg.input(named(path.absolute()), protocol_whitelist="file,pipe", threads=1, **options)


def filtered(stream: Any, filters: Iterable[tuple[str, Mapping[str, str]]]) -> Any:
    """Return ffmpeg-python's stream behind filters, each a name and its options."""
    for name, options in filters:
        stream = stream.filter(name, **options)
    return stream


def compile_command(node: Any, level: str = "warning") -> list[str]:
    """Return the arguments of the command that a node of ffmpeg-python describes, quiet but for `level` and worse."""
    result: list[str] = node.global_args(*_flags(level)).compile(cmd=ffmpeg_binary(), overwrite_output=True)
    return [_undisguised(argument) for argument in result]


def input_command(path: Path) -> list[str]:
    """Return the arguments of the command that opens a file, tells what is in it and writes nothing."""
    return [ffmpeg_binary(), *_flags("info"), "-protocol_whitelist", "file,pipe", "-i", str(path.absolute())]


def _flags(level: str) -> tuple[str, ...]:
    return "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"repeat+level+{level}"


def run(command: list[str], source: Path, unless: str | None = None) -> Finished:
    """Run a command that reads the clip `source`; a failure whose log holds `unless` is left to the caller to judge.

    Raises `Rejected` ("undecodable") with the clip's path and the cause that ffmpeg tells when the command fails, and
    `TalkingError` when it failed because the disk is full, which is no fault of the clip.
    """
    if not source.is_file():
        raise Rejected("undecodable", f"{source} is not a file: check the path.")
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, restore_signals=False)
    log = log_lines(done.stderr)
    # Before the exit code, since old versions of ffmpeg end with 0 when the last bytes found no room.
    raise_if_disk_full(log, source)
    if done.returncode and not (unless and any(unless in line for line in log)):
        raise Rejected("undecodable", f"{source} cannot be decoded: {cause_of(log, done.returncode)}")
    return Finished(done.stdout, log)


def log_lines(content: bytes) -> tuple[str, ...]:
    """Return the lines of ffmpeg's log without memory addresses, which differ from run to run."""
    text = content.decode("utf-8", errors="replace").replace("\r", "\n")
    return tuple(_ADDRESS.sub("", line).strip() for line in text.splitlines() if line.strip())


def cause_of(log: tuple[str, ...], code: int) -> str:
    """Return the line of a log that tells why ffmpeg failed, or the exit code when it died without a word.

    That is the first error which is no consequence of another: ffmpeg ends a failure with what did not come of it.
    """
    errors = [line for line in log if _ERROR.search(line)] or list(log)
    told = [line for line in errors if not any(words in line for words in _CONSEQUENCES)] or errors
    return _PREFIXES.sub("", told[0]) if told else f"ffmpeg ended with code {code} and said nothing."


def complaints_of(log: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a decoder complained of in a log though it went on, without the lines that only repeat it."""
    told = (line for line in log if _ERROR.search(line) or _CORRUPT.search(line))
    return tuple(_PREFIXES.sub("", line) for line in told if not any(words in line for words in _CONSEQUENCES))


def raise_if_disk_full(log: tuple[str, ...], target: Path) -> None:
    """Raise `FullDisk` when a log says that there was no room left to write."""
    if any(tells_of_full_disk(line) for line in log):
        raise FullDisk(target)
