"""Who gets which GPU: actors with networks one each, others none, on a Ray that is told of GPUs that are not there."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from talking.cluster import Cluster, connect, map_items, on_cpus, train
from talking.cluster.pool import size_of
from talking.cluster.resources import gpus_of_worker, training_size
from talking.cluster.training import scaling_of
from talking.core.accelerators import assigned, best_device, choose_device
from talking.core.errors import TalkingError
from talking.orchestration import stage as common
from talking.orchestration.params import load_params

AUTO = Cluster(cpus_per_worker=0.5, train_cpus=0.5)
GPUS, CPUS = 2, 4
PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture(scope="module", autouse=True)
def machine() -> Iterator[None]:
    """A machine of its own: four cores, and two GPUs by name alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "init", partial(ray.init, num_gpus=GPUS, num_cpus=CPUS))
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        with connect(AUTO):
            yield


@dataclass(frozen=True)
class Seen:
    """What a worker was assigned, and what it sees of it."""

    pid: int
    ids: tuple[str, ...]
    told: tuple[str, ...] | None
    visible: str | None
    device: str


@dataclass
class Look:
    """Says what its worker was assigned, once so many workers are there."""

    folder: Path
    workers: int

    def prepare(self) -> None:
        (self.folder / str(os.getpid())).touch()

    def __call__(self, item: str) -> Seen:
        while len(list(self.folder.iterdir())) < self.workers:
            pass
        ids = tuple(str(each) for each in ray.get_gpu_ids())
        # As it would be on a node with all of these GPUs, on which torch sees those that Ray leaves visible.
        there = os.environ.get("CUDA_VISIBLE_DEVICES")
        count = GPUS if there is None else len([each for each in there.split(",") if each])
        return Seen(os.getpid(), ids, assigned(), there, str(choose_device(assigned(), "meta", count)))


def seen(folder: Path, settings: Cluster, workers: int) -> dict[int, Seen]:
    """What each worker of a map saw, by its process."""
    folder.mkdir(exist_ok=True)
    found = map_items(Look(folder, workers), [f"item {index}" for index in range(4 * workers)], settings)
    return {each.pid: each for each in found}


def test_auto_gives_every_actor_with_networks_a_gpu_of_its_own(tmp_path: Path) -> None:
    found = seen(tmp_path, AUTO, GPUS)
    assert sorted(each.ids for each in found.values()) == [("0",), ("1",)]
    assert all(each.told == each.ids and each.visible == each.ids[0] for each in found.values())
    assert {each.device for each in found.values()} == {"meta"}, "the first visible one is its own"


def test_an_actor_that_cuts_videos_sees_no_gpu_and_computes_on_the_cpu(tmp_path: Path) -> None:
    found = seen(tmp_path, replace(on_cpus(AUTO), workers=2), 2)
    assert len(found) == 2
    assert {(each.ids, each.told, each.visible, each.device) for each in found.values()} == {((), (), "", "cpu")}


def test_half_a_gpu_each_puts_two_actors_on_a_gpu(tmp_path: Path) -> None:
    found = seen(tmp_path, replace(AUTO, gpus_per_worker=0.5), 2 * GPUS)
    assert sorted(each.ids for each in found.values()) == [("0",), ("0",), ("1",), ("1",)]


def test_there_are_as_many_actors_as_gpus_or_as_cores_without_networks() -> None:
    assert (size_of(AUTO, 100), size_of(on_cpus(AUTO), 100)) == (GPUS, 2 * CPUS)
    assert size_of(AUTO, 1) == 1


def test_auto_trains_in_a_process_per_gpu() -> None:
    size = training_size(AUTO)
    assert (size.workers, size.gpus) == (GPUS, 1)
    scaling = scaling_of(size)
    assert (scaling.num_workers, scaling.use_gpu) == (2, True)
    assert scaling.resources_per_worker == {"CPU": 0.5, "GPU": 1}


@pytest.mark.parametrize(
    ("changes", "most", "workers", "gpus"),
    [
        ({}, 1, 1, 1),  # one sequence to share
        ({"train_cpus": 4.0}, None, 1, 1),  # cores for one
        ({"train_gpus": 2.0}, None, 1, 2),
        ({"train_gpus": 0.0}, None, 1, 0),
        ({"train_workers": 3, "train_gpus": 0.0}, None, 3, 0),
        ({"train_workers": 2}, 1, 2, 1),  # what was asked for is not lowered
    ],
)
def test_what_is_asked_for_and_what_is_there_bound_the_processes(
    changes: dict[str, Any], most: int | None, workers: int, gpus: float
) -> None:
    size = training_size(replace(AUTO, **changes), most)
    assert (size.workers, size.gpus) == (workers, gpus)


def test_without_gpus_auto_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 4.0})
    assert gpus_of_worker(AUTO) == 0
    assert size_of(AUTO, 100) == 8
    size = training_size(AUTO)
    assert (size.workers, size.gpus) == (1, 0)
    assert not scaling_of(size).use_gpu


def test_more_processes_than_gpus_are_refused(tmp_path: Path) -> None:
    said = r"^cluster\.train_gpus comes to 3 GPUs and this machine has 2: lower it or cluster\.train_workers, or set"
    with pytest.raises(TalkingError, match=said):
        train(print, replace(AUTO, train_workers=3), name="x", storage=tmp_path)


def test_more_gpus_an_actor_than_there_are_are_refused(tmp_path: Path) -> None:
    said = r"^cluster\.gpus_per_worker comes to 3 GPUs and this machine has 2: lower it, or set cluster\.address\.$"
    with pytest.raises(TalkingError, match=said):
        list(map_items(Look(tmp_path, 1), ["x"], replace(AUTO, gpus_per_worker=3.0)))


@pytest.mark.parametrize("networks", [True, False])
def test_a_data_stage_without_networks_takes_no_gpu(
    networks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Cluster] = []

    def note(work: Any, inputs: Any, out: Any, state: Any, settings: Cluster, **rest: Any) -> None:
        asked.append(settings)
        raise KeyError

    monkeypatch.setattr(common.cluster, "map_shards", note)
    with pytest.raises(KeyError):
        common.map_stage(PARAMS, "x", Look(tmp_path, 1), [], tmp_path / "out", networks=networks)  # type: ignore[arg-type]
    assert gpus_of_worker(asked[0]) == (1 if networks else 0)


def test_a_driver_may_take_what_is_there() -> None:
    assert assigned() is None
    assert best_device() == choose_device(None, *_there())


def _there() -> tuple[str | None, int]:
    import torch

    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return (found.type if found else None), torch.accelerator.device_count()
