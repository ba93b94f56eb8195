"""A picture of what `mlflow ui` shows of an experiment, taken with a Chromium that needs no display.

    python -m bench.screenshot --experiment ablations --out docs/images/mlflow.png

It needs a browser and its driver (`apt-get install chromium chromium-driver`), serves the store in this folder on this
machine alone, and stops it.
"""

import argparse
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from talking.core.errors import TalkingError
from talking.core.files import atomic_path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGE = "#/experiments/{number}/runs?workflowType=machine_learning&compareRunsMode={view}"
VIEWS = {"chart": "CHART", "table": "TABLE"}
PATIENCE_S = 120
SETTLE_S = 3.0
# Three charts are drawn, or the runs are listed.
DRAWN = """return document.querySelectorAll('.js-plotly-plot .main-svg').length > 2
    || document.querySelectorAll('[role=row] a[href*="/runs/"]').length > 1 && !location.hash.includes('CHART')"""
CLOSE_ASSISTANT = """document.querySelectorAll('[data-component-id*="assistant"] , [aria-label*="lose"]').forEach(
    each => { if (/close/i.test(each.ariaLabel + each.dataset.componentId)) each.click() })"""


def main() -> None:
    """Read the command line and take the pictures; a mistake of the user ends with one sentence and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="sqlite:///mlflow.db", help="address of the store")
    parser.add_argument("--experiment", default="ablations", help="its name in MLflow")
    parser.add_argument("--view", choices=VIEWS, default="chart", help="of the runs; default: chart")
    parser.add_argument("--size", default="1600,1000", help="pixels of the window: width,height")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    arguments = parser.parse_args()
    try:
        with served(arguments.store) as address:
            path = PAGE.format(number=number_of(address, arguments.experiment), view=VIEWS[arguments.view])
            photograph(f"{address}/{path}", arguments.out, arguments.size)
    except TalkingError as error:
        sys.exit(f"error: {error}")
    print(arguments.out)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command until the block ends; it and what it has started are then stopped."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def served(store: str) -> Iterator[str]:
    """Serve the store on a free port of this machine until the block ends; give the address."""
    port = free_port()
    options = ("--backend-store-uri", store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    with running([sys.executable, "-m", "mlflow", "server", *options]) as process:
        address = f"http://127.0.0.1:{port}"
        why = f"mlflow does not serve {store}: try `mlflow ui --backend-store-uri {store}`, which says why."
        _wait(process, f"{address}/health", why)
        yield address


def _wait(process: "subprocess.Popen[bytes]", address: str, sentence: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(address):
            return
        time.sleep(0.5)
    raise TalkingError(sentence)


def number_of(address: str, experiment: str) -> str:
    """Return the experiment's number, which its page is called by."""
    query = urllib.parse.urlencode({"experiment_name": experiment})
    try:
        with urllib.request.urlopen(f"{address}/api/2.0/mlflow/experiments/get-by-name?{query}") as answer:
            return str(json.load(answer)["experiment"]["experiment_id"])
    except urllib.error.HTTPError as error:
        raise TalkingError(f"the store has no experiment {experiment!r}: run what records it first.") from error


def photograph(page: str, out: Path, size: str) -> None:
    """Write a PNG of a page of charts once they are drawn, the assistant's pane beside them closed."""
    driver, browser = shutil.which("chromedriver"), next(filter(None, map(shutil.which, BROWSERS)), None)
    if driver is None or browser is None:
        raise TalkingError("no browser: `apt-get install chromium chromium-driver` installs what this needs.")
    port = free_port()
    with running([driver, f"--port={port}"]) as process:
        address = f"http://127.0.0.1:{port}"
        _wait(process, f"{address}/status", "chromedriver does not start: try it by hand, it says why.")
        options = ["--headless=new", "--hide-scrollbars", f"--window-size={size}"]
        rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
        chosen = {"browserName": "chrome", "goog:chromeOptions": {"binary": browser, "args": [*options, *rooted]}}
        session = f"{address}/session/{_post(f'{address}/session', capabilities={'alwaysMatch': chosen})['sessionId']}"
        try:
            _post(f"{session}/url", url=page)
            _until(session, DRAWN, f"{page} shows no runs: look at it in a browser.")
            _run(session, CLOSE_ASSISTANT)
            time.sleep(SETTLE_S)
            with urllib.request.urlopen(f"{session}/screenshot") as answer:
                picture = base64.b64decode(json.load(answer)["value"])
        finally:
            with urllib.request.urlopen(urllib.request.Request(session, method="DELETE")):
                pass
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out) as temporary:
        temporary.write_bytes(picture)


def _until(session: str, script: str, sentence: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not _run(session, script):
        if time.monotonic() > end:
            raise TalkingError(sentence)
        time.sleep(0.5)


def _run(session: str, script: str) -> Any:
    return _post(f"{session}/execute/sync", script=script, args=[])


def _post(address: str, **values: Any) -> Any:
    """Send a command of the WebDriver protocol; return its value."""
    request = urllib.request.Request(address, json.dumps(values).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["value"]


if __name__ == "__main__":
    main()
