"""Pickles are read without their code: state is kept, calls are refused, and nothing runs."""

import collections
import datetime
import io
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from talking.core.errors import TalkingError
from talking.weights.pickles import Bare, read_pickle


def pickled(folder: Path, content: object, protocol: int = 4) -> Path:
    (folder / "p.pkl").write_bytes(pickle.dumps(content, protocol))
    return folder / "p.pkl"


@pytest.mark.parametrize("protocol", range(6))
def test_tensors_and_plain_containers_come_back_as_they_were(tmp_path, protocol) -> None:
    half = torch.arange(6, dtype=torch.float16).reshape(2, 3).T
    content = {"a": [1, (2.5, None)], "b": {"c"}, "d": b"bytes", "t": half, "o": collections.OrderedDict(x=True)}
    found = read_pickle(pickled(tmp_path, content, protocol))
    assert torch.equal(found.pop("t"), content.pop("t"))
    assert found == content


class Held(dict):
    """A class of one's own that holds items and has an attribute."""

    def __init__(self, **items: object) -> None:
        super().__init__(**items)
        self.seen = True


class Listed(list):
    """A list of one's own."""


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_an_object_of_any_class_is_reduced_to_its_state(tmp_path, protocol) -> None:
    held, listed = read_pickle(pickled(tmp_path, (Held(x=1), Listed([3, 4])), protocol))
    assert isinstance(held, Bare) and not isinstance(held, dict)
    assert (held.kind, held.items, held.state) == ("Held", {"x": 1}, {"seen": True})
    assert (listed.kind, listed.entries) == ("Listed", [3, 4])


def test_a_module_keeps_its_parameters_as_tensors(tmp_path) -> None:
    layer = nn.Linear(3, 2)
    found = read_pickle(pickled(tmp_path, layer))
    assert isinstance(found, Bare) and not isinstance(found, nn.Module)
    assert torch.equal(found.state["_parameters"]["weight"], layer.weight)


def test_numbers_of_numpy_are_read_over(tmp_path) -> None:
    found = read_pickle(pickled(tmp_path, {"a": np.float64(2), "b": np.arange(3), "c": 1}))
    assert found["c"] == 1 and isinstance(found["a"], Bare) and isinstance(found["b"], Bare)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


HOSTILE = {
    "os.system": Call(os.system, "touch ran"),
    "subprocess": Call(subprocess.check_call, ["touch", "ran"]),
    "exec": Call(exec, "open('ran', 'w')"),
    "eval": Call(eval, "open('ran', 'w')"),
    "open": Call(open, "ran", "w"),
    "nested": {"G_ema": [Call(os.mkdir, "ran")]},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_call_is_refused_and_never_made(tmp_path, monkeypatch, name, protocol) -> None:
    path = pickled(tmp_path, HOSTILE[name], protocol)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TalkingError, match=r"p\.pkl would call .* which no weights need") as refusal:
        read_pickle(path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()
    pickle.loads(path.read_bytes())  # noqa: S301
    assert (tmp_path / "ran").exists()  # as it would have been run


def test_a_call_hidden_in_a_storage_is_refused_and_never_made(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    inner = io.BytesIO()
    torch.save(Call(os.system, "touch ran"), inner)
    path = pickled(tmp_path, Call(torch.storage._load_from_bytes, inner.getvalue()))
    with pytest.raises(TalkingError, match="not a pickle of networks"):
        read_pickle(path)
    assert not (tmp_path / "ran").exists()


def test_a_method_of_a_class_that_is_read_is_never_called(tmp_path) -> None:
    found = read_pickle(pickled(tmp_path, [Unset(), Unset]))
    assert found[0].state == {"x": 1} and Unset.calls == 0


class Unset:
    """A class whose own reading of its state would be noticed."""

    calls = 0

    def __getstate__(self) -> dict:
        return {"x": 1}

    def __setstate__(self, state: dict) -> None:
        Unset.calls += 1


def stored(tensor: torch.Tensor) -> bytes:
    """The bytes that a pickled tensor carries for its storage."""
    storage = torch.storage.TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype, _internal=True)
    return storage.__reduce__()[1][0]


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path) -> None:
    storage = Call(torch.storage._load_from_bytes, stored(torch.ones(2)))
    path = pickled(tmp_path, Call(torch._utils._rebuild_tensor_v2, storage, 0, (3,), (1,), False, None))
    with pytest.raises(TalkingError, match="not a pickle of networks"):
        read_pickle(path)


def test_references_out_of_the_file_are_refused(tmp_path) -> None:
    (tmp_path / "p.pkl").write_bytes(b"\x80\x02X\x01\x00\x00\x00aQ.")
    with pytest.raises(TalkingError, match="not a pickle of networks"):
        read_pickle(tmp_path / "p.pkl")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999), noise=st.binary(max_size=3))
def test_a_download_cut_or_damaged_anywhere_is_refused_or_read_over(tmp_path, share, noise) -> None:
    whole = pickle.dumps({"a": torch.ones(30), "b": datetime.timedelta})
    cut = int(len(whole) * share)
    (tmp_path / "p.pkl").write_bytes(whole[:cut])
    with pytest.raises(TalkingError, match="cut short or not a pickle"):
        read_pickle(tmp_path / "p.pkl")
    (tmp_path / "p.pkl").write_bytes(whole[:cut] + noise + whole[cut + len(noise) :])
    try:
        read_pickle(tmp_path / "p.pkl")
    except TalkingError as error:
        assert "p.pkl" in str(error)


def test_a_web_page_and_a_missing_file_are_refused_by_name(tmp_path) -> None:
    (tmp_path / "p.pkl").write_text("<!DOCTYPE html>")
    with pytest.raises(TalkingError, match=r"p\.pkl is a web page"):
        read_pickle(tmp_path / "p.pkl")
    with pytest.raises(TalkingError, match=r"none\.pkl is not there"):
        read_pickle(tmp_path / "none.pkl")
