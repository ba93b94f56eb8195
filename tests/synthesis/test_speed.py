"""The speed of synthesis, by a clock that is known and on this machine."""

from pathlib import Path

import pytest
import torch

from talking.models.backbone import Backbone
from talking.synthesis.speed import frames_per_second, machine_name
from talking.systems.mm22.cost import synthesis_speed
from talking.systems.mm22.talking_head import TalkingHead


class Machine:
    """Makes a frame in `cost` seconds of its own clock."""

    def __init__(self, cost: float) -> None:
        self.cost, self.now, self.made = cost, 0.0, 0

    def make(self, count: int) -> None:
        self.now += self.cost * count
        self.made += count

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize("cost", [0.001, 0.1, 3.0])
def test_the_rate_is_the_machines_whether_fast_or_slow(cost: float) -> None:
    machine = Machine(cost)
    rate, frames = frames_per_second(machine.make, 2.0, machine.clock)
    assert rate == pytest.approx(1 / cost)
    assert frames == machine.made - 2
    assert machine.now <= max(4.0, 3 * cost), "no more than two frames and the time that was asked for"


def test_the_models_speed_is_measured_on_this_machine(models: Path) -> None:
    model, backbone = TalkingHead.load(models / "stage_one"), Backbone.load(models / "backbone")
    speed = synthesis_speed(model, backbone, seconds=0.1)
    assert speed.frames_per_second > 1 and speed.frames >= 1
    assert speed.machine == machine_name(torch.device("cpu"))


def test_a_processor_is_named_with_its_threads() -> None:
    torch.set_num_threads(1)
    assert machine_name(torch.device("cpu")).endswith(", 1 thread")
    assert len(machine_name(torch.device("cpu"))) > len(", 1 thread")
