"""What the networks' tests share: the golden figures, and shapes seen by forward hooks."""

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def golden() -> ModuleType:
    """The module tests/golden/fill.py, which fills networks by the rule of the golden figures."""
    spec = importlib.util.spec_from_file_location("golden_fill", GOLDEN / "fill.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def figures() -> Callable[[str], dict[str, np.ndarray]]:
    """Read the figures of a golden network by name."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as stored:
            return dict(stored)

    return read


@pytest.fixture
def output_shapes() -> Callable[[nn.Module, Iterable[nn.Module], Tensor], list[tuple[int, ...]]]:
    """Run a network and return the shapes, without batch, that the given modules put out, in their order."""

    def run(network: nn.Module, watched: Iterable[nn.Module], x: Tensor) -> list[tuple[int, ...]]:
        seen: list[tuple[int, ...]] = []
        hooks = [m.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[1:]))) for m in watched]
        with torch.no_grad():
            network(x)
        for hook in hooks:
            hook.remove()
        return seen

    return run
