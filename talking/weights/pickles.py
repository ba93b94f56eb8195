"""Reading a pickle of modules without their code: tensors and plain containers as they are, all else as bare state.

NVIDIA publishes StyleGAN2 as pickled objects that carry the source text of their own classes, to be run when they are
read (`torch_utils.persistence`). Here nothing of it is imported or run: a class becomes a `Bare` of the same name, and
the few functions that pickles of tensors must call are replaced by our own. A call of any other function is refused.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from talking.core.asks import UNREADABLE, AsksTooMuchError, check_asks
from talking.core.errors import TalkingError
from talking.weights.checkpoints import check_no_page, too_much


class UnknownCallError(pickle.UnpicklingError):
    """A pickle asks for a call that no file of weights needs."""


class _NeverCalled(type):
    """The type of stand-ins: unpickling may make instances of them, but not call them as it calls functions."""

    def __call__(cls, *_arguments: Any, **_named: Any) -> Any:
        raise UnknownCallError(f"{cls.__module__}.{cls.__qualname__}")


class Bare(metaclass=_NeverCalled):
    """What is left of an object whose class is not let in.

    `kind` is the class's name, `state` what it was pickled with (for a module its `__dict__`), `items` and `entries`
    what it held as a dict or a list.
    """

    kind: str
    state: Any
    items: dict[Any, Any]
    entries: list[Any]

    def __new__(cls, *_arguments: Any, **_named: Any) -> "Bare":
        """Make one without a call of the class, as the pickle's opcode for new objects does."""
        made = object.__new__(cls)
        made.kind, made.state, made.items, made.entries = cls.__qualname__, {}, {}, []
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, entry: Any) -> None:
        """Take what the pickle appends to a list."""
        self.entries.append(entry)

    def extend(self, entries: list[Any]) -> None:
        """Take what the pickle appends to a list."""
        self.entries.extend(entries)


def bare(kind: str, state: Any) -> Bare:
    """Return a `Bare` of that kind and state."""
    made = Bare.__new__(Bare)
    made.kind, made.state = kind, state
    return made


class _Ordered(OrderedDict[Any, Any]):
    """An `OrderedDict` without attributes of its own, which a pickle could copy into any number of them."""

    def __setstate__(self, _state: Any) -> None:
        """Take no attributes."""


def _persistent(meta: Any) -> Bare:
    """Stand in for `_reconstruct_persistent_obj`, which would run `meta["module_src"]`."""
    if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
        raise pickle.UnpicklingError("a persistent object without state")
    return bare(str(meta.get("class_name")), meta["state"])


def _storage(content: Any) -> Any:
    """Stand in for `torch.storage._load_from_bytes`, which would unpickle without restriction."""
    check_asks(file := io.BytesIO(content))
    return torch.load(file, weights_only=True, map_location=torch.get_default_device())


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_rest: Any) -> Tensor:
    """Stand in for `torch._utils._rebuild_tensor_v2`, with a check that the tensor lies within its storage."""
    if not isinstance(storage, torch.TypedStorage):
        raise pickle.UnpicklingError("a tensor without storage")
    memory = storage._untyped_storage  # the typed one is deprecated, and warns at every use
    flat = torch.empty(0, dtype=storage.dtype, device=memory.device)
    flat.set_(memory, 0, (memory.nbytes() // flat.element_size(),), (1,))
    return torch.as_strided(flat, tuple(size), tuple(stride), int(offset))


def _parameter(data: Any, *_rest: Any) -> Any:
    return data


def _reconstructed(kind: Any, *_rest: Any) -> Any:
    return bare(kind.__qualname__, {}) if isinstance(kind, _NeverCalled) else _unimportant()


def _bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise UnknownCallError(f"_codecs.encode({encoding})")
    return text.encode(encoding)


def _unimportant(*_arguments: Any) -> Bare:
    """Stand in for what makes numbers and arrays of numpy, and devices: no network's weights are made of them."""
    return bare("unimportant", {})


_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _Ordered,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("__builtin__", "set"): set,
    ("__builtin__", "frozenset"): frozenset,
    ("_codecs", "encode"): _bytes,
    ("copyreg", "_reconstructor"): _reconstructed,
    ("copy_reg", "_reconstructor"): _reconstructed,
    ("torch", "Size"): tuple,
    ("torch", "device"): _unimportant,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
    ("numpy", "dtype"): _unimportant,
    **{
        (f"numpy.{core}.multiarray", name): _unimportant
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    },
}


# What makes a copy of what it is given.
_COPYING = (_Ordered, set, frozenset, tuple, _bytes)


class _StateUnpickler(pickle.Unpickler):
    """Copies are made of no more entries than the file has bytes: of any number, a part could be copied for ever."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(file)
        self._left = size

    def _metered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            made = function(*arguments)
            self._left -= len(made)
            if self._left < 0:
                raise AsksTooMuchError("it copies its own parts again and again")
            return made

        return call

    def find_class(self, module: str, name: str) -> Any:
        admitted = _ADMITTED.get((module, name))
        if admitted in _COPYING:
            return self._metered(admitted)
        return admitted or _NeverCalled(name, (Bare,), {"__module__": module})

    def persistent_load(self, _pid: Any) -> Any:
        raise pickle.UnpicklingError("a reference out of the file")


def read_pickle(path: Path) -> Any:
    """Return what a pickle holds, every object that is no tensor or plain container as a `Bare`.

    Raises TalkingError for a web page, a file that is cut short or no pickle, and one that would call a function.
    """
    check_no_page(path)
    try:
        with path.open("rb") as file:
            check_asks(file)
            return _StateUnpickler(file, path.stat().st_size).load()
    except AsksTooMuchError as error:
        raise too_much(path, error) from error
    except UnknownCallError as error:
        raise TalkingError(
            f"{path} would call {error} as it is read, which no weights need: get the file from its publisher."
        ) from error
    except UNREADABLE as error:
        raise TalkingError(
            f"{path} is cut short or not a pickle of networks ({type(error).__name__}): download it again."
        ) from error
