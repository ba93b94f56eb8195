"""`talking weights` as people call it: the table, adding from a file or an address, and the check."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torchvision.models import squeezenet1_1

from talking.app import cli
from talking.app import weights as command
from talking.weights import CATALOGUE

from .conftest import hollow, saved
from .test_folder import unhashed

NAME = "squeezenet1_1-imagenet"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def any_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file pass for the published one: the published numbers cannot be had here."""
    monkeypatch.setattr(command, "published", unhashed)


def sentence(*arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main(["weights", *arguments])
    assert isinstance(caught.value.code, str) and "\n" not in caught.value.code
    return caught.value.code


def test_the_table_has_a_line_per_row_and_says_what_is_here(here, capsys) -> None:
    (here / "weights").mkdir()
    (here / "weights" / "psp_ffhq_encode.pt").touch()
    cli.main(["weights", "list"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", head) == ["name", "here", "MB", "hash known", "what", "licence", "published at"]
    assert [line.split()[0] for line in lines] == [row.name for row in CATALOGUE]
    cells = {line.split()[0]: re.split(r"  +", line)[1:4] for line in lines}
    assert cells["s3fd"] == ["no", "90", "yes"]
    assert cells[NAME] == ["no", "-", "beginning"]
    assert cells["psp-ffhq-encode"] == ["not added", "-", "no"]
    assert all(row.licence in line for row, line in zip(CATALOGUE, lines, strict=True))


def test_a_file_is_added_and_verified(here, any_hash, capsys) -> None:
    saved(here, hollow(squeezenet1_1), "mine.pth")
    cli.main(["weights", "add", "--folder", "trunks", NAME, "mine.pth"])
    assert capsys.readouterr().out.startswith(f"trunks/{NAME}.safetensors: SqueezeNet 1.1 trunk of LPIPS")
    cli.main(["weights", "verify", "--folder", "trunks"])
    assert capsys.readouterr().out == f"{NAME}: ok\n"
    assert (here / "mine.pth").exists()
    cli.main(["weights", "list", "--folder", "trunks"])
    assert next(line for line in capsys.readouterr().out.splitlines() if NAME in line).split()[1] == "added"


def test_a_damaged_folder_ends_with_a_sentence_that_names_what_is_damaged(here, any_hash, capsys) -> None:
    saved(here, hollow(squeezenet1_1), "mine.pth")
    cli.main(["weights", "add", NAME, "mine.pth"])
    path = here / "weights" / f"{NAME}.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    said = sentence("verify")
    assert said == f"error: 1 of 1 weights are damaged: {NAME}; add them again."
    assert "is damaged or not the file" in capsys.readouterr().out


def test_an_empty_folder_has_nothing_to_verify(capsys) -> None:
    cli.main(["weights", "verify"])
    assert capsys.readouterr().out == "weights: nothing was added yet\n"


def test_mistakes_are_a_sentence(here) -> None:
    assert "No published weights are called vgg" in sentence("add", "vgg", "x.pth")
    assert "x.pth is not there" in sentence("add", NAME, "x.pth")
    assert "is no address of HTTPS" in sentence("add", NAME, "http://example.org/x.pth")
    saved(here, hollow(squeezenet1_1), "mine.pth")
    assert "is not the published squeezenet1_1-b8a52dc0.pth" in sentence("add", NAME, "mine.pth")
    assert not list(here.glob("weights/*"))


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a folder of this machine that holds a right file and a wrong one."""
    folder = tmp_path_factory.mktemp("served")
    saved(folder, hollow(squeezenet1_1), "right.pth")
    saved(folder, {"a": torch.ones(1)}, "wrong.pth")
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_at_an_address_is_fetched_with_progress_and_added(here, address, any_hash, capsys) -> None:
    cli.main(["weights", "add", NAME, f"{address}/right.pth"])
    assert "squeezenet1_1-b8a52dc0.pth: 0.0 of 0.0 MB (100 %)" in capsys.readouterr().err
    assert sorted(path.name for path in (here / "weights").iterdir()) == [f"{NAME}.json", f"{NAME}.safetensors"]
    assert '"source_file": "squeezenet1_1-b8a52dc0.pth"' in (here / "weights" / f"{NAME}.json").read_text()


def test_what_an_address_has_is_checked_like_a_file_and_not_kept_when_it_is_wrong(here, address, any_hash) -> None:
    assert "is another network than SqueezeNet" in sentence("add", NAME, f"{address}/wrong.pth")
    assert "refused by its server (404" in sentence("add", NAME, f"{address}/none.pth")
    assert "is a web page" in sentence("add", NAME, f"{address}/")
    assert list((here / "weights").iterdir()) == []
