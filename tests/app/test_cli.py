"""The `talking` command as people call it: a video, the table, or one sentence and exit code 1."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import soundfile
import yaml

from talking.app import animate, cli
from talking.app.pairs import Pair
from talking.core.errors import TalkingError
from talking.media.audio import write_wav_bytes
from talking.media.ffmpeg import ffmpeg_binary
from talking.media.video import decode_frames, probe, read_metadata
from talking.orchestration.params import load_params
from talking.orchestration.prepared import Prepared
from talking.orchestration.tuning import Tuning
from tests.signals import heeding_signals
from tests.synthesis.conftest import save_models

ROOT = Path(__file__).resolve().parents[2]
ANIMATE = ("animate", "--source", "face.png", "--driving", "speech.wav", "--output", "out/speaks.mp4", "--size", "32")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with params.yaml, a tiny model of its corpus, a picture of a face and 0.8 s of sound."""
    folder = tmp_path_factory.mktemp("cli")
    shutil.copy(ROOT / "params.yaml", folder)
    save_models(folder / "models" / corpus_of(folder))
    cv2.imwrite(str(folder / "face.png"), skimage.data.astronaut()[..., ::-1])
    tone = np.sin(np.arange(12800) / 16).astype(np.float32) * 0.3
    (folder / "speech.wav").write_bytes(write_wav_bytes(tone, 16000))
    (folder / "words.txt").write_text("These are words.")
    cv2.imwrite(str(folder / "wall.png"), np.full((200, 300, 3), 120, np.uint8))
    return folder


