"""All that is Ray: connect, map shards and items over a pool of actors that load once, sum over shards, train.

A shard is the unit of work and of recovery. Paths are on a file system that every node sees, the repository included.
"""

from typing import TYPE_CHECKING, Any

from talking.cluster.connection import connect
from talking.cluster.kept import ItemWork, KeepingItems, ShardWork
from talking.cluster.pool import Work
from talking.cluster.resources import on_cpus
from talking.cluster.settings import Cluster
from talking.cluster.workers import MapReport, map_items, map_shards, reduce_shards

if TYPE_CHECKING:
    from talking.cluster.training import train

__all__ = [
    "Cluster",
    "ItemWork",
    "KeepingItems",
    "MapReport",
    "ShardWork",
    "Work",
    "connect",
    "map_items",
    "map_shards",
    "on_cpus",
    "reduce_shards",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import `train` when it is asked for: it brings torch, which a worker that cuts videos should not have to load."""
    if name == "train":
        from talking.cluster.training import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
