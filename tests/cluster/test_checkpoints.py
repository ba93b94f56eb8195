"""A training's checkpoints after a power cut: half a copy and an emptied note are as good as none."""

import json
from pathlib import Path

import pytest

from talking.cluster.checkpoints import NOTE, forget_torn, is_whole, last_whole, record_sizes


def checkpoint(run: Path, name: str) -> Path:
    folder = run / name
    (folder / "model").mkdir(parents=True)
    (folder / "state.pt").write_bytes(bytes(100))
    (folder / "model" / "weights").write_bytes(b"weights")
    record_sizes(folder)
    return folder


def note(run: Path, *names: str) -> None:
    results = [{"checkpoint_dir_name": name, "metrics": {}} for name in names]
    (run / NOTE).write_text(json.dumps({"ray_version": "2", "checkpoint_results": results}))


def test_the_last_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    assert last_whole(tmp_path) is None
    first, second = checkpoint(tmp_path, "checkpoint_2026-01-01"), checkpoint(tmp_path, "checkpoint_2026-01-02")
    assert last_whole(tmp_path) == second
    (second / "state.pt").write_bytes(b"")
    assert last_whole(tmp_path) == first
    (first / "model" / "weights").unlink()
    assert last_whole(tmp_path) is None


def test_a_checkpoint_without_its_sizes_is_not_whole(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, "checkpoint_1")
    assert is_whole(folder)
    (folder / "sizes.json").write_bytes(bytes(20))
    assert not is_whole(folder)


@pytest.mark.parametrize("content", [b"", bytes(50), b'{"checkpoint_results": [{', b"null", b'{"ray_version": "2"}'])
def test_a_torn_note_is_taken_away(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NOTE).write_bytes(content)
    forget_torn(tmp_path)
    assert not (tmp_path / NOTE).exists()


def test_a_note_of_whole_checkpoints_stays_and_one_of_a_torn_one_goes(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, "checkpoint_1")
    note(tmp_path, "checkpoint_1")
    forget_torn(tmp_path)
    assert (tmp_path / NOTE).exists()
    (folder / "state.pt").write_bytes(bytes(99))
    forget_torn(tmp_path)
    assert not (tmp_path / NOTE).exists()
