"""Run what measures this machine, one part after the other, each by itself: the data plane, then synthesis.

Left out are gpu.py, which measures an accelerator and is run where one is, and soak.py, which takes hours.
"""

import subprocess
import sys

PARTS = ("data", "synthesis")


def main(*arguments: str) -> None:
    """Run every part with the same arguments; a part that fails ends the whole."""
    for name in PARTS:
        subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
