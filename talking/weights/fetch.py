"""Downloading one file over HTTPS: with progress, and going on where a broken download stopped."""

import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talking.core.documents import parse_json, text_of
from talking.core.errors import TalkingError
from talking.core.files import full_disk_as_error, write_json
from talking.core.wording import printable

CHUNK = 1 << 20
TIMEOUT_S = 60
# Bytes of a file whose size nobody published: three times the largest of the catalogue's.
MOST = 4 << 30
_LENGTH = re.compile(r"[0-9]{1,18}")
OWN_MACHINE = ("localhost", "127.0.0.1", "::1")

Report = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Answer:
    """What a server said it would send: from which byte on, how many bytes the whole has, and of which version."""

    start: int
    total: int | None
    version: str | None


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(url: str) -> None:
    """Raise TalkingError unless `url` is one of HTTPS, or of one's own machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port  # Either is a ValueError in an address that has none.
    except ValueError as error:
        raise _no_address(url) from error
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in OWN_MACHINE)
    if not secure or not host:
        raise _no_address(url)


def _no_address(url: str) -> TalkingError:
    return TalkingError(f"{printable(url, 200)} is no address of HTTPS: give one that begins with https://, or a file.")


def download(
    url: str, target: Path, report: Report, *, most: int = MOST, attempts: int = 5, pause_s: float = 1.0
) -> None:
    """Fetch `url` into `target`, which appears only when all of it is there.

    What has arrived stays in `<target>.part` between attempts and between runs, and is continued where the server can
    and the file is still the same (its ETag or date). `report(bytes so far, bytes in all or None)` is called as it
    grows. Raises TalkingError when the address is refused, is a web page, has more than `most` bytes, or breaks off
    `attempts` times in a row.
    """
    check_address(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target)
    failures = 0
    while True:
        before = _size(part)
        try:
            with full_disk_as_error(target):
                _receive(url, target, report, most)
            break
        except (http.client.InvalidURL, ValueError) as error:
            raise _no_address(url) from error
        except (OSError, http.client.HTTPException) as error:
            failures = 0 if _size(part) > before else failures + 1
            if failures >= attempts:
                raise TalkingError(
                    f"{url} broke off after {_size(part)} bytes ({_said(error)}): run the same command again to go on."
                ) from error
            time.sleep(pause_s)
    part.replace(target)
    _note(target).unlink(missing_ok=True)


def discard(target: Path) -> None:
    """Remove a download and what is left of earlier attempts at it."""
    for path in (target, _part(target), _note(target)):
        path.unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    lines = printable(str(reason), 200).splitlines()
    return lines[0] if lines else type(error).__name__


def _receive(url: str, target: Path, report: Report, most: int) -> None:
    """Fetch what is missing of the file into its part. Raises OSError or HTTPException when it breaks off."""
    part = _part(target)
    opener = urllib.request.build_opener(_SecureRedirects)
    try:
        response = opener.open(urllib.request.Request(url, headers=_headers(url, target)), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and part.is_file():
            part.unlink()
            raise OSError("the part was longer than the file") from error
        if error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            said = f"{error.code} {_said(error)}"
            raise TalkingError(f"{url} is refused by its server ({said}): check it.") from error
        raise
    with response:
        answer = _answer(url, response, _size(part))
        if (answer.total or 0) > most:
            raise _too_large(url, f"{answer.total} bytes", most)
        write_json(_note(target), {"url": url, "version": answer.version})
        if not _copy(response, part, answer, report, most):
            discard(target)
            raise _too_large(url, "more bytes", most)


def _too_large(url: str, found: str, most: int) -> TalkingError:
    return TalkingError(
        f"{url} has {found} where the file has at most {most}: check the address, or download it yourself and give "
        "the file."
    )


def _headers(url: str, target: Path) -> dict[str, str]:
    """Ask for the rest only if the file is still the one whose beginning is here: otherwise the server sends it all."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "talking"}
    note, size = _read_note(_note(target)), _size(_part(target))
    if size and note.get("url") == url and isinstance(note.get("version"), str):
        headers |= {"Range": f"bytes={size}-", "If-Range": note["version"]}
    return headers


def _read_note(path: Path) -> Mapping[str, Any]:
    try:
        content = parse_json(text_of(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _answer(url: str, response: Any, size: int) -> Answer:
    headers = response.headers
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise TalkingError(f"{url} is a web page and not a file: give the address that its download button leads to.")
    etag = headers.get("ETag")
    version = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
    told = str(headers.get("Content-Length"))
    length = int(told) if _LENGTH.fullmatch(told) else None
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return Answer(0, length, version)
    if not str(headers.get("Content-Range")).startswith(f"bytes {size}-"):
        raise OSError("the server sent another part than was asked for")
    return Answer(size, None if length is None else size + length, version)


def _copy(response: Any, part: Path, answer: Answer, report: Report, most: int) -> bool:
    """Write what comes to its place in the part; return False, and stop, where that becomes more than `most` bytes."""
    done = answer.start
    with part.open("r+b" if answer.start else "wb") as file:
        file.seek(answer.start)
        while chunk := response.read1(CHUNK):
            done += len(chunk)
            if done > most:
                return False
            file.write(chunk)
            report(done, answer.total)
    if answer.total is not None and done < answer.total:
        raise OSError(f"the connection closed at {done} of {answer.total} bytes")
    return True
