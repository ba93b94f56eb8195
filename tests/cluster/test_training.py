"""Training under Ray Train: exact resume, several processes, errors as sentences."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from talking.cluster import Cluster, train
from talking.cluster.checkpoints import NOTE
from talking.cluster.training import death_of
from talking.core.errors import TalkingError
from talking.training.context import train_locally
from tests.cluster.toy_loop import Loop


def weights(checkpoint: Path | None) -> torch.Tensor:
    """The weights in a checkpoint."""
    assert checkpoint is not None
    return torch.load(checkpoint / "state.pt", weights_only=True)["model"]["weight"]


def scratch(folder: Path) -> Path:
    """A folder, made."""
    folder.mkdir(parents=True)
    return folder


def test_a_training_killed_in_the_middle_ends_as_one_that_was_not(tmp_path: Path, cluster: Cluster) -> None:
    here = train_locally(Loop(15, scratch(tmp_path / "a")), tmp_path / "local", torch.device("cpu"))
    told: list[float] = []
    loop = Loop(15, scratch(tmp_path / "b"), die=11, run=tmp_path / "ray" / "b")
    there = train(
        loop, cluster, name="b", storage=tmp_path / "ray", progress=lambda metrics: told.append(metrics["step"])
    )
    first, second = map(int, (tmp_path / "b" / "starts").read_text().split())
    assert first == 0
    assert second in {5, 10}  # Ray may not have taken the last one in yet.
    assert told[-1] == 15
    assert [metrics["step"] for metrics in there.history] == list(range(1, 16))
    assert there.history == here.history
    assert torch.equal(weights(there.checkpoint), weights(here.checkpoint))

    again = train(Loop(20, tmp_path / "b"), cluster, name="b", storage=tmp_path / "ray")
    assert (tmp_path / "b" / "starts").read_text().split()[-1] == "15"
    assert again.history[:15] == there.history
    assert [metrics["step"] for metrics in again.history[15:]] == list(range(16, 21))


def test_a_torn_note_or_checkpoint_costs_no_more_than_the_steps_since_the_one_before(
    tmp_path: Path, cluster: Cluster
) -> None:
    run = tmp_path / "ray" / "b"
    train(Loop(10, scratch(tmp_path / "b")), cluster, name="b", storage=tmp_path / "ray")
    whole = train_locally(Loop(15, scratch(tmp_path / "a")), tmp_path / "local", torch.device("cpu"))
    (run / NOTE).write_bytes(b"")
    sorted(run.glob("checkpoint_2*"))[-1].joinpath("state.pt").write_bytes(b"")
    there = train(Loop(15, tmp_path / "b"), cluster, name="b", storage=tmp_path / "ray")
    assert (tmp_path / "b" / "starts").read_text().split() == ["0", "5"]
    assert there.history == whole.history
    assert torch.equal(weights(there.checkpoint), weights(whole.checkpoint))


def test_two_processes_hold_the_same_weights_and_only_the_first_reports(tmp_path: Path, cluster: Cluster) -> None:
    settings = replace(cluster, train_workers=2)
    result = train(Loop(6, scratch(tmp_path / "ddp")), settings, name="ddp", storage=tmp_path / "ray")
    first, second = (torch.load(tmp_path / "ddp" / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [metrics["step"] for metrics in result.history] == [1, 2, 3, 4, 5, 6]
    alone = train_locally(Loop(6, scratch(tmp_path / "one")), tmp_path / "local", torch.device("cpu"))
    assert not torch.equal(first["weight"], torch.load(tmp_path / "one" / "rank-0.pt", weights_only=True)["weight"])
    assert alone.history[0] == result.history[0]  # The same first batch on rank 0, before any averaging.


def test_a_mistake_in_a_training_arrives_as_its_sentence(tmp_path: Path, cluster: Cluster) -> None:
    loop = Loop(1, tmp_path, mistake=True)
    with pytest.raises(TalkingError, match=r"^params\.yaml: stage_one\.rate is 0: give a positive one\.$"):
        train(loop, replace(cluster, max_failures=0), name="c", storage=tmp_path / "ray")


def test_more_training_processes_than_fit_are_refused(tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(TalkingError, match=r"cluster\.train_cpus comes to"):
        train(Loop(1, tmp_path), replace(cluster, train_workers=4000), name="d", storage=tmp_path)


def test_what_ray_says_of_a_death_becomes_a_few_words() -> None:
    long = (
        "Task was killed due to the node running low on memory.\nRefer to ... how to address the out of memory issue: x"
    )
    assert death_of(long).startswith("the memory was full")
    assert death_of("The worker died unexpectedly.\n  Exit code 139 \n") == "Exit code 139"
