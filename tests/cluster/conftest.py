"""One Ray cluster of this machine for all tests of a file."""

from collections.abc import Iterator

import pytest

from talking.cluster import Cluster, connect


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A running cluster; the settings let two actors share a core, for the tests do little."""
    settings = Cluster(cpus_per_worker=0.5, workers=2, train_cpus=0.5, max_failures=1)
    with connect(settings):
        yield settings
