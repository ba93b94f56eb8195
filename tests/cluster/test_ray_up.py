"""`ray up cluster-onprem.yaml` for real: over ssh to this machine in namespaces of its own; `dvc repro`; `ray down`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from talking.cluster.kept import Keeping, publish
from talking.orchestration.params import load_params
from talking.orchestration.windows import config_of
from tests.cluster.clip_toys import content
from tests.stages.conftest import SMALL, begin_project

ROOT = Path(__file__).parents[2]
ALONE = ("unshare", "--pid", "--fork", "--mount-proc", "--net", "--kill-child")
TOOLS = ("sshd", "ssh-keygen", "rsync", "ip", "unshare")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with a key, an sshd's configuration and a project; skipped where no sshd or no namespaces are."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    if missing := [tool for tool in TOOLS if not shutil.which(tool, path=path)]:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install openssh-server rsync iproute2")
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to make namespaces")
    for name in ("home", "ray", "shared"):
        (tmp_path / name).mkdir()
    for name in ("key", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    lines = ("Port 22", "ListenAddress 127.0.0.1", f"HostKey {tmp_path}/host", f"AuthorizedKeysFile {tmp_path}/key.pub")
    more = ("PasswordAuthentication no", "PermitRootLogin yes", "StrictModes no", "UsePAM no", "PidFile none")
    niceness = "SetEnv RAY_worker_niceness=0"  # Workers yield to all others by default.
    (tmp_path / "sshd_config").write_text("\n".join([*lines, *more, niceness]) + "\n")
    write_environment(tmp_path / "home" / "talking-venv" / "bin")
    (tmp_path / "token").write_text("7" * 64)
    return tmp_path


def write_environment(folder: Path) -> None:
    """The commands of this environment, where the file of the repository makes its own."""
    folder.mkdir(parents=True)
    for name, module in {"ray": "-m ray.scripts.scripts", "dvc": "-m dvc", "python": "", "uv": "-m uv"}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (folder / name).chmod(0o755)


def configuration(folder: Path) -> dict:
    """The file of the repository with this machine's values, and the environment that is there already."""
    text = (ROOT / "cluster-onprem.yaml").read_text().replace("/shared", f"{folder}/shared")
    config = yaml.safe_load(text)
    config["provider"] |= {"head_ip": "127.0.0.1", "worker_ips": []}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(folder / "key")}
    config["file_mounts"] = {"~/.ray/auth_token": str(folder / "token")}
    setup = [command for command in config["setup_commands"] if "pip sync" not in command]
    assert len(setup) == len(config["setup_commands"]) - 1
    return {**config, "setup_commands": setup}


def expected(folder: Path, place: Path) -> dict[str, bytes]:
    """What the stage mfcc writes without Ray."""
    from talking.orchestration.shard_stage import shard_inputs
    from talking.orchestration.work.mfcc import MfccWork

    params = load_params(folder / "params.yaml")
    work = MfccWork(folder / "data" / "demo" / "resampled", config_of(params))
    work.prepare()
    kept = {name: place / "state" / name for name, _ in shard_inputs(work.source)}
    publish(place / "out", kept, [Keeping(work)(target) for target in kept.values()])
    return content(place / "out")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_on_premises_file_is_brought_up_over_ssh_and_runs_the_graph(machine: Path) -> None:
    project = machine / "shared" / "talking"
    begin_project(project, SMALL)
    (machine / "cluster.yaml").write_text(yaml.safe_dump(configuration(machine)))
    path = os.pathsep.join([str(machine / "home" / "talking-venv" / "bin"), os.environ["PATH"], "/usr/sbin", "/sbin"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_A", "PYTHONPATH"))}
    environment |= {"PATH": path, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(machine / "token")}
    command = [*ALONE, "bash", str(ROOT / "tests" / "cluster" / "ray_up.sh"), str(machine)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    (machine / "transcript").write_text(said)
    assert done.returncode == 0, said[-6000:]
    assert "mfcc: 12 clips, 0 refused" in said
    assert said.rstrip().splitlines()[-1] == "left: 0"
    assert content(project / "data" / "demo" / "windows") == expected(project, machine)
    assert {"inversion", "stage_two"} < set(json.loads((project / "metrics" / "evaluate.json").read_text()))
