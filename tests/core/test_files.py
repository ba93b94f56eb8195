"""Nobody meets half a file: an error, a full disk or a kill leaves what was there before, and no temporary."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, atomic_path, read_json, sha256_of, write_bytes, write_json, write_text

SMALL = 64 * 1024  # bytes that a file may have in the process whose disk is full
FULL = """
import resource, signal, sys
from pathlib import Path
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, atomic_path, write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then write() fails with an error, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
target = Path(sys.argv[1])
try:
    {body}
except TalkingError as error:
    sys.exit(str(error))
"""


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def with_a_full_disk(target: Path, body: str) -> str:
    script = FULL.format(limit=SMALL, body=body)
    done = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_file_appears_whole_and_readable_by_others(tmp_path) -> None:
    target = tmp_path / "deep" / "er" / "a.tar"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent and temporary.suffix == ".tar" and temporary.name.startswith(".")
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["deep", "deep/er", "deep/er/a.tar"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_no_temporary(tmp_path, error) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_an_error_before_the_first_file_leaves_nothing(tmp_path) -> None:
    with pytest.raises(ValueError, match="stop"), atomic_path(tmp_path / "a.txt"):
        raise ValueError("stop")
    assert names(tmp_path) == []


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o027, 0o077])
def test_files_and_folders_get_the_permissions_that_the_umask_leaves(tmp_path, mask) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "a")
        with atomic_folder(tmp_path / "b") as folder:
            write_text(folder / "c.txt", "c")
        with atomic_path(tmp_path / "d.safetensors") as temporary:
            save_file({"x": np.zeros(3)}, temporary)
    finally:
        os.umask(before)
    for name in ("a.txt", "b/c.txt", "d.safetensors"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~mask, name
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o777 & ~mask


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(tmp_path, monkeypatch) -> None:
    events: list[str] = []
    fsync, replace, rename = os.fsync, Path.replace, Path.rename

    def synced(handle: int) -> None:
        where = Path(f"/proc/self/fd/{handle}").readlink()
        events.append(f"sync {where.name.split('-')[0]}")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", lambda a, b: (events.append(f"name {b.name}"), replace(a, b))[1])
    monkeypatch.setattr(Path, "rename", lambda a, b: (events.append(f"name {b.name}"), rename(a, b))[1])
    write_text(tmp_path / "deep" / "a", "a")
    assert events == ["sync .a", "name a", "sync deep"]
    events.clear()
    with atomic_folder(tmp_path / "deep" / "model") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "weights").write_text("w")
    assert sorted(events[:3]) == ["sync .model", "sync sub", "sync weights"]
    assert events[3:] == ["name model", "sync deep"]
    events.clear()
    with atomic_path(tmp_path / "deep" / "b", durable=False) as temporary:
        temporary.touch()
    assert events == ["name b"]


def test_a_disk_that_tells_of_its_fullness_last_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    write_text(tmp_path / "a", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TalkingError, match="a: the disk is full"):
        write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


def test_two_writers_of_one_file_do_not_meet(tmp_path) -> None:
    with atomic_path(tmp_path / "a") as first, atomic_path(tmp_path / "a") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first" and names(tmp_path) == ["a"]


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path) -> None:
    target = tmp_path / "model"
    (target / "old").mkdir(parents=True)
    with atomic_folder(target) as temporary:
        (temporary / "new.json").write_text("{}")
        assert names(target) == ["old"]
    assert names(tmp_path) == ["model", "model/new.json"]
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_folder_and_no_temporary(tmp_path, error) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "kept").write_text("old")
    with pytest.raises(error), atomic_folder(target) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "half").write_text("x")
        raise error
    assert names(tmp_path) == ["model", "model/kept"]


@pytest.mark.parametrize(
    "body",
    [
        f"write_bytes(target, bytes({2 * SMALL}))",
        f"import numpy as np; from safetensors.numpy import save_file\n    with atomic_path(target) as t: "
        f"save_file({{'a': np.zeros({2 * SMALL}, np.uint8)}}, t)",
        f"with atomic_path(target) as t, t.open('wb') as f: [f.write(bytes(1000)) for _ in range({2 * SMALL // 1000})]",
    ],
)
def test_a_disk_that_fills_leaves_the_old_file(tmp_path, body) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    assert with_a_full_disk(target, body) == f"{target}: the disk is full; free some space and run again.\n"
    assert target.read_bytes() == b"old" and names(tmp_path) == ["a.bin"]


def test_a_disk_that_fills_leaves_no_half_folder(tmp_path) -> None:
    body = f"with atomic_folder(target) as t: (t / 'a').write_text('a'); (t / 'b').write_bytes(bytes({2 * SMALL}))"
    assert f"{tmp_path / 'model'}: the disk is full" in with_a_full_disk(tmp_path / "model", body)
    assert names(tmp_path) == []


def test_a_killed_writer_leaves_the_old_file(tmp_path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    script = (
        "import os, signal, sys; from pathlib import Path; from talking.core.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as t: t.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    assert all(path.name.startswith(".") for path in tmp_path.iterdir() if path != target)


def test_a_kill_while_a_folder_is_replaced_loses_neither_the_old_nor_the_new(tmp_path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").write_text("old")
    script = (
        "import os, signal, sys; from pathlib import Path; from talking.core.files import atomic_folder\n"
        "rename, calls = Path.rename, []\n"
        "def dying(source, to):\n"
        "    calls.append(to)\n"
        "    if len(calls) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return rename(source, to)\n"
        "Path.rename = dying\n"
        "with atomic_folder(Path(sys.argv[1])) as t: (t / 'weights').write_text('new')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert sorted(path.read_text() for path in tmp_path.rglob("weights")) == ["new", "old"]


# Whole numbers of 64 bits: larger ones are refused as they are read (tests/core/test_documents.py).
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(json_values)
def test_json_comes_back(tmp_path, value) -> None:
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_json_keeps_the_order_of_its_keys(tmp_path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": {"d": 2, "c": 3}})
    assert (tmp_path / "a.json").read_text() == json.dumps({"b": 1, "a": {"d": 2, "c": 3}}, indent=2) + "\n"


@pytest.mark.parametrize("value", [float("nan"), {"psnr": float("inf")}, {"path": Path("a")}])
def test_what_is_no_json_is_refused_and_the_old_file_stays(tmp_path, value) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == 1 and names(tmp_path) == ["a.json"]


def test_a_missing_json_says_so(tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"a.json is missing: run the stage"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe"])
def test_a_damaged_json_says_so(tmp_path, content) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(TalkingError, match=r"a.json is not valid JSON: run the stage"):
        read_json(tmp_path / "a.json")


def test_text_is_utf_8_whatever_the_locale(tmp_path) -> None:
    script = (
        "import sys; from pathlib import Path; from talking.core.files import read_json, write_json\n"
        "p = Path(sys.argv[1]); write_json(p, 'h\\u00e9'); sys.exit(read_json(p) != 'h\\u00e9')"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script, str(tmp_path / "a.json")],
        env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        check=False,
    )
    assert done.returncode == 0
    write_text(tmp_path / "b.txt", "hé")
    assert (tmp_path / "b.txt").read_bytes() == "hé".encode()


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_the_hash_is_that_of_the_whole_file(tmp_path, size) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    write_bytes(tmp_path / "a", content[:size])
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content[:size]).hexdigest()
