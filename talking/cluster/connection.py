"""Joining a Ray cluster, or starting one on this machine for the time of a stage."""

import errno
import logging
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

from talking.cluster.settings import Cluster
from talking.core import accelerators
from talking.core.errors import TalkingError

# Set for what runs under `talking.cluster.hold`, whose cluster is this machine and nothing more.
HELD = "TALKING_HELD_CLUSTER"
ROOT = Path(__file__).resolve().parents[2]
# A socket's path has 103 bytes at most on every system, of which Ray's own part below the folder takes 69.
_LONGEST_FOLDER = 34
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_OBJECT_STORE = 200 * 2**20  # Bytes of shared memory, a ceiling: larger results overflow to disk.
# Ray shows every GPU of a node to a worker that asked for none, unless this is set; then it shows it none.
_HIDE_GPUS = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
# Else Ray starts workers as the first driver joins, and a driver waits for ever for one that dies meanwhile. Metrics
# are read by nobody, and would be served to everybody.
_SYSTEM = {"prestart_worker_first_driver": False, "enable_metrics_collection": False}
# Where this is 0 Ray takes the machine's loopback address for its own and listens there alone, as it does on macOS;
# each of its processes reads it as it begins.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@contextmanager
def connect(settings: Cluster) -> Iterator[None]:
    """Join the cluster of RAY_ADDRESS or of `settings`, or start one on this machine; leave it, or stop it, at the end.

    Inside another `connect` this does nothing. Raises `TalkingError` when there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    try:
        _join(address) if (address := address_of(settings)) else _start()
        yield
    finally:
        ray.shutdown()


def enter(folder: str) -> None:
    """Make the driver's folder this worker's, and let it know which GPUs are its own.

    Raises `TalkingError` on a node that does not see the folder.
    """
    accelerators.assign([str(each) for each in ray.get_gpu_ids()])
    try:
        os.chdir(folder)
    except OSError as error:
        where = f"A worker on {socket.gethostname()} does not see {folder}"
        raise TalkingError(f"{where}: keep the project on a file system that every node sees.") from error


def sentence_of(error: Exception) -> str | None:
    """Return what to tell the user when no retry can mend `error`, else None."""
    if isinstance(error, TalkingError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {error.filename or Path.cwd()} is full: free some space and run again."
    return None


def _join(address: str) -> None:
    environment = {"PYTHONPATH": _python_path(), **_HIDE_GPUS}
    try:
        _knock(address)
        with _on_loopback() if _is_on_loopback_alone(address) else nullcontext():
            ray.init(
                address=address,
                runtime_env={"env_vars": environment},
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
    except (OSError, ValueError, RayError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TalkingError(
            f"There is no Ray cluster to join at {address} ({reason}): start one, check that RAY_AUTH_MODE and token "
            "are the cluster's own, or unset the address."
        ) from error


def _knock(address: str) -> None:
    """Raise `OSError` when nobody answers at `host:port`, where Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _is_on_loopback_alone(address: str) -> bool:
    """Tell whether a cluster is one that `_start` started: Ray would look for it at the machine's other address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]"):
        return False
    try:
        _knock(f"{ray.util.get_node_ip_address()}:{port}")
    except OSError:
        return True
    return False


def _start() -> None:
    """Start a cluster of this machine.

    Its token lives in the environment of this process and its children alone: nothing is written to the home folder.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    with _variables({"PYTHONPATH": _python_path(), **_HIDE_GPUS, **_LOOPBACK}), _on_loopback():
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            object_store_memory=_OBJECT_STORE,
            _temp_dir=folder_for_sockets(),
            _system_config=_SYSTEM,
        )


def folder_for_sockets() -> str | None:
    """Return where Ray is to keep its sockets, whose paths the system limits; None where its own choice is short.

    Raises `TalkingError` when no short folder can be written to.
    """
    named = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), None)
    if named is None or len(os.fsencode(os.environ[named])) <= _LONGEST_FOLDER:
        return None
    for place in _SHORT_FOLDERS:
        if os.access(place, os.W_OK | os.X_OK):
            return f"{place}/ray"
    raise TalkingError(
        f"{named} is {os.environ[named]}, too long a path for Ray's sockets ({_LONGEST_FOLDER} bytes at most): set "
        "RAY_TMPDIR to a folder with a shorter one."
    )


def check_fits(settings: Cluster, key: str, cpus: float, gpus: float) -> None:
    """Refuse at once what this machine can never hold, where Ray would wait for ever; a cluster may still grow."""
    if address_of(settings) and HELD not in os.environ:
        return
    here = ray.cluster_resources()
    for kind, wanted in (("CPU", cpus), ("GPU", gpus)):
        if wanted > (has := here.get(kind, 0)):
            asked = f"cluster.{key}_{kind.lower()}s" if key == "train" else f"cluster.{kind.lower()}s_per_{key}"
            lower = "it or cluster.train_workers" if key == "train" else "it"
            raise TalkingError(
                f"{asked} comes to {wanted:g} {kind}s and this machine has {has:g}: lower {lower}, or set "
                "cluster.address."
            )


def check_alive() -> None:
    """Raise `TalkingError` when no node is left: what waits for one then would wait for ever."""
    if not ray.cluster_resources():
        raise TalkingError(
            "Ray's last node is gone, most often because the memory was full or one of its processes was killed: run "
            "again to go on where it stopped."
        )


def address_of(settings: Cluster) -> str | None:
    """Return the address of the cluster to join, or None for one of this machine."""
    return os.environ.get("RAY_ADDRESS") or settings.address


def _python_path() -> str:
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray go by the loopback address though this process, which may yet join another cluster, began without."""
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
