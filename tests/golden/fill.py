"""Fill a network with the same numbers everywhere, to compare it with a published implementation without its weights.

A layout file lists every tensor of a published checkpoint: name, shape and fill rule. The tensor NAME is `shift +
scale * N(0, 1)` drawn in float32 on the CPU by a generator seeded with crc32(NAME); `abs` takes the draw's absolute
value first; a rule of null keeps what the network computes.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FOLDER = Path(__file__).parent


def rows(name: str) -> list[dict[str, Any]]:
    """Return the tensors of `<name>.layout.json`: dicts of name, shape and fill."""
    return json.loads((FOLDER / f"{name}.layout.json").read_text())["tensors"]


def shapes(name: str, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Return {tensor name without `prefix`: shape} of a layout."""
    return {row["name"].removeprefix(prefix): tuple(row["shape"]) for row in rows(name)}


def filled(name: str, prefix: str = "") -> dict[str, Tensor]:
    """Return {tensor name without `prefix`: float32 tensor} for every tensor of a layout that has a rule."""
    return {row["name"].removeprefix(prefix): _draw(row) for row in rows(name) if row["fill"] is not None}


def _draw(row: dict[str, Any]) -> Tensor:
    seed = torch.Generator().manual_seed(zlib.crc32(row["name"].encode()))
    draw = torch.randn(row["shape"], generator=seed)
    rule = row["fill"]
    return rule["shift"] + rule["scale"] * (draw.abs() if rule["abs"] else draw)
