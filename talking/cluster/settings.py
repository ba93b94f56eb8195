"""The section `cluster` of params: where Ray computes and with what."""

from dataclasses import dataclass
from typing import Literal

from talking.core.typed import number


@dataclass(frozen=True)
class Cluster:
    """Where Ray computes and with what.

    `address`: of a running cluster, unless RAY_ADDRESS names one; None is a cluster of this machine.
    `workers`: actors of a map; None is as many as fit on the nodes there are now.
    `gpus_per_worker`: of an actor that computes with networks; `auto` is one where the cluster has any, else none.
    `retries`: further attempts at a shard whose worker failed.
    `train_*`: processes of a training and the resources of each; `auto` is a process per GPU, with that GPU, and
    without any GPU one process on the CPU.
    `max_failures`: restarts of a training from its last checkpoint, of which the last `keep_checkpoints` are kept.
    """

    address: str | None = None
    workers: int | None = number(1, default=None)
    cpus_per_worker: float = number(above=0, default=1.0)
    gpus_per_worker: float | Literal["auto"] = number(0, default="auto")
    retries: int = number(0, default=2)
    train_workers: int | Literal["auto"] = number(1, default="auto")
    train_cpus: float = number(above=0, default=1.0)
    train_gpus: float | Literal["auto"] = number(0, default="auto")
    max_failures: int = number(0, default=1)
    keep_checkpoints: int = number(1, default=2)
