"""What `auto` comes to on the cluster that there is: GPUs of an actor, processes of a training and theirs."""

from dataclasses import dataclass, replace

import ray

from talking.cluster.settings import Cluster


@dataclass(frozen=True)
class TrainingSize:
    """How many processes a training has, and the CPUs and GPUs of each."""

    workers: int
    cpus: float
    gpus: float


def on_cpus(settings: Cluster) -> Cluster:
    """Return the settings for work without networks: its actors take no GPU."""
    return replace(settings, gpus_per_worker=0.0)


def gpus_of_worker(settings: Cluster) -> float:
    """Return the GPUs of an actor: as asked; `auto` is one where the cluster has any, else none."""
    return _one_if_any() if settings.gpus_per_worker == "auto" else settings.gpus_per_worker


def training_size(settings: Cluster, most: int | None = None) -> TrainingSize:
    """Return the processes of a training: as asked; `auto` is one per GPU, with that GPU, and one without any.

    `auto` takes no more processes than the CPUs hold, nor than `most`, the sequences that they share.
    """
    gpus = _one_if_any() if settings.train_gpus == "auto" else settings.train_gpus
    if settings.train_workers != "auto":
        return TrainingSize(settings.train_workers, settings.train_cpus, gpus)
    if not gpus:
        return TrainingSize(1, settings.train_cpus, gpus)
    here = ray.cluster_resources()
    fit = min(int(here.get("GPU", 0) // gpus), int(here.get("CPU", 0) // settings.train_cpus))
    return TrainingSize(max(1, fit if most is None else min(fit, most)), settings.train_cpus, gpus)


def _one_if_any() -> float:
    return 1.0 if ray.cluster_resources().get("GPU", 0) >= 1 else 0.0
