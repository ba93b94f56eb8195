"""librosa works where neither its own folder nor the home folder can be written, as in a container, without setting."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from talking.media import sound_library

# Where a file can be made is asked by numba and by the project alike; a read-only file system answers so.
READ_ONLY = """
import errno, os, sys, tempfile
allowed, made = sys.argv[1], tempfile.TemporaryFile
def refusing(*arguments, dir=None, **options):
    if dir is not None and not str(dir).startswith(allowed):
        raise OSError(errno.EROFS, "Read-only file system", str(dir))
    return made(*arguments, dir=dir, **options)
tempfile.TemporaryFile = refusing
import numpy as np
from talking.media.alter import altered
sound = np.sin(np.arange(8000) / 9).astype(np.float32)
print(len(altered(sound, 16000, np.random.default_rng(1))), os.environ.get("NUMBA_CACHE_DIR"))
"""


def heard(tmp_path: Path, **variables: str) -> list[str]:
    plain = {name: value for name, value in os.environ.items() if name not in (sound_library.PLACE, "XDG_CACHE_HOME")}
    environment = plain | {"HOME": "/proc/none", "TMPDIR": str(tmp_path)} | variables
    command = [sys.executable, "-c", READ_ONLY, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_without_a_writable_folder_it_compiles_into_a_private_temporary_one(tmp_path: Path) -> None:
    place = tmp_path / f"talking-numba-{os.getuid()}"
    assert heard(tmp_path) == ["8000", str(place)]
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert heard(tmp_path) == ["8000", str(place)]


@pytest.mark.slow
def test_a_folder_that_a_user_named_stays(tmp_path: Path) -> None:
    assert heard(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "named")) == ["8000", str(tmp_path / "named")]


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"talking-numba-{os.getuid()}").mkdir()
    (tmp_path / f"talking-numba-{os.getuid()}").chmod(0o777)
    monkeypatch.setattr(sound_library.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(sound_library, "_can_be_written", lambda _: False)
    monkeypatch.delenv(sound_library.PLACE, raising=False)
    sound_library.give_numba_a_place()
    found = Path(os.environ[sound_library.PLACE])
    monkeypatch.delenv(sound_library.PLACE)
    assert found.name != f"talking-numba-{os.getuid()}" and stat.S_IMODE(found.stat().st_mode) == 0o700


def test_every_module_takes_it_from_the_one_place() -> None:
    library = Path(sound_library.__file__).parents[1]
    importing = [
        path.name for path in library.rglob("*.py") if re.search(r"^\s*import librosa", path.read_text(), re.M)
    ]
    assert importing == ["sound_library.py"]
