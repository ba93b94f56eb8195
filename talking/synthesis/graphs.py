"""Running a network on batches of one size: as it is, as one recorded graph of the accelerator, or compiled."""

import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

Execution = Literal["eager", "graph", "compiled"]
Network = Callable[[Tensor], Tensor]
WARM_UP = 3


class RecordedGraph:
    """The work of `network` on one shape of input, recorded once and replayed without its launches one by one.

    Every call overwrites the result of the call before.
    """

    def __init__(self, network: Network, example: Tensor) -> None:
        module: Any = torch.get_device_module(example.device)
        self.input = example.clone()
        aside = module.Stream()
        aside.wait_stream(module.current_stream())
        with module.stream(aside):
            for _ in range(WARM_UP):
                network(self.input)
        module.current_stream().wait_stream(aside)
        self.graph = module.CUDAGraph()
        with module.graph(self.graph):
            self.output = network(self.input)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the network's output for `x`, of the example's shape."""
        self.input.copy_(x)
        self.graph.replay()
        return self.output


def can_record(device: torch.device) -> bool:
    """Tell whether a device's work can be recorded as a graph."""
    return device.type != "cpu" and hasattr(torch.get_device_module(device), "CUDAGraph")


def prepared(network: Network, example: Tensor, execution: Execution) -> Network:
    """Return what runs `network` on inputs of the shape of `example` the way asked for, or the next simpler that works.

    `compiled` needs a compiler on the machine and a minute; `graph` an accelerator. A way that fails is said so.
    """
    if execution == "compiled":
        try:
            compiled = torch.compile(network, dynamic=False)
            compiled(example)
            return prepared(compiled, example, "graph")
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            _tell(execution, error)
    if execution != "eager" and can_record(example.device):
        try:
            return RecordedGraph(network, example)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            _tell("graph", error)
    return network


def _tell(execution: str, error: Exception) -> None:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    warnings.warn(f"drawing goes on without '{execution}', which does not work here: {reason}", stacklevel=3)
