"""Downloads from a server on this machine: whole, broken off, continued, changed in between, and refused."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from talking.core.errors import TalkingError
from talking.weights import fetch
from talking.weights.fetch import check_address, download

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves CONTENT, and may break off, ignore ranges, send a page, or refuse; it remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag: str | None = '"one"'
        self.ranges = True
        self.lengths = True
        self.told: str | None = None  # in the place of the true length
        self.reason: str | None = None
        self.drops: list[int] = []
        self.page = False
        self.status = 200
        self.moved: str | None = None
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        """Where the file is."""
        return f"http://127.0.0.1:{self.server_port}/weights.pth"


class Handler(BaseHTTPRequestHandler):
    """Answers GET as its server is set to."""

    server: Server

    def do_GET(self) -> None:
        """Send the file, or the part that is asked for of the version that is asked for."""
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.moved or server.status != 200:
            self.send_response(302 if server.moved else server.status, server.reason)
            self.send_header("Location", server.moved or "")
            self.end_headers()
            return
        same = self.headers.get("If-Range") == server.etag
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges and same else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if server.page else "application/octet-stream")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.lengths:
            self.send_header("Content-Length", server.told or str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.drops.pop(0)] if server.drops else body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that is there for one test."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def said() -> list[tuple[int, int | None]]:
    return []


@pytest.fixture
def get(server, tmp_path, said):
    """Download the file to tmp_path / "w.pth", without pauses."""

    def run(url: str | None = None, attempts: int = 3, most: int = fetch.MOST) -> None:
        target, report = tmp_path / "w.pth", lambda *now: said.append(now)
        download(url or server.url, target, report, attempts=attempts, pause_s=0, most=most)

    return run


def test_a_file_arrives_whole_with_progress_and_nothing_else_stays(get, server, tmp_path, said, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "CHUNK", 100_000)
    get()
    assert (tmp_path / "w.pth").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]
    done = [now for now, _ in said]
    assert done == sorted(done) and len(done) > 5 and said[-1] == (len(CONTENT), len(CONTENT))
    assert server.asked == [None]


def test_a_connection_that_breaks_off_is_continued_where_it_was(get, server, tmp_path) -> None:
    server.drops = [300_000, 200_000]
    get()
    assert (tmp_path / "w.pth").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_what_has_arrived_stays_for_the_next_run(get, server, tmp_path) -> None:
    server.drops = [300_000, 0, 0, 0]
    with pytest.raises(TalkingError, match=r"broke off after 300000 bytes .* run the same command again"):
        get()
    assert not (tmp_path / "w.pth").exists() and (tmp_path / "w.pth.part").stat().st_size == 300_000
    server.asked.clear()
    get()
    assert server.asked == ["bytes=300000-"]
    assert (tmp_path / "w.pth").read_bytes() == CONTENT and len(list(tmp_path.iterdir())) == 1


def test_a_server_that_ignores_ranges_is_read_from_the_start(get, server, tmp_path) -> None:
    server.ranges, server.drops = False, [300_000]
    get()
    assert server.asked == [None, "bytes=300000-"]
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_is_not_mixed_with_the_old_one(get, server, tmp_path) -> None:
    server.drops = [300_000, 0, 0, 0]
    with pytest.raises(TalkingError):
        get()
    server.content, server.etag = CONTENT[::-1], '"two"'
    get()
    assert (tmp_path / "w.pth").read_bytes() == CONTENT[::-1]


def test_the_part_of_another_address_is_not_continued(get, server, tmp_path) -> None:
    server.drops = [300_000, 0, 0, 0]
    with pytest.raises(TalkingError):
        get()
    server.asked.clear()
    get(f"{server.url}?other")
    assert server.asked == [None] and (tmp_path / "w.pth").read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_version_it_begins_anew_rather_than_guess(get, server, tmp_path, etag) -> None:
    server.etag, server.drops = etag, [300_000]
    get()
    assert server.asked == [None, None] and (tmp_path / "w.pth").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_dropped(get, server, tmp_path) -> None:
    (tmp_path / "w.pth.part").write_bytes(CONTENT * 2)
    (tmp_path / "w.pth.part.json").write_text(f'{{"url": "{server.url}", "version": "\\"one\\""}}')
    get()
    assert server.asked[-1] is None and (tmp_path / "w.pth").read_bytes() == CONTENT


def test_a_server_that_tells_no_length_is_read_to_its_end(get, server, tmp_path, said) -> None:
    server.lengths = False
    get()
    assert (tmp_path / "w.pth").read_bytes() == CONTENT and said[-1] == (len(CONTENT), None)


def test_a_web_page_is_refused_and_not_kept(get, server, tmp_path) -> None:
    server.page = True
    with pytest.raises(TalkingError, match=r"/weights\.pth is a web page and not a file"):
        get()
    assert list(tmp_path.iterdir()) == [] and len(server.asked) == 1


def test_a_refusal_is_said_at_once_and_an_ailing_server_is_asked_again(get, server) -> None:
    server.status = 404
    with pytest.raises(TalkingError, match=r"refused by its server \(404 Not Found\)"):
        get()
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(TalkingError, match=r"broke off after 0 bytes \(Service Unavailable\)"):
        get()
    assert len(server.asked) == 4


def test_nobody_there_is_said_in_a_sentence(get, server) -> None:
    with pytest.raises(TalkingError, match=r"broke off after 0 bytes \(.*refused.*\)") as refusal:
        get("http://127.0.0.1:9/weights.pth")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["http://example.org/w.pth", "ftp://example.org/w.pth", "file:///etc/passwd", "https:///w"]
)
def test_only_secure_addresses_are_asked(url) -> None:
    with pytest.raises(TalkingError, match="is no address of HTTPS"):
        check_address(url)


def test_a_redirect_to_an_open_address_is_not_followed(get, server) -> None:
    server.moved = "http://example.org/weights.pth"
    with pytest.raises(TalkingError, match=r"http://example\.org/weights\.pth is no address of HTTPS"):
        get()


def test_a_full_disk_is_said_so(get, monkeypatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch, "_copy", full)
    with pytest.raises(TalkingError, match="the disk is full"):
        get()


@pytest.mark.parametrize("lengths", [True, False])
def test_more_bytes_than_the_file_has_are_refused_and_do_not_stay(get, server, tmp_path, lengths) -> None:
    server.lengths = lengths
    get(most=len(CONTENT))
    with pytest.raises(TalkingError, match=r"has .*bytes where the file has at most 1023999: check the address"):
        get(most=len(CONTENT) - 1)
    assert not list(tmp_path.glob("*.part*")) and len(server.asked) == 2


def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_taken(get, server, tmp_path, said) -> None:
    server.told = "9" * 15
    with pytest.raises(TalkingError, match=r"has 999999999999999 bytes where the file has at most 4294967296"):
        get()
    assert not said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("told", ["-5", "abc", "1e6", "5, 5", "9" * 5000, "\xb2", "0x10", "+1024000", " "])
def test_an_odd_length_counts_as_none(get, server, tmp_path, told) -> None:
    """What Python's own client makes of it decides how much is read: all, or what it was told."""
    server.told = told
    get()
    assert CONTENT.startswith((tmp_path / "w.pth").read_bytes())


@pytest.mark.parametrize("status", [404, 503])
def test_what_a_server_says_cannot_move_the_cursor(get, server, status) -> None:
    server.status, server.reason = status, "No\x1b[2J\x1b]0;you\x07" + "x" * 5000
    with pytest.raises(TalkingError, match=r"No\\x1b\[2J") as refusal:
        get(attempts=1)
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    "url",
    ["https://[", "https://a:b/", "https://a:99999999/", "https://\x00/", "https://", "https:///x", "https://a b/"],
)
def test_what_is_no_address_is_said_so_at_once(get, url) -> None:
    with pytest.raises(TalkingError, match="is no address of HTTPS") as refusal:
        get(url)
    assert str(refusal.value).isprintable()
