"""Videos of the test clips that other systems made, `<folder>/<method>/<clip>.mp4`: found, checked and decoded."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talking.core.errors import TalkingError
from talking.evaluation.methods import RECORD, Method, View, read_method
from talking.media.resizing import resize_frames
from talking.media.video import decode_frames, probe

RATE = 25
# All rows are cut to the shortest, so one truncated video would cost every row its frames.
SHORTEST = 0.8
SUFFIX = ".mp4"
NOTES = frozenset({"README.md", ".gitignore"})
NAMED = 5


@dataclass(frozen=True)
class Videos:
    """What lies in `folder`: by method, the keys of the clips that it has; `remarks` are sentences on other files.

    `methods` is what each says of itself.
    """

    folder: Path
    clips: dict[str, frozenset[str]]
    methods: tuple[Method, ...] = ()
    remarks: tuple[str, ...] = ()

    def frames(self, key: str, size: int, length: int, view: View = "aligned") -> dict[str, np.ndarray]:
        """Return the frames (T, size, size, 3) uint8 of one clip by each method of a view that has it.

        Raises as `read_made` does.
        """
        return {
            method.name: read_made(self.folder / method.name / f"{key}{SUFFIX}", size, length)
            for method in self.methods
            if method.view == view and key in self.clips[method.name]
        }

    def sizes(self) -> dict[str, int]:
        """Return the side in pixels of each method's first video."""
        return {
            method: probe(self.folder / method / f"{min(keys)}{SUFFIX}").width for method, keys in self.clips.items()
        }


def find_videos(folder: Path | None, keys: Collection[str], taken: Collection[str]) -> Videos:
    """Look for videos of the clips `keys`; a folder that is not there holds no method.

    Raises `TalkingError` for a method that has none of the clips, or whose name is that of a row (`taken`) or would
    not do as the name of a metric.
    """
    if folder is None or not folder.is_dir():
        return Videos(folder or Path(), {})
    clips: dict[str, frozenset[str]] = {}
    remarks = _strays(folder, (path for path in folder.iterdir() if not path.is_dir() and path.name not in NOTES))
    for method in sorted(path for path in folder.iterdir() if path.is_dir()):
        _check_name(method, taken)
        names = {path.name for path in method.iterdir()}
        clips[method.name] = frozenset(key for key in keys if key + SUFFIX in names)
        if not clips[method.name]:
            raise TalkingError(
                f"{method} has none of the {len(keys)} test clips: name its videos as {min(keys)}{SUFFIX}."
            )
        known = {key + SUFFIX for key in keys} | {RECORD}
        remarks += _strays(method, (path for path in method.iterdir() if path.name not in known))
    return Videos(folder, clips, tuple(read_method(folder / name) for name in clips), tuple(remarks))


def read_made(path: Path, size: int, length: int) -> np.ndarray:
    """Return the frames (T, size, size, 3) uint8 of a video made of a clip whose true frames are `length`.

    Raises `TalkingError` for a video that is not at 25 constant frames a second, not square, or far too short.
    """
    info = probe(path)
    if info.rate != RATE or not info.constant:
        rate = f"{float(info.rate):g} frames/s" + ("" if info.constant else ", not constant")
        raise TalkingError(
            f"{path} has {rate}: only videos at {RATE} constant frames/s can be measured frame by frame."
        )
    if info.width != info.height:
        raise TalkingError(f"{path} is {info.width} x {info.height}: give square aligned crops, as `aligned` has them.")
    if info.frames < SHORTEST * length:
        raise TalkingError(f"{path} has {info.frames} frames and the true clip {length}: give the whole clip.")
    return resize_frames(decode_frames(path)[:length], size)


def _check_name(method: Path, taken: Collection[str]) -> None:
    if method.name in taken:
        raise TalkingError(f"{method} bears the name of a row of the table: give the method another name.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", method.name):
        raise TalkingError(f"{method} cannot name a row: use letters, digits, '_' and '-'.")


def _strays(folder: Path, paths: Iterable[Path]) -> list[str]:
    """Return a sentence on files that are no video of a test clip, or none without any."""
    names = sorted(path.name for path in paths)
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"{folder.name}: not measured, being no video of a test clip: {', '.join(names[:NAMED])}{more}."]
