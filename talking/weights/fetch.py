"""Downloading one file over HTTPS: with progress, and going on where a broken download stopped."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talking.core.errors import TalkingError
from talking.core.files import full_disk_as_error, write_json

CHUNK = 1 << 20
TIMEOUT_S = 60
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
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in OWN_MACHINE)
    if not secure or not parts.hostname:
        raise TalkingError(f"{url} is no address of HTTPS: give one that begins with https://, or a file.")


def download(url: str, target: Path, report: Report, *, attempts: int = 5, pause_s: float = 1.0) -> None:
    """Fetch `url` into `target`, which appears only when all of it is there.

    What has arrived stays in `<target>.part` between attempts and between runs, and is continued where the server can
    and the file is still the same (its ETag or date). `report(bytes so far, bytes in all or None)` is called as it
    grows. Raises TalkingError when the address is refused, is a web page, or breaks off `attempts` times in a row.
    """
    check_address(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target)
    failures = 0
    while True:
        before = _size(part)
        try:
            with full_disk_as_error(target):
                _receive(url, target, report)
            break
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
    return str(reason).splitlines()[0] if str(reason) else type(error).__name__


def _receive(url: str, target: Path, report: Report) -> None:
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
            raise TalkingError(f"{url} is refused by its server ({error.code} {error.reason}): check it.") from error
        raise
    with response:
        answer = _answer(url, response, _size(part))
        write_json(_note(target), {"url": url, "version": answer.version})
        _copy(response, part, answer, report)


def _headers(url: str, target: Path) -> dict[str, str]:
    """Ask for the rest only if the file is still the one whose beginning is here: otherwise the server sends it all."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "talking"}
    note, size = _read_note(_note(target)), _size(_part(target))
    if size and note.get("url") == url and isinstance(note.get("version"), str):
        headers |= {"Range": f"bytes={size}-", "If-Range": note["version"]}
    return headers


def _read_note(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _answer(url: str, response: Any, size: int) -> Answer:
    headers = response.headers
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise TalkingError(f"{url} is a web page and not a file: give the address that its download button leads to.")
    etag = headers.get("ETag")
    version = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
    length = int(headers["Content-Length"]) if str(headers.get("Content-Length")).isdigit() else None
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return Answer(0, length, version)
    if not str(headers.get("Content-Range")).startswith(f"bytes {size}-"):
        raise OSError("the server sent another part than was asked for")
    return Answer(size, None if length is None else size + length, version)


def _copy(response: Any, part: Path, answer: Answer, report: Report) -> None:
    done = answer.start
    with part.open("r+b" if answer.start else "wb") as file:
        file.seek(answer.start)
        while chunk := response.read1(CHUNK):
            file.write(chunk)
            done += len(chunk)
            report(done, answer.total)
    if answer.total is not None and done < answer.total:
        raise OSError(f"the connection closed at {done} of {answer.total} bytes")
