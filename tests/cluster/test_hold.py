"""One cluster for a command and all that it starts: they share it, and it ends with the command."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAY = """
import ray
from talking.cluster import Cluster, connect
with connect(Cluster()):
    print(ray.get_runtime_context().gcs_address, ray.get_runtime_context().get_job_id(), flush=True)
"""
TWICE = f"""
import subprocess, sys
for _ in range(2):
    subprocess.run([sys.executable, "-c", {SAY!r}], check=True)
sys.exit(7)
"""


def test_what_a_command_starts_joins_one_cluster_which_ends_with_it_and_its_exit_code_is_passed_on() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "RAY_AUTH_TOKEN")}
    command = [sys.executable, "-m", "talking.cluster.hold", sys.executable, "-c", TWICE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    (first, one), (second, other) = (line.split() for line in done.stdout.splitlines() if ":" in line)
    assert first == second and one != other, "one cluster, a driver each"
    host, _, port = first.rpartition(":")
    with socket.socket() as knock:
        assert knock.connect_ex((host, int(port))) != 0, "nobody answers any more"
