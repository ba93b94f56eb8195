"""Hostile files, collected beside the real recordings: each ends in one sentence, at once, in little memory."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from talking.core.errors import TalkingError
from talking.corpora.grid import read_grid
from talking.corpora.labels import read_align

ROOT = Path(__file__).resolve().parents[1]
MEMORY = 4 << 30  # bytes that a process may address: the libraries alone take two
COMMAND = "import sys; from talking.app.cli import main; main()"


@pytest.fixture(scope="module")
def samples() -> Path:
    """The folder of collected files, beside the real recordings; tests that need it are skipped by name without it."""
    folder = Path(os.environ.get("TALKING_REAL_DATA", "nowhere")).parent / "cases"
    if not folder.is_dir():
        pytest.skip("beside TALKING_REAL_DATA lies no folder of collected files")
    return folder


def said(*command: str, folder: Path) -> str:
    """Run Python in a folder, in bounded memory; return the one line with which it ends, within 30 s of work."""
    began = os.times()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        capture_output=True,
        text=True,
        check=False,
    )
    ended = os.times()
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert ended.children_user - began.children_user < 30
    return done.stderr


def test_a_clip_whose_labels_have_an_endless_number_is_kept_without_them(samples, tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"hugeint.align has a line '0 9999.* where a start, an end and a label"):
        read_align(samples / "hugeint.align")
    for place in ("s1/bbaf2n.mpg", "align/s1/bbaf2n.align"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes((samples / "hugeint.align").read_bytes())
    (clip,), (reject,) = read_grid(tmp_path)
    assert (clip.key, clip.words, reject.key, reject.reason, reject.note) == ("s1_bbaf2n", (), clip.key, "labels", True)
    assert str(tmp_path / "align/s1/bbaf2n.align") in reject.sentence


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("params_date.yaml", "'2026-99-99' cannot be read as timestamp (month must be in 1..12)"),
        ("params_bomb.yaml", "it grows into more than 100000 values"),
        ("params_inject.yaml", "corpus has the name 'x$(touch PWN)'; a name has letters, digits, hyphens"),
    ],
)
@pytest.mark.parametrize("script", ["stages.corpus", "talking preset", "talking summary"])
def test_hostile_params_are_refused_by_every_reader(samples, tmp_path, name, words, script) -> None:
    (tmp_path / "params.yaml").write_bytes((samples / name).read_bytes())
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "demo.yaml").write_text("seed: 2\n")
    arguments = {
        "stages.corpus": ("-m", "stages.corpus", "--raw", "raw/{corpus}", "--out", "out"),
        "talking preset": ("-c", COMMAND, "preset", "demo", "--write"),
        "talking summary": ("-c", COMMAND, "summary"),
    }[script]
    assert words in said(*arguments, folder=tmp_path)
    assert not list(tmp_path.rglob("PWN")) and (tmp_path / "params.yaml").read_bytes() == (samples / name).read_bytes()


@pytest.mark.parametrize("weights", ["stylegan2-ffhq-1024-ngc", "stylegan2-ffhq-1024", "psp-ffhq-encode"])
def test_a_pickle_that_asks_for_a_gigabyte_is_refused_before_it_is_taken(samples, tmp_path, weights) -> None:
    pickled = str(samples / "memo.pkl")
    sentence = said("-c", COMMAND, "weights", "add", weights, pickled, folder=tmp_path)
    assert f"{pickled} asks for more memory than it has bytes (it would remember part 67108864 where it has" in sentence
    assert not list(tmp_path.iterdir())
