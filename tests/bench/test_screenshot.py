"""The picture of MLflow's interface: what it asks the server for, and what it says where it cannot work."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from bench.screenshot import number_of, photograph, running
from talking.core.errors import TalkingError


class Store(BaseHTTPRequestHandler):
    """Answers as MLflow does of a store with the one experiment `ablations`."""

    def do_GET(self) -> None:
        found = urlparse(self.path)
        known = parse_qs(found.query)["experiment_name"] == ["ablations"]
        self.send_response(200 if known and found.path == "/api/2.0/mlflow/experiments/get-by-name" else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"experiment": {"experiment_id": "7"}}).encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_experiment_is_found_by_its_name(address: str) -> None:
    assert number_of(address, "ablations") == "7"
    with pytest.raises(TalkingError, match="no experiment 'other'"):
        number_of(address, "other")


def test_without_a_browser_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TalkingError, match="apt-get install chromium chromium-driver"):
        photograph("about:blank", tmp_path / "page.png", "800,600")
    assert not (tmp_path / "page.png").exists()


def test_what_it_starts_is_stopped() -> None:
    with pytest.raises(ZeroDivisionError), running(["sleep", "600"]) as process:
        assert process.poll() is None
        raise ZeroDivisionError
    assert process.poll() is not None
