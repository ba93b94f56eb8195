"""Files of weights that ask for more memory than they have bytes are refused before any of it is taken."""

import io
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch

from talking.core.asks import AsksTooMuchError, check_asks
from talking.core.errors import TalkingError
from talking.weights.checkpoints import read_checkpoint
from talking.weights.pickles import read_pickle

MEMO = b"\x80\x02Nr\x00\x00\x00\x04."  # remember None as part 67,108,864
HUGE = (1 << 40).to_bytes(8, "little")
ASKING = {
    "a memo of a gigabyte": MEMO,
    "a memo in words": b"N" + b"p999999999\n" + b".",
    "bytes that are not there": b"\x80\x04\x8e" + HUGE + b".",
    "text that is not there": b"\x80\x04\x8d" + HUGE + b".",
    "an array that is not there": b"\x80\x05\x96" + HUGE + b".",
    "a frame that is not there": b"\x80\x04\x95" + HUGE + b"N.",
    "a number that is not there": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "an array of any length": b"cbuiltins\nbytearray\n(I1099511627776\ntR.",
    "an array by the new opcode": b"\x80\x04\x8c\x08builtins\x8c\x09bytearray\x93J\x00\x00\x00\x7f\x85R.",
}


def put(folder: Path, content: bytes) -> Path:
    (folder / "w.pkl").write_bytes(content)
    return folder / "w.pkl"


@pytest.mark.parametrize("read", [read_pickle, lambda path: read_checkpoint(path, ())], ids=["pickle", "checkpoint"])
@pytest.mark.parametrize("content", ASKING.values(), ids=ASKING)
def test_what_asks_for_gigabytes_is_refused_without_them(tmp_path, content, read) -> None:
    path = put(tmp_path, content)
    tracemalloc.start()
    with pytest.raises(TalkingError, match=r"w.pkl (asks for more memory than it has bytes|is cut short)") as said:
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6 and "\n" not in str(said.value)


def test_under_a_limit_of_memory_it_is_the_same_sentence(tmp_path) -> None:
    """As `ulimit -v` sets it: half a gigabyte more than the libraries themselves take."""
    code = (
        "import resource, sys; from pathlib import Path; from talking.weights.pickles import read_pickle;"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29),) * 2); read_pickle(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(put(tmp_path, MEMO))], capture_output=True, text=True, check=False
    )
    assert "it would remember part 67108864 where it has" in done.stderr.splitlines()[-1]


def test_a_part_that_is_copied_again_and_again_is_refused(tmp_path) -> None:
    """A list of 10,000 that becomes a thousand sets: 10 million entries of 30 kB."""
    numbers = b"](" + b"".join(b"J" + n.to_bytes(4, "little") for n in range(10_000)) + b"eq\x00"
    content = b"\x80\x02(" + numbers + b"cbuiltins\nset\nh\x00\x85R" * 1000 + b"t."
    with pytest.raises(TalkingError, match="it copies its own parts again and again"):
        read_pickle(put(tmp_path, content))


def test_attributes_are_not_copied_into_every_ordered_dict(tmp_path) -> None:
    content = b"\x80\x02}X\x01\x00\x00\x00aK\x01sq\x00ccollections\nOrderedDict\n)Rh\x00b."
    found = read_pickle(put(tmp_path, content))
    assert found == {} and not vars(found)


def archive(folder: Path, content: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(folder / "w.pt", "w", packing) as made:
        for name, part in content.items():
            made.writestr(name, part)
    return folder / "w.pt"


def parts_of(value: object) -> dict[str, bytes]:
    file = io.BytesIO()
    torch.save(value, file)
    with zipfile.ZipFile(file) as made:
        return {name: made.read(name) for name in made.namelist()}


def test_a_checkpoint_whose_parts_are_packed_is_refused(tmp_path) -> None:
    parts = parts_of({"a": torch.zeros(1_000_000)})
    assert torch.equal(read_checkpoint(archive(tmp_path, parts), ("a",))["a"], torch.zeros(1_000_000))
    with pytest.raises(TalkingError, match="its parts are packed, which weights never are"):
        read_checkpoint(archive(tmp_path, parts, zipfile.ZIP_DEFLATED), ("a",))


@pytest.mark.parametrize("legacy", [False, True])
def test_storages_that_are_not_in_the_file_are_refused(tmp_path, legacy) -> None:
    """The number of elements, 77 as the pickle says it, becomes 2 ** 31 - 1."""
    torch.save({"a": torch.ones(77)}, tmp_path / "w.pt", _use_new_zipfile_serialization=not legacy)
    read_checkpoint(tmp_path / "w.pt", ("a",))
    if legacy:
        path = put(tmp_path, (tmp_path / "w.pt").read_bytes().replace(b"KM", b"J\xff\xff\xff\x7f", 1))
    else:
        parts = parts_of({"a": torch.ones(77)})
        (name,) = (name for name in parts if name.endswith("data.pkl"))
        path = archive(tmp_path, parts | {name: parts[name].replace(b"KM", b"J\xff\xff\xff\x7f", 1)})
    with pytest.raises(TalkingError, match="its tensors would take 8589934588 bytes, and the file has"):
        read_checkpoint(path, ("a",))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_itself_writes_asks_for_nothing_more(legacy, protocol) -> None:
    kinds = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64)
    shared = torch.arange(1000.0)
    content = {str(kind): torch.ones(50).to(kind) for kind in kinds} | {"b": shared[:10], "c": shared[5:]}
    file = io.BytesIO()
    torch.save(content, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    check_asks(file)
    assert file.tell() == 0


def test_a_pickle_of_many_small_parts_asks_for_nothing_more() -> None:
    content = {str(n): (n, [str(n)] * 3, {"x": n}) for n in range(5000)}
    for protocol in range(6):
        check_asks(io.BytesIO(pickle.dumps(content, protocol)))


def test_more_parts_than_any_network_has_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("talking.core.asks.MOST_PARTS", 100)
    with pytest.raises(AsksTooMuchError, match="more than 100 parts"):
        check_asks(io.BytesIO(b"N" * 200 + b"."))
