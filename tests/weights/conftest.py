"""Checkpoints as publishers lay them out: small on disk, filled by the golden rule, or pickled as NVIDIA does."""

import argparse
import math
import pickle
import re
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talking.models.psp import GradualStyleEncoder
from talking.models.stylegan2 import Generator

FILTER = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(seed))


def hollow(network: type[nn.Module], *sizes: int, prefix: str = "") -> dict[str, Tensor]:
    """The state of a network as one number per tensor, shown in the tensor's whole shape: small on disk at any size."""
    with torch.device("meta"):
        state = network(*sizes).state_dict()
    return {prefix + k: torch.tensor(0.5).to(v.dtype).expand(v.shape) for k, v in state.items()}


def stylegan2(resolution: int = 1024) -> dict[str, Any]:
    return {"g_ema": hollow(Generator, resolution), "latent_avg": torch.ones(512)}


def psp(n_styles: int = 18) -> dict[str, Any]:
    states = hollow(GradualStyleEncoder, n_styles, prefix="encoder.")
    states |= hollow(Generator, 2 ** (n_styles // 2 + 1), prefix="decoder.")
    opts = argparse.Namespace(dataset_type="ffhq_encode", output_size=1024)
    return {"state_dict": states, "latent_avg": torch.ones(n_styles, 512), "opts": opts}


def saved(folder: Path, content: object, name: str = "checkpoint.pt") -> Path:
    torch.save(content, folder / name)
    return folder / name


def without(states: dict, name: str) -> dict:
    return {key: value for key, value in states.items() if key != name}


def as_nvidia(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Spell a state of the PyTorch layout as NVIDIA does, by the rules of NVIDIA's code rather than ours."""
    spelled = {"mapping.w_avg": torch.linspace(-1, 1, 512)}
    spelled |= {_nvidia_name(name): _nvidia_value(name, value).clone() for name, value in state.items()}
    filters = {name.replace("affine.weight", "resample_filter"): FILTER for name in spelled if "conv1.affine.w" in name}
    return {**spelled, **filters, "synthesis.b4.resample_filter": FILTER}


def _nvidia_value(name: str, value: Tensor) -> Tensor:
    if name.endswith(".kernel"):
        return value / 4
    if name.endswith(("input.input", ".conv.weight")):
        return value[0]
    own = name.startswith("noises.") or name.endswith("noise.weight")
    own = own or ("to_rgb" in name and name.endswith(".bias") and "modulation" not in name)
    return value.squeeze() if own else value


def _nvidia_name(name: str) -> str:
    if match := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}"
    if match := re.fullmatch(r"noises\.noise_(\d+)", name):
        n = int(match[1])
        return f"synthesis.b{4 << ((n + 1) // 2)}.conv{(n + 1) % 2 if n else 1}.noise_const"
    places = ((r"conv1\.", lambda m: "b4.conv1."), (r"to_rgb1\.", lambda m: "b4.torgb."), (r"input\.", lambda m: "b4."))
    places += (
        (r"convs\.(\d+)\.", lambda m: f"b{8 << int(m[1]) // 2}.conv{int(m[1]) % 2}."),
        (r"to_rgbs\.(\d+)\.upsample\.", lambda m: f"b{8 << int(m[1])}."),
        (r"to_rgbs\.(\d+)\.", lambda m: f"b{8 << int(m[1])}.torgb."),
    )
    place, rest = next((p(m), name[m.end() :]) for pattern, p in places if (m := re.match(pattern, name)))
    kinds = {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "conv.blur.kernel": "resample_filter",
        "kernel": "resample_filter",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
        "input": "const",
    }
    return f"synthesis.{place}{kinds[rest]}"


def nvidia_picture(state: dict[str, Tensor], codes: Tensor) -> Tensor:
    """NVIDIA's synthesis of W+ codes (B, L, 512), written from its own names: (B, 3, R, R).

    Weights are scaled and demodulated per sample; enlarging puts zeros between the pixels, filters, and only then
    convolves, with the kernel turned around: the plain path of its `conv2d_resample`.
    """
    x, image, used, resolution = None, None, 0, 4
    while f"synthesis.b{resolution}.conv1.weight" in state:
        block = f"synthesis.b{resolution}"
        for conv in ("conv0", "conv1") if resolution > 4 else ("conv1",):
            if x is None:
                x = state[f"{block}.const"].expand(len(codes), -1, -1, -1)
            x = _nvidia_layer(state, f"{block}.{conv}", x, codes[:, used], up=conv == "conv0")
            used += 1
        weight = state[f"{block}.torgb.weight"]
        styles = _affine(state, f"{block}.torgb", codes[:, used]) / math.sqrt(weight.shape[1])
        rgb = torch.einsum("oi,bi,bihw->bohw", weight[:, :, 0, 0], styles, x)
        rgb = rgb + state[f"{block}.torgb.bias"][:, None, None]
        image = rgb if image is None else rgb + _enlarged(image, 2, 1)
        resolution *= 2
    return image


def _affine(state: dict[str, Tensor], layer: str, w: Tensor) -> Tensor:
    weight = state[f"{layer}.affine.weight"]
    return w @ weight.T / math.sqrt(weight.shape[1]) + state[f"{layer}.affine.bias"]


def _nvidia_layer(state: dict[str, Tensor], layer: str, x: Tensor, w: Tensor, *, up: bool) -> Tensor:
    weight = state[f"{layer}.weight"] * _affine(state, layer, w)[:, None, :, None, None]  # (B, O, I, 3, 3)
    weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    x = _enlarged(x, 3, 2) if up else F.pad(x, (1, 1, 1, 1))
    weight = weight.flip(3, 4) if up else weight
    x = torch.cat([F.conv2d(sample[None], own) for sample, own in zip(x, weight, strict=True)])
    x = x + state[f"{layer}.noise_const"] * state[f"{layer}.noise_strength"]
    return F.leaky_relu(x + state[f"{layer}.bias"][:, None, None], 0.2) * math.sqrt(2)


def _enlarged(x: Tensor, before: int, after: int) -> Tensor:
    b, c, h, w = x.shape
    zeros = torch.zeros(b, c, 2 * h, 2 * w)
    zeros[:, :, ::2, ::2] = x
    padded = F.pad(zeros, (before, after, before, after))
    return F.conv2d(padded, (4 * FILTER).expand(c, 1, 4, 4), groups=c)


def nvidia_latent(state: dict[str, Tensor], z: Tensor) -> Tensor:
    """NVIDIA's mapping of draws z (B, 512) to latents w (B, 512)."""
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(8):
        weight, bias = state[f"mapping.fc{i}.weight"], state[f"mapping.fc{i}.bias"]
        x = F.leaky_relu(x @ weight.T * (0.01 / math.sqrt(512)) + bias * 0.01, 0.2) * math.sqrt(2)
    return x


class Persistent:
    """An object that pickles as NVIDIA's `persistent_class` does: its source text and its state."""

    def __init__(self, name: str, source: str, **state: Any) -> None:
        self.meta = {"type": "class", "version": 6, "module_src": source, "class_name": name, "state": state}

    def __reduce__(self) -> tuple:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,), None


def _modules(state: dict[str, Tensor], source: str, name: str = "Generator") -> Persistent:
    own = {key: value for key, value in state.items() if "." not in key}
    heads = OrderedDict((key.split(".")[0], None) for key in state if "." in key)
    below = OrderedDict(
        (head, _modules({k[len(head) + 1 :]: v for k, v in state.items() if k.startswith(f"{head}.")}, source, "Layer"))
        for head in heads
    )
    buffers = ("w_avg", "noise_const", "resample_filter")
    return Persistent(
        name,
        source,
        training=False,
        _parameters=OrderedDict((k, nn.Parameter(v)) for k, v in own.items() if k not in buffers),
        _buffers=OrderedDict((k, v) for k, v in own.items() if k in buffers),
        _non_persistent_buffers_set=set(),
        _forward_hooks=OrderedDict(),
        _modules=below,
        weight_gain=np.float64(0.5) / np.sqrt(512),
        _init_kwargs=sys.modules["dnnlib.util"].EasyDict(channel_base=32768, conv_clamp=None),
    )


def nvidia_pickle(
    path: Path, state: dict[str, Tensor], source: str = "raise SystemExit", protocol: int = 4, **more: Any
) -> Path:
    """Pickle a generator as NVIDIA's training does; the modules of its code exist only while it is written."""
    stubs = {"torch_utils": ModuleType("torch_utils"), "dnnlib": ModuleType("dnnlib")}
    stubs |= {name: ModuleType(name) for name in ("torch_utils.persistence", "dnnlib.util")}

    def _reconstruct_persistent_obj(meta: Any) -> None:
        raise AssertionError

    easy_dict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    stubs["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj
    stubs["dnnlib.util"].EasyDict = easy_dict
    sys.modules.update(stubs)
    try:
        content = {
            "G": None,
            "D": Persistent("Discriminator", source, _parameters=OrderedDict(), _buffers={}, _modules={}),
            "G_ema": _modules(state, source),
            "training_set_kwargs": easy_dict(class_name="training.dataset.ImageFolderDataset", resolution=1024),
            "augment_pipe": None,
            **more,
        }
        path.write_bytes(pickle.dumps(content, protocol))
    finally:
        for name in stubs:
            del sys.modules[name]
    return path
