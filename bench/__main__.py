"""Run every part of the benchmark, one after the other: each file of this folder with a `main(arguments)`."""

import importlib
from pathlib import Path

# gpu.py is left out: it measures an accelerator, and is run where one is.
APART = ("gpu",)


def parts() -> list[str]:
    """Return the names of the parts, in alphabetical order."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem not in APART)
    return [name for name in names if hasattr(importlib.import_module(f"bench.{name}"), "main")]


if __name__ == "__main__":
    for name in parts():
        importlib.import_module(f"bench.{name}").main([])
