"""Whether an Ogg file, such as a voice message, was cut off: its pages declare no length, but its last one says so."""

from pathlib import Path

_HEADER = 27  # bytes of a page before its table of segments (RFC 3533, section 6)
_LAST = 4  # the flag of a stream's last page
# A page is at most 65,307 bytes long.
_TAIL = 2 * 65307


def ends_midway(path: Path) -> bool:
    """Return whether a file is Ogg whose last page is incomplete, or not marked as the last one of its stream."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(max(0, path.stat().st_size - _TAIL))
        tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < _HEADER or len(page) < _HEADER + page[26]:
        return True
    length = _HEADER + page[26] + sum(page[_HEADER : _HEADER + page[26]])
    return len(page) < length or not page[5] & _LAST
