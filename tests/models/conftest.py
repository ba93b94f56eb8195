"""What the networks' tests share: one thread, and shapes seen by forward hooks."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


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
