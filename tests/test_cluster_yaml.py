"""The cluster files are valid by Ray's own validation, and hold placeholders where a person's own values go."""

import re
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[1]
FILES = ["cluster.yaml", "cluster-onprem.yaml"]


def prepared(name: str) -> dict:
    """The configuration as `ray up` fills it before it asks the cloud anything."""
    return prepare_config(yaml.safe_load((ROOT / name).read_text()))


@pytest.mark.parametrize("name", FILES)
def test_ray_accepts_the_file(name: str) -> None:
    validate_config(prepared(name))


@pytest.mark.parametrize("name", FILES)
def test_ray_refuses_the_file_with_a_key_it_does_not_know(name: str) -> None:
    with pytest.raises(Exception, match="no_such_key"):
        validate_config({**prepared(name), "no_such_key": 1})


def test_the_cloud_has_a_head_without_work_and_workers_that_come_and_go() -> None:
    config = prepared("cluster.yaml")
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"] == {"CPU": 0}
    assert (types["gpu"]["min_workers"], types["gpu"]["max_workers"]) == (0, config["max_workers"])


@pytest.mark.parametrize("name", FILES)
def test_every_node_starts_ray_in_the_shared_project_with_its_token(name: str) -> None:
    config = prepared(name)
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert commands[0].endswith("ray stop")
        assert "cd /shared/talking" in commands[1]
        assert "RAY_AUTH_MODE=token" in commands[1]
    assert any(path.endswith(".ray/auth_token") for path in config["file_mounts"])


@pytest.mark.parametrize("name", FILES)
def test_no_account_and_no_address_of_anyone_is_in_the_file(name: str) -> None:
    text = (ROOT / name).read_text()
    assert all(set(found) == {"0"} for found in re.findall(r"\b(?:ami|fs)-(\w+)", text))
    assert all(
        address.startswith("192.0.2.") for address in re.findall(r"\d+\.\d+\.\d+\.\d+", text.replace("127.0.0.1", ""))
    )
    assert "http" not in text
