"""Where to compute and with what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClusterSettings:
    """Where to compute and with what; the `cluster` section of params.yaml.

    `address`: of a running Ray cluster, unless RAY_ADDRESS names one; None is a cluster of this machine.
    `workers`: actors of a map; None is as many as fit on the nodes there are now.
    `retries`: further attempts at a shard whose worker failed.
    `train_*`: processes of a training and the resources of each.
    `max_failures`: restarts of a training from its last checkpoint.
    """

    address: str | None = None
    cpus_per_worker: float = 1
    gpus_per_worker: float = 0
    workers: int | None = None
    retries: int = 2
    train_workers: int = 1
    train_cpus: float = 1
    train_gpus: float = 0
    max_failures: int = 1
