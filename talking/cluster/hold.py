"""One cluster of this machine for a command and every stage that it starts: Ray starts once, not once per stage.

`python -m talking.cluster.hold dvc repro` runs `dvc repro`, whose stages join the cluster instead of each starting one.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

import ray

from talking.cluster.connection import HELD, address_of, connect
from talking.cluster.settings import Cluster


def hold(command: Sequence[str]) -> int:
    """Run a command with a cluster that its stages join, and stop the cluster at the end; return its exit code.

    Where RAY_ADDRESS names a cluster already the command runs as it is.
    """
    if address_of(Cluster()):
        return subprocess.run(command, check=False).returncode
    with connect(Cluster()):
        held = {HELD: "1", "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
        return subprocess.run(command, env={**os.environ, **held}, check=False).returncode


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:]))
