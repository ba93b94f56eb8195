"""Runs the toy stage on a cluster of several nodes of this machine: one is lost in the middle, or one is added.

`python -m tests.cluster.nodes lost|grown <folder>`, with the toy's shards in `<folder>/source`.
"""

import os
import sys
import time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster as Nodes

from talking.cluster import Cluster, connect
from talking.core.progress import Progress
from tests.cluster.clip_toys import ToyClips, run

MEMORY = {"object_store_memory": 80 * 2**20, "include_dashboard": False}


def alive() -> int:
    """How many nodes there are."""
    return sum(node["Alive"] for node in ray.nodes())


def settled(expected: int, most_s: float = 60) -> int:
    """Return how many nodes there are once there are `expected`: the death of one is noticed late."""
    deadline = time.monotonic() + most_s
    while alive() != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return alive()


def main(what: str, folder: Path) -> None:
    """Lose or add a node after the first shard, and say how many there were and are."""
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, **MEMORY})
    second = nodes.add_node(num_cpus=1, **MEMORY) if what == "lost" else None
    settings = Cluster(address=nodes.address, workers=None, retries=1)
    found: list[int] = []

    def disturb(tally: Progress) -> None:
        if tally.done == 1:
            found.extend([tally.shards, alive()])
            if second:
                nodes.remove_node(second, allow_graceful=False)
            else:
                nodes.add_node(num_cpus=1, **MEMORY)

    try:
        with connect(settings):
            work = ToyClips(folder / "source", folder / "notes", wait_s=0.3, waits="s2_a" if what == "grown" else "")
            run(work, folder / "made", settings, progress=disturb)
            print(f"{found[0]} shards, {found[1]} nodes, then {settled(1 if second else 2)}")
    finally:
        nodes.shutdown()


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)
    main(sys.argv[1], Path(sys.argv[2]))
