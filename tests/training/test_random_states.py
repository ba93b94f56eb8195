"""Random states: what is drawn after a resume is what would have been drawn, in every process."""

from dataclasses import dataclass, field

import torch

from talking.training.random_states import random_states, restore_random_states


@dataclass
class Process:
    """A process of a training, as far as random states know it; the others' states are given."""

    rank: int
    others: tuple[torch.Tensor, ...] = ()
    device: torch.device = field(default_factory=torch.get_default_device)

    def gathered(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        return [*self.others, tensor]


def test_what_is_drawn_after_a_restore_is_what_would_have_been() -> None:
    torch.manual_seed(5)
    torch.rand(3)
    states = random_states(Process(0))
    expected = torch.rand(4)
    torch.manual_seed(9)
    restore_random_states(states, Process(0))
    assert torch.equal(torch.rand(4), expected)


def test_each_process_takes_up_its_own_state_and_a_new_one_keeps_its_seed() -> None:
    torch.manual_seed(1)
    first = torch.get_rng_state()
    torch.manual_seed(2)
    states = random_states(Process(1, (first,)))
    expected = torch.rand(2)
    torch.manual_seed(7)
    restore_random_states(states, Process(1))
    assert torch.equal(torch.rand(2), expected)
    torch.manual_seed(7)
    seventh = torch.rand(2)
    torch.manual_seed(7)
    restore_random_states(states, Process(2))
    assert torch.equal(torch.rand(2), seventh)
