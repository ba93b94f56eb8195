"""What a dead process left is cleaned away, and nothing else is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from talking.core.files import atomic_folder, atomic_path, temporary_folder
from talking.core.leftovers import clean_leftovers, is_alive, temporary_name

DYING = """
import os, signal, sys
from pathlib import Path
from talking.core.files import atomic_folder, atomic_path, temporary_folder
folder = Path(sys.argv[1])
with atomic_path(folder / "speaks.mp4") as film, temporary_folder(folder / "speaks.mp4") as beside:
    film.write_text("half")
    (beside / "silent.mp4").write_text("half")
    with atomic_folder(folder / "model") as made:
        (made / "weights").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
"""
REPLACING = """
import os, signal, sys
from pathlib import Path
from talking.core.files import atomic_folder
rename, calls = Path.rename, []
def dying(source, to):
    calls.append(to)
    if len(calls) == 2: os.kill(os.getpid(), signal.SIGKILL)
    return rename(source, to)
Path.rename = dying
with atomic_folder(Path(sys.argv[1]) / "model.v1") as made: (made / "weights").write_text("new")
"""


def died(script: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_a_killed_process_left_is_cleaned_away_and_a_users_own_files_stay(tmp_path: Path) -> None:
    own = {".speaks-1.mp4", ".bashrc", "speaks.mp4", ".speaks-abc12345-4194304.mp4", "a-0123abcd-12-0123abcd.mp4"}
    for name in own:
        (tmp_path / name).touch()
    died(DYING, tmp_path)
    assert len(names(tmp_path) - own) == 3
    assert len(clean_leftovers(tmp_path)) == 3
    assert names(tmp_path) == own


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.mp4"), atomic_folder(tmp_path / "b"), temporary_folder(tmp_path / "c"):
        assert len(names(tmp_path)) == 3
        assert clean_leftovers(tmp_path) == []
        assert len(names(tmp_path)) == 3


def test_what_another_machine_writes_stays(tmp_path: Path, monkeypatch) -> None:
    died(DYING, tmp_path)
    monkeypatch.setattr("talking.core.leftovers._place", lambda: "0123abcd")
    assert clean_leftovers(tmp_path) == []
    assert len(names(tmp_path)) == 3


def test_a_folder_that_was_moved_aside_and_never_replaced_gets_its_name_back(tmp_path: Path) -> None:
    (tmp_path / "model.v1").mkdir()
    (tmp_path / "model.v1" / "weights").write_text("old")
    died(REPLACING, tmp_path)
    assert "model.v1" not in names(tmp_path)
    clean_leftovers(tmp_path)
    assert names(tmp_path) == {"model.v1"}
    assert (tmp_path / "model.v1" / "weights").read_text() == "old"


def test_a_long_name_and_one_that_is_no_utf_8_have_a_temporary_one(tmp_path: Path) -> None:
    for name in (b"x" * 251 + b".mp4", b"\xff\xfe.mp4", b"x" + b"\xc3\xa9" * 125 + b".wav"):
        target = tmp_path / os.fsdecode(name)
        with atomic_path(target) as temporary:
            assert temporary.suffix == target.suffix
            temporary.write_text("made")
        assert target.read_text() == "made"


def test_no_two_temporary_names_are_alike(tmp_path: Path) -> None:
    assert temporary_name(tmp_path / "a") != temporary_name(tmp_path / "a")


def test_a_process_that_is_dead_and_not_collected_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_alive(child.pid) and is_alive(os.getpid())
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(child.pid)
    assert not is_alive(child.pid)
