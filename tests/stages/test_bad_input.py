"""Bad recordings are refused by name and cost nothing else; bad settings are one sentence and exit code 1."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages import align, corpus, resample
from talking import cluster
from talking.core.errors import TalkingError
from talking.corpora.demo.writer import write_demo_corpus
from talking.corpora.rejects import read_rejects
from talking.data.shards import ClipStatus, ShardFolder
from talking.media.ffmpeg import ffmpeg_binary
from talking.orchestration.params import load_params

from .conftest import ROOT, write_params

pytestmark = pytest.mark.timeout(600)
NOWHERE = "http://127.0.0.1:9"  # A tracker that is down: the stages go on without it.
SMALL = {
    "corpora": {"demo": {"unseen_speakers": ["s2"], "validation_speakers": [], "max_rejected": 0.9}},
    "align": {"size": 64},
    "cluster": {"workers": 1},
    "tracking": {"uri": NOWHERE},
}
RESAMPLED = {  # clip -> reason, and what its sentence says
    "s1_bbaa1n": ("undecodable", "cannot be decoded"),
    "s1_bbaa2n": ("undecodable", "cut off"),
    "s1_bbaa3n": ("soundless", "has no sound"),
    "s1_bbaa5n": ("undecodable", "cut off"),
}


def ffmpeg(*arguments: str | Path) -> None:
    """Run the bare binary."""
    subprocess.run([ffmpeg_binary(), "-v", "error", "-nostdin", *map(str, arguments)], check=True)


def add_bad_clips(folder: Path, good: Path) -> None:
    """Put clips into a speaker's folder that cannot be used, each for a reason of its own."""
    (folder / "bbaa1n.mpg").write_text("These are words.\n" * 50)
    (folder / "bbaa2n.mpg").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    ffmpeg("-i", good, "-an", "-c:v", "copy", folder / "bbaa3n.mpg")
    picture = ("-f", "lavfi", "-i", "testsrc2=s=360x288:r=25:d=3")
    ffmpeg(
        *picture, "-i", good, "-map", "0:v", "-map", "1:a", "-c:v", "mpeg1video", "-c:a", "copy", folder / "bbaa4n.mpg"
    )
    ffmpeg("-i", good, "-frames:v", "1", "-c:v", "mpeg1video", "-t", "0.04", folder / "bbaa5n.mpg")
    shutil.copy(good, folder / "hello.mpg")


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with params.yaml and a corpus of two good clips and six bad ones."""
    folder = tmp_path_factory.mktemp("bad")
    shutil.copy(ROOT / "params.yaml", folder)
    write_params(folder, SMALL)
    write_demo_corpus(folder / "raw", speakers=2, clips=1, seed=3, workers=1)
    add_bad_clips(folder / "raw" / "s1", next((folder / "raw" / "s1").glob("*.mpg")))
    return folder


@pytest.fixture(scope="module")
def made(place: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder after the data stages, in one cluster, and the raw files' hashes from before."""
    before = hashes(place / "raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        params = load_params(Path("params.yaml"))
        with cluster.connect(params.cluster):
            corpus.main(params, Path("raw"), Path("manifest"))
            resample.main(params, Path("raw"), Path("manifest"), Path("resampled"))
            align.main(params, Path("resampled"), Path("aligned"))
            yield place, before


def statuses(folder: Path) -> dict[str, ClipStatus]:
    """Return what became of each clip in a stage."""
    return {status.clip: status for status in ShardFolder(folder).statuses}


def test_a_name_outside_the_grammar_is_refused_by_the_reader(made: tuple[Path, dict[str, str]]) -> None:
    (reject,) = [reject for reject in read_rejects(made[0] / "manifest") if not reject.note]
    assert (reject.key, reject.reason) == ("s1_hello", "name")
    assert "raw/s1/hello.mpg" in reject.sentence
    assert "s1_hello" in (made[0] / "manifest" / "rejects.md").read_text()
    assert "s1_hello" not in pq.read_table(made[0] / "manifest" / "manifest.parquet")["key"].to_pylist()


def test_broken_clips_are_refused_with_their_names_and_the_rest_goes_on(made: tuple[Path, dict[str, str]]) -> None:
    found = statuses(made[0] / "resampled")
    assert {key: status.status for key, status in found.items() if status.status != "ok"} == {
        key: reason for key, (reason, _) in RESAMPLED.items()
    }
    for key, (_, words) in RESAMPLED.items():
        assert f"{key.removeprefix('s1_')}.mpg" in found[key].sentence
        assert words in found[key].sentence
    assert sum(status.status == "ok" for status in found.values()) == 3


def test_a_clip_without_a_face_is_refused_when_it_is_aligned(made: tuple[Path, dict[str, str]]) -> None:
    found = statuses(made[0] / "aligned")
    assert found["s1_bbaa4n"].status == "faceless"
    assert found["s1_bbaa4n"].sentence.startswith("s1_bbaa4n: frames 0 to ")
    assert "show no face" in found["s1_bbaa4n"].sentence
    usable = {key for key, status in found.items() if status.status == "ok"}
    assert usable == {f"{path.parent.name}_{path.stem}" for path in (made[0] / "raw").glob("truth/*/*.npz")}
    kept = [
        sample.key for name in ("s1-000.tar", "s2-000.tar") for sample in ShardFolder(made[0] / "aligned").read(name)
    ]
    assert set(kept) == usable


def test_the_raw_files_are_never_touched(made: tuple[Path, dict[str, str]]) -> None:
    place, before = made
    assert hashes(place / "raw") == before


def test_too_many_refused_clips_stop_the_stage(made: tuple[Path, dict[str, str]], monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(made[0])
    write_params(made[0], {"corpora": {"demo": {"max_rejected": 0.3}}})
    params = load_params(made[0] / "params.yaml")
    write_params(made[0], SMALL)
    with pytest.raises(
        TalkingError, match=r"resample: 4 of 7 clips were refused, more than max_rejected = 0\.3"
    ) as caught:
        resample.main(params, Path("raw"), Path("manifest"), tmp_path / "resampled")
    assert "bbaa1n.mpg" in str(caught.value)
    assert not (tmp_path / "resampled").exists()


def stage(folder: Path, name: str, *arguments: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a stage by its command line in `folder`; `limit`: bytes that a file may have, as on a disk that fills."""
    begin = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); " if limit else ""
    script = f"{begin}import runpy; runpy.run_module('stages.{name}', run_name='__main__', alter_sys=True)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence that a failed command says."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


@pytest.fixture
def small(place: Path, tmp_path: Path) -> Path:
    """A folder of its own with params.yaml and a link to the corpus."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    write_params(tmp_path, SMALL)
    (tmp_path / "raw").symlink_to(place / "raw")
    return tmp_path


def read(folder: Path, *more: str, raw: str = "raw", limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run the stage corpus."""
    return stage(folder, "corpus", "--raw", raw, "--out", "manifest", *more, limit=limit)


def test_more_bad_names_than_allowed_end_the_command_with_a_sentence(small: Path) -> None:
    write_params(small, {"corpora": {"demo": {"max_rejected": 0.1}}})
    said = sentence(read(small))
    assert "1 of 8 recordings were refused" in said
    assert "hello.mpg" in said
    assert not (small / "manifest").exists()


def test_a_stage_that_reads_what_its_graph_does_not_declare_says_which(small: Path) -> None:
    (small / "dvc.yaml").write_text("stages: {corpus: {cmd: python -m stages.corpus --out manifest, params: [seed]}}")
    said = sentence(read(small))
    assert said.startswith("stage corpus of dvc.yaml reads corpora.demo")
    assert not (small / "manifest").exists()


@pytest.mark.parametrize(("raw", "words"), [("empty", "empty is empty"), ("wrong", "wrong is missing")])
def test_a_folder_without_a_corpus_is_said_by_its_name(small: Path, raw: str, words: str) -> None:
    (small / "empty").mkdir()
    said = sentence(read(small, raw=raw))
    assert words in said
    assert "s1, s2, ... of .mpg files" in said


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"resample": {"speed": 2}}, "resample.speed is not a known key"),
        ({"stage_one": {"batch": "many"}}, "stage_one.batch is 'many'"),
        ({"resample": {"rate": -25}}, "resample.rate is -25"),
        ({"corpus": "gird"}, "corpus is 'gird'"),
    ],
)
def test_a_mistake_in_params_is_said_by_its_key(small: Path, change: dict, key: str) -> None:
    write_params(small, change)
    assert key in sentence(read(small))


def test_params_that_are_no_yaml_are_said_so(small: Path) -> None:
    (small / "params.yaml").write_text("corpus: [demo\n")
    assert "params.yaml is not valid YAML" in sentence(read(small))


def test_debug_shows_the_traceback(small: Path) -> None:
    done = read(small, "--debug", raw="wrong")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "TalkingError: wrong is missing" in done.stderr


def test_disk_full_leaves_no_half_file(small: Path) -> None:
    said = sentence(read(small, limit=1000))
    assert "manifest" in said
    assert "the disk is full; free some space" in said
    assert sorted(path.name for path in small.iterdir() if path.name != ".state") == ["params.yaml", "raw"]


def test_a_stage_that_needs_another_names_what_is_missing(small: Path) -> None:
    said = sentence(stage(small, "resample", "--raw", "raw", "--manifest", "manifest", "--out", "resampled"))
    assert said == "manifest/manifest.parquet is missing: run the corpus stage first."
