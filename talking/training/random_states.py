"""The states of the random generators of a training's processes, so that a resumed one draws what it would have."""

import torch

from talking.training.context import TrainContext


def random_states(context: TrainContext) -> dict[str, list[torch.Tensor]]:
    """Return, by kind of device, the generator state (N,) uint8 of every process. Every process calls this."""
    states = {"cpu": context.gathered(torch.get_rng_state())}
    if context.device.type != "cpu":
        device = torch.get_device_module(context.device)
        states[context.device.type] = context.gathered(device.get_rng_state(context.device))
    return states


def restore_random_states(states: dict[str, list[torch.Tensor]], context: TrainContext) -> None:
    """Take up this process's states; a process that the saved training did not have keeps its own."""
    for kind, saved in states.items():
        if context.rank >= len(saved):
            continue
        if kind == "cpu":
            torch.set_rng_state(saved[context.rank].cpu())
        elif kind == context.device.type:
            torch.get_device_module(context.device).set_rng_state(saved[context.rank].cpu(), context.device)
