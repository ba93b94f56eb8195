"""Networks on disk: what is saved comes back, and what is damaged is refused."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from talking.core.errors import TalkingError
from talking.models.stored import check_state, load_network, save_network


def test_a_network_comes_back_with_its_config(tmp_path) -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    save_network(tmp_path / "new", "small", network, {"width": 3, "name": "x"})
    config, state = load_network(tmp_path / "new", "small")
    assert config == {"width": 3, "name": "x"}
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[k], v) and state[k].dtype == v.dtype for k, v in network.state_dict().items())
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["small.json", "small.safetensors"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.lists(st.integers(0, 4), max_size=3), half=st.booleans(), seed=st.integers(0, 99))
def test_tensors_of_any_shape_and_order_in_memory_come_back(tmp_path, shape, half, seed) -> None:
    value = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(
        torch.float16 if half else torch.float32
    )
    turned = value.permute(tuple(reversed(range(value.ndim))))
    save_network(tmp_path, "t", {"a": value, "b": turned, "c": value[:1] if shape else value}, {})
    _, state = load_network(tmp_path, "t")
    assert torch.equal(state["a"], value) and state["a"].dtype == value.dtype
    assert torch.equal(state["b"], turned)


def test_a_failed_save_leaves_what_was_there(tmp_path) -> None:
    save_network(tmp_path, "n", {"a": torch.ones(2)}, {})
    with pytest.raises(ValueError, match="JSON"):
        save_network(tmp_path, "n", {"a": torch.zeros(2)}, {"loss": float("nan")})
    assert torch.equal(load_network(tmp_path, "n")[1]["a"], torch.ones(2))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_a_missing_or_cut_file_of_ours_is_refused(tmp_path, ending) -> None:
    save_network(tmp_path, "n", {"a": torch.ones(2)}, {})
    path = tmp_path / f"n.{ending}"
    os.truncate(path, path.stat().st_size - 3)
    with pytest.raises(TalkingError, match=rf"n\.{ending} is (damaged|not readable JSON)"):
        load_network(tmp_path, "n")
    path.unlink()
    with pytest.raises(TalkingError, match=rf"n\.{ending} is missing"):
        load_network(tmp_path, "n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"hidden": ' + "9" * 5000 + "}", "a number has 5000 digits"),
        ("[" * 100_000, "n.json is not readable JSON"),
        ('{"hidden": NaN}', "NaN is no finite number"),
        ('{"hidden": 8, "hidden": 9}', "the key hidden stands twice"),
        ("[8]", "does not hold a network's config"),
    ],
)
def test_a_config_that_is_none_is_refused_in_a_sentence(tmp_path, text, said) -> None:
    save_network(tmp_path, "n", {"a": torch.ones(2)}, {})
    (tmp_path / "n.json").write_text(text)
    with pytest.raises(TalkingError, match=said) as refusal:
        load_network(tmp_path, "n")
    assert len(str(refusal.value)) < 600 and "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.int64, torch.complex64, torch.bool])
def test_numbers_of_another_kind_than_the_networks_are_refused(kind) -> None:
    with pytest.raises(TalkingError, match=f"x.safetensors has numbers of the kind {kind} in weight"):
        check_state(Path("x.safetensors"), nn.Linear(2, 1, bias=False), {"weight": torch.ones(1, 2).to(kind)})


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_numbers_of_any_usual_precision_fit(kind) -> None:
    check_state(Path("x.safetensors"), nn.Linear(2, 1, bias=False), {"weight": torch.ones(1, 2, dtype=kind)})
