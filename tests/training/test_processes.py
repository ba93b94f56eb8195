"""Averages over processes and over time, and random numbers that depend on their place alone."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing, nn

from talking.data.share import Share
from talking.training.processes import (
    average_gradients,
    half_life_decay,
    mean_over_processes,
    move_ema,
    step_generator,
    weighted_mean,
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def one_process(rank: int, port: int, folder: str) -> None:
    """Average a number and the gradients of a network of which process 1 uses one layer alone."""
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    used, other = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    loss = used(torch.full((1, 2), 1.0 + rank)).sum()
    if rank == 0:
        loss = loss + other(torch.full((1, 2), 4.0)).sum()
    loss.backward()
    average_gradients([*used.parameters(), *other.parameters()], 2)
    # Examples 1, 2, 3, of which process 0 has 1 and 3 and process 1 has 2.
    share, mine = Share("batch", 3, rank, 2), torch.tensor([[1.0], [2.0], [3.0]])[rank::2]
    shared = nn.Linear(1, 1, bias=False)
    shared(mine).mean().backward()
    average_gradients(shared.parameters(), 2, share.weight)
    found = {
        "shared": [round(shared.weight.grad.item(), 5), round(weighted_mean(mine.mean(), share).item(), 5)],
        "mean": mean_over_processes(torch.tensor(float(rank)), 2).item(),
        "used": used.weight.grad.flatten().tolist(),
        "other": other.weight.grad.flatten().tolist(),
    }
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_available(), reason="this torch has no distributed package")
def test_gradients_are_averaged_over_processes_and_a_missing_one_counts_as_zero(tmp_path) -> None:
    multiprocessing.spawn(one_process, (free_port(), str(tmp_path)), nprocs=2)
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert found == {"shared": [2.0, 2.0], "mean": 0.5, "used": [1.5, 1.5], "other": [2.0, 2.0]}


@pytest.mark.parametrize(("batch", "world"), [(4, 1), (4, 2), (5, 2), (7, 3), (3, 3)])
def test_shares_make_up_the_batch_and_their_weights_the_mean_over_it(batch, world) -> None:
    shares = [Share("batch", batch, rank, world) for rank in range(world)]
    sizes = [share.size for share in shares]
    assert sum(sizes) == batch and max(sizes) - min(sizes) <= 1
    values = np.random.default_rng(1).normal(size=batch)
    means = [share.weight * values[share.rank :: world].mean() for share in shares]
    assert np.mean(means) == pytest.approx(values.mean())
    assert world > 1 or shares[0].weight == 1


def test_alone_nothing_is_averaged() -> None:
    value = torch.tensor(3.0)
    assert mean_over_processes(value, 1) is value
    layer = nn.Linear(2, 1)
    average_gradients(layer.parameters(), 1)
    assert layer.weight.grad is None


def test_random_numbers_depend_on_their_place_alone() -> None:
    torch.manual_seed(1)
    first = torch.randn(4, generator=step_generator(None, 1, 0, 7))
    torch.manual_seed(2)
    torch.testing.assert_close(torch.randn(4, generator=step_generator(None, 1, 0, 7)), first)
    others = [(2, 0, 7), (1, 1, 7), (1, 0, 8), (1, 0, 7, 1)]
    assert all(not torch.equal(torch.randn(4, generator=step_generator(None, *place)), first) for place in others)


def test_an_average_moves_by_its_share_and_copies_counts() -> None:
    average, model = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        average.weight.fill_(1.0)
        model.weight.fill_(3.0)
        model.running_mean.fill_(10.0)
        model.num_batches_tracked.fill_(5)
    move_ema(average, model, keep=0.75)
    assert average.weight.tolist() == [1.5, 1.5] and average.running_mean.tolist() == [2.5, 2.5]
    assert average.num_batches_tracked.item() == 5 and model.weight.tolist() == [3.0, 3.0]


def test_a_half_life_of_images_halves_the_old_weight() -> None:
    kept = 1.0
    for step in range(1, 11):
        kept *= half_life_decay(batch=10, half_life=100, seen=10_000 + step, rampup=0.05)
    assert kept == pytest.approx(0.5)
    # Early on a twentieth of what was seen: 10 images after 200.
    assert half_life_decay(batch=10, half_life=100, seen=200, rampup=0.05) == pytest.approx(0.5)
    assert half_life_decay(batch=10, half_life=100, seen=0, rampup=None) == pytest.approx(0.5**0.1)