def corpus_of(folder: Path) -> str:
    return yaml.safe_load((folder / "params.yaml").read_text())["corpus"]


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def sentence(*arguments: str) -> str:
    """Return the sentence with which a command ends; text as an exit code is printed, and the code is then 1."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert isinstance(caught.value.code, str)
    assert "\n" not in caught.value.code
    assert caught.value.code.startswith("error: ")
    return caught.value.code.removeprefix("error: ")


def changed(option: str, value: str) -> tuple[str, ...]:
    """Return the command with another value of one option."""
    at = ANIMATE.index(option) + 1
    return (*ANIMATE[:at], value, *ANIMATE[at + 1 :])


def test_models_elsewhere_need_no_params_here(here, tmp_path, monkeypatch) -> None:
    """Given by an absolute path from a folder without params.yaml: the models carry what they need, tuning too."""
    models = tmp_path / "models"
    shutil.copytree(here / "models" / corpus_of(here), models)
    params = load_params(here / "params.yaml")
    Prepared.of(params).save(models / "stage_one")
    Tuning.of(replace(params, stage_two=replace(params.stage_two, steps=1))).save(models / "stage_two")
    for name in ("face.png", "speech.wav"):
        shutil.copy(here / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    cli.main([*ANIMATE, "--models", str(models), "--tune"])
    assert probe(tmp_path / "out" / "speaks.mp4").frames == 20


def test_animate_writes_a_marked_video_with_sound(here, capsys) -> None:
    cli.main(ANIMATE)
    found = probe(here / "out" / "speaks.mp4")
    assert (found.width, found.frames, found.has_sound) == (32, 20, True)
    assert "synthetic" in read_metadata(here / "out" / "speaks.mp4")["comment"]
    said = capsys.readouterr()
    assert said.out == "out/speaks.mp4: 20 frames, marked as synthetic\n"
    assert "speaks.mp4: 20 frames, 0.8 s of video, " in said.err and "frames per second" in said.err
    assert "warning" not in said.err


def test_a_sound_that_ends_early_is_told_as_the_last_word(here, capsys) -> None:
    """Half of a file that declares 4 s: a video of what is there, and a warning of its two lengths."""
    (here / "whole.wav").write_bytes(write_wav_bytes(np.sin(np.arange(64000) / 16) * 0.3, 16000))
    whole = ("-i", str(here / "whole.wav"), "-movflags", "+faststart", str(here / "cut.m4a"))
    subprocess.run([ffmpeg_binary(), "-v", "error", "-y", *whole], check=True)
    (here / "cut.m4a").write_bytes((here / "cut.m4a").read_bytes()[: (here / "cut.m4a").stat().st_size // 2])
    cli.main([*changed("--driving", "cut.m4a"), "--output", "out/cut.mp4"])
    warning = capsys.readouterr().err.splitlines()[-1]
    found = re.match(r"warning: the sound of cut\.m4a ends after (\d\.\d\d) s.* the file declares 4\.\d\d s", warning)
    assert found and probe(here / "out" / "cut.mp4").frames == round(25 * float(found[1]))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.where(np.arange(32000) == 31000, np.nan, np.sin(np.arange(32000) / 16) * 0.3), "not finite at 1.94 s"),
        (np.zeros(32000), "is silent from beginning to end"),
    ],
    ids=["not finite", "silent"],
)
def test_a_sound_that_nothing_can_be_made_of_is_refused_before_any_frame(here, capsys, samples, words) -> None:
    soundfile.write(here / "broken.wav", samples, 16000, subtype="FLOAT")
    assert words in sentence(*changed("--driving", "broken.wav"), "--output", "out/broken.mp4")
    assert not (here / "out" / "broken.mp4").exists()
    assert "frame" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--source", "none.png", "none.png is not there"),
        ("--driving", "none.wav", "none.wav is not there"),
        ("--source", "words.txt", "words.txt is no picture that can be read"),
        ("--source", "speech.wav", "speech.wav is no picture that can be read"),
        ("--source", "wall.png", "wall.png: no face was found"),
        ("--driving", "words.txt", "words.txt cannot be decoded"),
        ("--driving", "face.png", "face.png has no sound"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_by_its_name(here, option, value, words) -> None:
    assert words in sentence(*changed("--output", "none/speaks.mp4"), option, value)
    assert not list(here.glob("none/*"))


def test_folders_make_a_video_per_pair_and_a_bad_one_costs_itself_alone(here, capsys) -> None:
    pictures = here / "pictures"
    pictures.mkdir()
    shutil.copy(here / "face.png", pictures / "a.png")
    shutil.copy(here / "words.txt", pictures / "b.png")
    shutil.copy(here / "wall.png", pictures / "c.png")
    said = sentence("animate", "-s", "pictures", "-d", "speech.wav", "-o", "many", "--size", "32")
    assert said.startswith("2 of 3 videos were not made.")
    assert "b.png is no picture" in said and "c.png: no face was found" in said
    assert [path.name for path in (here / "many").iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_in_the_middle_leaves_no_file_and_is_a_sentence(here, tmp_path, number, code) -> None:
    (tmp_path / "old.mp4").write_text("there before")
    with animating(tmp_path) as running:
        running.send_signal(number)
        said = running.communicate(timeout=60)[1]
        assert running.returncode == code
    assert said.splitlines()[-1].startswith("stopped by ") and "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["old.mp4"]


def test_what_a_killed_run_left_is_cleaned_away_by_the_next(here, tmp_path) -> None:
    with animating(tmp_path) as running:
        running.kill()
    assert len(list(tmp_path.iterdir())) == 2
    cli.main([*ANIMATE[:6], str(tmp_path / "other.mp4"), "--size", "32"])
    assert [path.name for path in tmp_path.iterdir()] == ["other.mp4"]


@contextmanager
def animating(folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """A command of its own that makes a long film into a folder, when it has begun to."""
    tone = np.tile(np.sin(np.arange(16000) / 16).astype(np.float32) * 0.3, 600)
    Path("long.wav").write_bytes(write_wav_bytes(tone, 16000))
    arguments = ["animate", "-s", "face.png", "-d", "long.wav", "-o", str(folder / "speaks.mp4"), "--size", "32"]
    command = [sys.executable, "-c", "from talking.app.cli import main; main()", *arguments]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    with heeding_signals():
        run = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with run:
        try:
            limit = time.monotonic() + 120
            while not list(folder.glob(".*/.silent*")):
                assert run.poll() is None and time.monotonic() < limit
                time.sleep(0.1)
            yield run
        finally:
            run.kill()


def test_a_csv_names_its_pairs_and_the_whole_picture_is_marked(here) -> None:
    (here / "pairs.csv").write_text("source,driving,output\nface.png,speech.wav,csv/whole.mp4\n")
    cli.main(["animate", "-s", "pairs.csv", "--paste", "--mark", "--size", "200"])
    frame = decode_frames(here / "csv" / "whole.mp4")[0]
    assert frame.shape == (200, 200, 3)
    corner = frame[180:, 4:60]
    assert (corner > 200).any() and np.median(corner) < 40, "white letters on black"


def test_a_video_may_not_take_the_place_of_what_is_read(here) -> None:
    before = (here / "out" / "speaks.mp4").read_bytes()
    assert "out/speaks.mp4 is also read" in sentence(*changed("--driving", "out/speaks.mp4"))
    assert (here / "out" / "speaks.mp4").read_bytes() == before


def test_a_missing_model_is_said_by_its_folder() -> None:
    assert "elsewhere/stage_one is missing: train a model first" in sentence(*ANIMATE, "--models", "elsewhere")


@pytest.mark.parametrize("size", ["0", "-2", "33", "4098", "100000", "9" * 30])
def test_a_size_that_no_video_can_have_is_said_so(size) -> None:
    assert size in sentence(*changed("--size", size))


def test_an_output_that_is_a_folder_is_said_so(here) -> None:
    (here / "folder.mp4").mkdir(exist_ok=True)
    assert "folder.mp4" in sentence(*changed("--output", "folder.mp4"))


def test_an_output_that_is_no_mp4_is_said_so() -> None:
    assert "out.txt" in sentence(*changed("--output", "out.txt"))


def test_debug_raises_instead() -> None:
    with pytest.raises(TalkingError, match=r"none.png is not there"):
        cli.main(["--debug", *changed("--source", "none.png")])


def test_a_folder_without_params_is_said_so(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence("summary") == "params.yaml is missing: run from the root of the repository."


def test_summary_without_a_report_says_what_to_run(here) -> None:
    assert f"data/{corpus_of(here)}/report/table.txt is missing: run `dvc repro` first" in sentence("summary")


def test_summary_prints_the_table_and_where_to_look(here, tmp_path, monkeypatch, capsys) -> None:
    shutil.copy(here / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "data" / corpus_of(here) / "report"
    (report / "sheets").mkdir(parents=True)
    (report / "table.txt").write_text("psnr  30.0\n")
    (report / "sheets" / "s2.png").touch()
    videos = tmp_path / "videos" / corpus_of(here) / "stage_two"
    videos.mkdir(parents=True)
    for name in ("s2_b.mp4", "s1_a.mp4"):
        (videos / name).touch()
    cli.main(["summary"])
    said = capsys.readouterr().out
    assert said.startswith("psnr  30.0\n")
    assert f"videos/{corpus_of(here)}/stage_two/s1_a.mp4" in said
    assert "sheets/s2.png" in said


def test_summary_of_a_report_without_videos_names_none(here, tmp_path, monkeypatch, capsys) -> None:
    shutil.copy(here / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / corpus_of(here) / "report").mkdir(parents=True)
    (tmp_path / "data" / corpus_of(here) / "report" / "table.txt").write_text("psnr\n")
    cli.main(["summary"])
    assert "None" not in capsys.readouterr().out


def test_whatever_ends_one_pair_costs_it_alone(here, capsys, monkeypatch) -> None:
    """Names that cannot be written, a NUL, a strip of one row, a name that is no text, an error that nobody foresaw."""
    shutil.copy(here / "speech.wav", here / "other.wav")
    cv2.imwrite(str(here / "strip.png"), np.full((1, 5000, 3), 90, np.uint8))
    rows = [
        "strip.png,speech.wav,batch/strip.mp4",
        "face.png,speech.wav,/proc/b.mp4",
        f"face.png,speech.wav,batch/{'n' * 252}.mp4",
        "face.png,speech.wav,batch/nul\0.mp4",
        "nul\0.png,speech.wav,batch/nul.mp4",
        "face.png,other.wav,batch/unforeseen.mp4",
        "face.png,speech.wav,batch/good.mp4",
    ]
    (here / "batch.csv").write_text("source,driving,output\n" + "\n".join(rows) + "\n")
    made = animate._make_one

    def fails(pair: Pair, *others):
        if pair.driving.name == "other.wav":
            raise ZeroDivisionError("nobody foresaw it")
        return made(pair, *others)

    monkeypatch.setattr(animate, "_make_one", fails)
    said = sentence("animate", "-s", "batch.csv", "--size", "32")
    assert said.startswith("6 of 7 videos were not made.")
    for words in ("strip.mp4: ", "no face was found", "b.mp4: ", "more than 255 bytes", "nul.mp4: ", "nobody foresaw"):
        assert words in said, words
    assert [path.name for path in (here / "batch").iterdir()] == ["good.mp4"]


def test_a_name_that_is_no_text_is_read_written_and_shown(here) -> None:
    folder = here / "bytes"
    folder.mkdir()
    for name in ("face.png", "speech.wav"):
        shutil.copy(here / name, folder / os.fsdecode(b"caf\xe9" + name[-4:].encode()))
    script = "from talking.app.cli import main; main()"
    options = ["animate", "-s", "bytes", "-d", "bytes", "-o", "said", "--size", "32"]
    done = subprocess.run(
        [sys.executable, "-c", script, *options],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert done.returncode == 0, done.stderr
    assert rb"caf\udce9.mp4: 20 frames" in done.stdout
    assert [os.fsencode(path.name) for path in (here / "said").iterdir()] == [b"caf\xe9.mp4"]


def test_what_a_folder_held_besides_is_told_and_what_cannot_be_read_is_a_failure(here, capsys) -> None:
    folder = here / "mixed"
    folder.mkdir()
    shutil.copy(here / "face.png", folder / "a.png")
    (folder / "notes.txt").touch()
    command = ("animate", "-s", "mixed", "-d", "speech.wav", "-o", "told", "--size", "32")
    cli.main(command)
    assert "not used: mixed: notes.txt: no picture by its name." in capsys.readouterr().err
    (folder / "b.png").symlink_to("nothing.png")
    assert sentence(*command) == "not read: mixed/b.png: a link to nothing.png, which is not there."
    assert (here / "told" / "a.mp4").is_file()
