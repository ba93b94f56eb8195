"""What a file of weights asks of memory, told from its bytes before any of it is taken.

A pickle of nine bytes can make Python's reader take a gigabyte (https://github.com/python/cpython/issues/115952), a
checkpoint can name storages that are not in it, and the parts of an archive can be packed a thousandfold. Weights need
none of that: whatever they become in memory is as large as the file. A pickle that copies its own parts again and again
is not found out by this (https://github.com/trailofbits/fickling/issues/111).
"""

import io
import pickle
import pickletools
import struct
import tarfile
import zipfile
from typing import IO, Any

from safetensors import SafetensorError

# Opcodes of a pickle; the largest published one here has thousands.
MOST_PARTS = 5_000_000
LONGEST_LINE = 1 << 20
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # of checkpoints of PyTorch before 1.6: five pickles, then the storages
LEGACY_PICKLES = 5
ITEM_BYTES = {"ComplexDouble": 16, "ComplexFloat": 8, "Double": 8, "Long": 8, "Float": 4, "Int": 4}
ITEM_BYTES |= {"Half": 2, "BFloat16": 2, "Short": 2}
_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")
# What torch, pickle and safetensors raise on files that are damaged or something else than weights.
UNREADABLE = (
    pickle.UnpicklingError,
    SafetensorError,
    struct.error,
    tarfile.TarError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    ImportError,
    MemoryError,
)


class AsksTooMuchError(pickle.UnpicklingError):
    """A file would take more memory than it has bytes; the text says by what, for the middle of a sentence."""


def check_asks(file: IO[bytes]) -> None:
    """Raise `AsksTooMuchError` where a pickle, or a checkpoint of PyTorch, would take more memory than the file.

    A file that is cut short, damaged or neither raises `EOFError` or pickle's own errors, or is left to its reader.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if file.read(4) == b"PK\x03\x04":
        _check_archive(file, size)
    else:
        file.seek(0)
        _check_pickles(file, size)
    file.seek(0)


def _check_archive(file: IO[bytes], size: int) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
                raise AsksTooMuchError("its parts are packed, which weights never are")
            if sum(part.file_size for part in parts) > size:
                raise AsksTooMuchError("its parts are together larger than the file")
            pickles = [archive.read(part) for part in parts if part.filename.endswith("data.pkl")]
    except zipfile.BadZipFile as error:
        raise pickle.UnpicklingError("the archive is damaged") from error
    for content in pickles:
        scan(io.BytesIO(content), len(content))
        _check_storages(io.BytesIO(content), size)


def _check_pickles(file: IO[bytes], size: int) -> None:
    first = scan(file, size)
    if first != LEGACY_MAGIC:
        return
    for _ in range(LEGACY_PICKLES - 1):
        start = file.tell()
        scan(file, size)
        end = file.tell()
        file.seek(start)
        _check_storages(io.BytesIO(file.read(end - start)), size)


class _Bounded:
    """A file as `pickletools` reads it, in which nothing can be asked for that is not there."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self.tell = file.tell

    def left(self) -> int:
        """Return how many bytes follow."""
        return self._size - self._file.tell()

    def read(self, count: int) -> bytes:
        """Read so many bytes."""
        if not 0 <= count <= self.left():
            raise EOFError(f"a part of {count} bytes begins where {self.left()} are left")
        return self._file.read(count)

    def readline(self) -> bytes:
        """Read up to the end of a line."""
        line = self._file.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            raise AsksTooMuchError(f"it has a line of {LONGEST_LINE} bytes")
        return line


def scan(file: IO[bytes], size: int) -> Any:
    """Go through one pickle by its opcodes, building nothing; return the first value that stands in it.

    Raises `AsksTooMuchError`, and what `pickletools` raises on what is no pickle.
    """
    reader, first = _Bounded(file, size), None
    for count, (code, value, _) in enumerate(pickletools.genops(reader)):  # type: ignore[arg-type]
        if first is None and value is not None and code.name != "PROTO":
            first = value if isinstance(value, int) else ""
        if count >= MOST_PARTS:
            raise AsksTooMuchError(f"it has more than {MOST_PARTS} parts")
        if code.name in _MEMO and int(value) > count:  # type: ignore[arg-type]
            raise AsksTooMuchError(f"it would remember part {value} where it has {count}")
        if code.name == "FRAME" and int(value) > reader.left():  # type: ignore[arg-type]
            raise EOFError(f"a part of {value} bytes begins where {reader.left()} are left")
        if isinstance(value, str) and value.rpartition(" ")[2] == "bytearray":
            raise AsksTooMuchError("it would make an array of bytes, of any length, which no weights need")
    return first


class _Silent:
    """Stands for every class and every result: takes whatever a pickle gives it, and keeps nothing."""

    def __new__(cls, *_arguments: Any, **_named: Any) -> "_Silent":
        """Make one of anything."""
        return object.__new__(cls)

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        """Take anything."""

    def __setstate__(self, _state: Any) -> None:
        """Take anything."""

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """Take anything."""

    def append(self, _entry: Any) -> None:
        """Take anything."""

    def extend(self, _entries: Any) -> None:
        """Take anything."""

    def add(self, _entry: Any) -> None:
        """Take anything."""


class _Sizes(pickle.Unpickler):
    """Finds the storages that a pickle of PyTorch names, and makes nothing of it."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.asked: dict[Any, int] = {}

    def find_class(self, _module: str, name: str) -> Any:
        return type(name, (_Silent,), {})

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and len(pid) > 4 and isinstance(pid[2], str | int) and isinstance(pid[4], int):
            kind = getattr(pid[1], "__name__", "").removesuffix("Storage")
            self.asked[pid[2]] = max(pid[4], 0) * ITEM_BYTES.get(kind, 1)
        return _Silent()


def _check_storages(file: IO[bytes], size: int) -> None:
    sizes = _Sizes(file)
    sizes.load()
    if (asked := sum(sizes.asked.values())) > size:
        raise AsksTooMuchError(f"its tensors would take {asked} bytes, and the file has {size}")
