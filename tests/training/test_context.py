"""The context of one process: a history and a checkpoint that belong together."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from talking.training.context import LocalContext, train_locally

CPU = torch.device("cpu")


def checkpoint(folder: Path, text: str) -> Path:
    """A loop's own checkpoint folder."""
    folder.mkdir(exist_ok=True)
    (folder / "state.txt").write_text(text)
    return folder


def test_what_was_reported_after_the_last_checkpoint_is_forgotten_with_it(tmp_path: Path) -> None:
    context = LocalContext(tmp_path / "run", CPU)
    with context.resume_from() as nothing:
        assert nothing is None
    context.report({"step": 1}, checkpoint(tmp_path / "mine", "one"))
    context.report({"step": 2})
    assert [metrics["step"] for metrics in context.result().history] == [1, 2]
    again = LocalContext(tmp_path / "run", CPU)
    assert again.result().history == [{"step": 1}]
    with again.resume_from() as folder:
        assert folder is not None
        assert (folder / "state.txt").read_text() == "one"


def test_the_last_checkpoint_alone_is_kept_and_is_a_copy(tmp_path: Path) -> None:
    context = LocalContext(tmp_path / "run", CPU)
    for step in range(12):
        context.report({"step": step}, checkpoint(tmp_path / "mine", str(step)))
    checkpoint(tmp_path / "mine", "changed later")
    last = context.result().checkpoint
    assert last is not None
    assert (last / "state.txt").read_text() == "11"
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [last.name, "history.jsonl"]


def test_as_many_checkpoints_are_kept_as_asked_for(tmp_path: Path) -> None:
    context = LocalContext(tmp_path / "run", CPU, keep=3)
    for step in range(5):
        context.report({"step": step}, checkpoint(tmp_path / "mine", str(step)))
    kept = sorted((tmp_path / "run").glob("checkpoint-*"))
    assert [(folder / "state.txt").read_text() for folder in kept] == ["2", "3", "4"]
    assert context.result().checkpoint == kept[-1]


def test_interrupted_save_leaves_no_partial_checkpoint(tmp_path: Path) -> None:
    LocalContext(tmp_path / "run", CPU).report({"step": 1}, checkpoint(tmp_path / "mine", "one"))
    checkpoint(tmp_path / "mine", "two")
    script = (
        "import os, shutil, signal, sys, torch; from pathlib import Path\n"
        "from talking.training.context import LocalContext\n"
        "context = LocalContext(Path(sys.argv[1]), torch.get_default_device())\n"
        "copy = shutil.copy2\n"
        "def dying(source, target, **options):\n"
        "    copy(source, target, **options); os.kill(os.getpid(), signal.SIGKILL)\n"
        "tree = shutil.copytree\n"
        "shutil.copytree = lambda s, t, dirs_exist_ok: tree(s, t, copy_function=dying, dirs_exist_ok=True)\n"
        "context.report({'step': 2}, Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "run"), str(tmp_path / "mine")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    again = LocalContext(tmp_path / "run", CPU)
    (kept,) = (tmp_path / "run").glob("checkpoint-*")
    assert sorted(path.name for path in kept.iterdir()) == ["history.jsonl", "state.txt"]
    assert (kept / "state.txt").read_text() == "one"
    assert again.result().history == [{"step": 1}]


def test_a_loop_that_fails_goes_on_where_it_last_saved(tmp_path: Path) -> None:
    def loop(context: object, fail_at: int) -> None:
        with context.resume_from() as folder:  # type: ignore[attr-defined]
            start = int((folder / "state.txt").read_text()) if folder else 0
        for step in range(start + 1, 6):
            if step == fail_at:
                raise RuntimeError("power cut")
            context.report({"step": step}, checkpoint(tmp_path / "mine", str(step)) if step == 2 else None)  # type: ignore[attr-defined]

    with pytest.raises(RuntimeError, match="power cut"):
        train_locally(lambda context: loop(context, 4), tmp_path / "run", CPU)
    result = train_locally(lambda context: loop(context, 0), tmp_path / "run", CPU)
    assert [metrics["step"] for metrics in result.history] == [1, 2, 3, 4, 5]
