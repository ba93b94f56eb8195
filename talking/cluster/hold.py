"""One cluster of this machine for a command and every stage that it starts: Ray starts once, not once per stage.

`python -m talking.cluster.hold dvc repro` runs `dvc repro`, whose stages join the cluster instead of each starting one.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

import ray

from talking.cluster.connection import HELD, address_of, connect
from talking.cluster.settings import Cluster
from talking.core.ending import Ended, signals_raised
from talking.core.tied import tied_command


def hold(command: Sequence[str]) -> int:
    """Run a command with a cluster that its stages join, and stop the cluster at the end; return its exit code.

    Where RAY_ADDRESS names a cluster already the command runs as it is. A signal that ends this ends the command too.
    """
    if address_of(Cluster()):
        return _run(command, {})
    with connect(Cluster()):
        return _run(command, {HELD: "1", "RAY_ADDRESS": ray.get_runtime_context().gcs_address})


def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    with subprocess.Popen(tied_command(command), env={**os.environ, **variables}) as running, signals_raised():
        try:
            return running.wait()
        except Ended as ended:
            if ended.number != signal.SIGINT:  # Which the terminal has sent to the command too.
                running.send_signal(ended.number)
            running.wait()
            return ended.code


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:]))
