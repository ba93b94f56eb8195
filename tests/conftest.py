"""Fixtures that tests of several folders share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings, from TALKING_REAL_DATA; tests that need it are skipped by name without it."""
    folder = os.environ.get("TALKING_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TALKING_REAL_DATA does not point to the real recordings")
    return Path(folder)
