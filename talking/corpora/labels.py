"""Files that say when each word or phone was spoken: GRID's .align, TIMIT's .wrd and .phn, HTK's labels, and JSON."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from talking.core.documents import MOST_CHARACTERS, UnreadableError, parse_json, text_of
from talking.core.errors import TalkingError
from talking.core.wording import printable, shown
from talking.corpora.clip import Segment

GRID_UNITS_PER_S = 25_000
"""GRID counts time in samples of its 25 kHz sound."""
TIMIT_UNITS_PER_S = 16_000
"""TIMIT counts time in samples of its 16 kHz sound."""
HTK_UNITS_PER_S = 10_000_000
"""HTK counts time in units of 100 ns (The HTK Book, section 6.2.1)."""
LONGEST_S = 24 * 60 * 60
"""No recording of a corpus is longer than a day; times beyond are damage."""
_WHOLE = re.compile(r"-?[0-9]{1,18}")
SILENCES = frozenset({"sil", "sp"})


def read_align(path: Path) -> tuple[Segment, ...]:
    """Return the words of a GRID `.align` file (`start end word`, in 1/25000 s), silences left out."""
    segments = read_segments(path, GRID_UNITS_PER_S)
    return tuple(segment for segment in segments if segment.text not in SILENCES)


def read_segments(path: Path, units_per_s: float) -> tuple[Segment, ...]:
    """Return the segments of a file with a line `start end text` for each; anything else is a `TalkingError`."""
    return _segments(_read_text(path).splitlines(), units_per_s, path)


def read_htk(path: Path) -> tuple[Segment, ...]:
    """Return the segments of an HTK label file: `start end label` in 100 ns; what follows the label is not read."""
    return _segments(_first_three(_read_text(path).splitlines()), HTK_UNITS_PER_S, path)


def read_mlf(path: Path) -> dict[str, tuple[Segment, ...]]:
    """Return the entries of an HTK master label file by their path, with slashes and without suffix.

    The file begins with `#!MLF!#`; an entry is its quoted path, a line `start end label` for each segment in 100 ns
    (what follows the label, such as a likelihood, is not read), and a line with a dot (The HTK Book, section 6.3).
    """
    lines = _read_text(path).splitlines()
    if not lines or lines[0].strip() != "#!MLF!#":
        raise TalkingError(f"{path} is not a master label file: its first line is not #!MLF!#. Unpack it again.")
    entries: dict[str, list[str]] = {}
    body: list[str] = []
    for line in lines[1:]:
        if line.startswith('"'):
            body = entries.setdefault(_entry_name(line), [])
        elif line.strip() != ".":
            body.append(line)
    return {name: _segments(_first_three(body), HTK_UNITS_PER_S, path) for name, body in entries.items()}


def read_json_segments(path: Path) -> tuple[Segment, ...]:
    """Return the segments of a JSON list of `{"start_s", "end_s", "text"}`, times in seconds."""
    try:
        items = parse_json(_read_text(path))
        segments = [Segment(float(item["start_s"]), float(item["end_s"]), str(item["text"])) for item in items]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise TalkingError(
            f"{path} is no list of start_s, end_s and text: make the file again or remove it."
        ) from error
    return _checked(segments, path)


def _segments(lines: Iterable[str], units_per_s: float, path: Path) -> tuple[Segment, ...]:
    segments = []
    for line in lines:
        fields = line.split()
        if not fields:
            continue
        try:
            start, end, text = fields
            segments.append(Segment(_whole(start) / units_per_s, _whole(end) / units_per_s, text))
        except ValueError as error:
            raise TalkingError(
                f"{path} has a line {line[:40]!r} where a start, an end and a label are due: get the file again."
            ) from error
    return _checked(segments, path)


def _whole(text: str) -> int:
    """Return a whole number written in plain digits; anything else, as endless digits are, is a ValueError."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number")
    return int(text)


def _checked(segments: list[Segment], path: Path) -> tuple[Segment, ...]:
    if not segments:
        raise TalkingError(f"{path} holds no labels: get the file again or remove it.")
    before = 0.0
    for segment in segments:
        if not before <= segment.start_s <= segment.end_s:
            raise TalkingError(
                f"{path} goes back in time at {shown(segment.text)}, {segment.start_s:g} s: get the file again."
            )
        if segment.end_s > LONGEST_S:
            raise TalkingError(
                f"{path} has {shown(segment.text)} end after {segment.end_s:g} s, more than a day: get the file again."
            )
        before = segment.start_s
    return tuple(segments)


def _read_text(path: Path) -> str:
    try:
        return text_of(path, MOST_CHARACTERS).removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError, UnreadableError) as error:
        said = printable(str(error), 200)
        raise TalkingError(f"{path} cannot be read as text ({said}): get the file again or remove it.") from error


def _first_three(lines: Iterable[str]) -> Iterable[str]:
    return (" ".join(line.split()[:3]) for line in lines)


def _entry_name(line: str) -> str:
    path = PurePosixPath(line.strip().strip('"').replace("\\", "/"))
    return str(path.with_suffix("")) if path.name else str(path)
