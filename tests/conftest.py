"""Fixtures that tests of several folders share."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.golden import fill

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SHARED = ("tests/stages/test_graph.py", "tests/stages/test_ablations.py")  # Files that share the small graph.
LONG = ("stages", "cluster")  # Folders whose files take longest, the longest first.

# On a machine that does more than one thing, how long a drawn example takes says nothing of the code.
settings.register_profile("talking", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("talking")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send the tests of a file to one process, and those of the files that share a graph to one as well."""
    from xdist.scheduler import LoadFileScheduling

    class ByGraph(LoadFileScheduling):
        """Deals out files; a graph's files are one."""

        def _split_scope(self, nodeid: str) -> str:
            name = super()._split_scope(nodeid)
            return SHARED[0] if name in SHARED else name

    return ByGraph(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, for a process that gets one last keeps all the others waiting."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(HERE).parts[0]
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)


@pytest.fixture(scope="session")
def golden() -> ModuleType:
    """The module tests/golden/fill.py, which fills networks by the rule of the golden figures."""
    return fill


@pytest.fixture(scope="session")
def figures() -> Callable[[str], dict[str, np.ndarray]]:
    """Read the figures of a golden network by name."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as stored:
            return dict(stored)

    return read


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings, from TALKING_REAL_DATA; tests that need it are skipped by name without it."""
    folder = os.environ.get("TALKING_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TALKING_REAL_DATA does not point to the real recordings")
    return Path(folder)
