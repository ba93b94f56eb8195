"""Finding ffmpeg, building its commands and running them so that a failure is one sentence about one file."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from talking.core.errors import Rejected, TalkingError
from talking.core.files import tells_of_full_disk

_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
DISGUISE = "\uf8ff"  # Begins no absolute path.
_PREFIXES = re.compile(r"^(\[[^]]*\] ?)+")


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


def compile_command(node: Any, level: str = "warning") -> list[str]:
    """Return the arguments of the command that a node of ffmpeg-python describes, quiet but for `level` and worse."""
    flags = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", f"repeat+level+{level}")
    result: list[str] = node.global_args(*flags).compile(cmd=ffmpeg_binary(), overwrite_output=True)
    return [_undisguised(argument) for argument in result]


def run(command: list[str], source: Path, unless: str | None = None) -> Finished:
    """Run a command that reads the clip `source`; a failure whose log holds `unless` is left to the caller to judge.

    Raises `Rejected` ("undecodable") with the clip's path and ffmpeg's last words when the command fails, and
    `TalkingError` when it failed because the disk is full, which is no fault of the clip.
    """
    if not source.is_file():
        raise Rejected("undecodable", f"{source} is not a file: check the path.")
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, restore_signals=False)
    log = log_lines(done.stderr)
    # Before the exit code, since old versions of ffmpeg end with 0 when the last bytes found no room.
    raise_if_disk_full(log, source)
    if done.returncode and not (unless and any(unless in line for line in log)):
        raise Rejected("undecodable", f"{source} cannot be decoded: {last_words(log, done.returncode)}")
    return Finished(done.stdout, log)


def log_lines(content: bytes) -> tuple[str, ...]:
    """Return the lines of ffmpeg's log without memory addresses, which differ from run to run."""
    text = content.decode("utf-8", errors="replace").replace("\r", "\n")
    return tuple(_ADDRESS.sub("", line).strip() for line in text.splitlines() if line.strip())


def last_words(log: tuple[str, ...], code: int) -> str:
    """Return the last line of a log as the end of a sentence, or the exit code when ffmpeg died without a word."""
    return _PREFIXES.sub("", log[-1]) if log else f"ffmpeg ended with code {code} and said nothing."


def raise_if_disk_full(log: tuple[str, ...], target: Path) -> None:
    """Raise `TalkingError` when a log says that there was no room left to write."""
    if any(tells_of_full_disk(line) for line in log):
        raise TalkingError(f"{target}: the disk is full; free some space and run again.")
