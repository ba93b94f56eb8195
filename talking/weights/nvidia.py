"""StyleGAN2 in NVIDIA's own layout (stylegan2-ada-pytorch, stylegan3): `G_ema` of a pickle, under our names.

Both compute the same pictures of the same numbers. What differs: NVIDIA's constant, noise maps, strengths and colour
biases have no axes of length one; its low-pass filter sums to 1 and is multiplied by 4 where zeros were put between
pixels, while the PyTorch layout stores the product. The kernels of the enlarging convolutions are stored alike.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.models.stylegan2 import Generator
from talking.weights.checkpoints import converted, mean_latent
from talking.weights.pickles import Bare, read_pickle

EMA = "G_ema"
W_AVG = "mapping.w_avg"
FILTER = "resample_filter"
FILTER_GAIN = 4.0
DEEPEST = 8
PARTS = ("_parameters", "_buffers", "_modules")
# The kinds of tensors in a layer: ours, NVIDIA's.
MODULATED = (
    ("conv.weight", "weight"),
    ("conv.modulation.weight", "affine.weight"),
    ("conv.modulation.bias", "affine.bias"),
)
STYLED = (*MODULATED, ("noise.weight", "noise_strength"), ("activate.bias", "bias"))
TO_RGB = (*MODULATED, ("bias", "bias"))


def convert_nvidia(path: Path, resolution: int = 1024) -> tuple[dict[str, Tensor], Tensor]:
    """Read NVIDIA's pickle: (state of `Generator(resolution)`, mean latent (512,)), running nothing that it holds.

    Raises TalkingError on a file that is cut short, would run code, or holds another network.
    """
    stored = dict(_named(path, _ema(path, read_pickle(path))))
    with torch.device("meta"):
        network = Generator(resolution)
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    names = dict(nvidia_names(resolution))
    _check_names(path, set(names.values()), set(stored))
    state = {ours: _fitted(ours, stored[theirs], shapes[ours]) for ours, theirs in names.items()}
    _check_filters(path, state)
    return converted(path, network, state), mean_latent(path, stored[W_AVG], (512,))


def nvidia_names(resolution: int) -> Iterator[tuple[str, str]]:
    """Yield (our name, NVIDIA's name) of every tensor of a generator of `resolution` pixels and 8 mapping layers."""
    for i in range(8):
        for kind in ("weight", "bias"):
            yield f"style.{i + 1}.{kind}", f"mapping.fc{i}.{kind}"
    yield "input.input", "synthesis.b4.const"
    yield from _layer("conv1", "synthesis.b4.conv1", STYLED)
    yield "noises.noise_0", "synthesis.b4.conv1.noise_const"
    yield from _layer("to_rgb1", "synthesis.b4.torgb", TO_RGB)
    for i in range(resolution.bit_length() - 3):
        block = f"synthesis.b{8 << i}"
        yield f"convs.{2 * i}.conv.blur.kernel", f"{block}.conv0.{FILTER}"
        yield f"to_rgbs.{i}.upsample.kernel", f"{block}.{FILTER}"
        for k in (0, 1):
            yield from _layer(f"convs.{2 * i + k}", f"{block}.conv{k}", STYLED)
            yield f"noises.noise_{2 * i + k + 1}", f"{block}.conv{k}.noise_const"
        yield from _layer(f"to_rgbs.{i}", f"{block}.torgb", TO_RGB)


def _layer(ours: str, theirs: str, kinds: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    return ((f"{ours}.{a}", f"{theirs}.{b}") for a, b in kinds)


def _ema(path: Path, content: Any) -> Bare:
    if isinstance(content, (tuple, list)) and any(isinstance(entry, Bare) for entry in content):
        raise TalkingError(
            f"{path} is NVIDIA's pickle for TensorFlow: give the one for PyTorch that the catalogue names."
        )
    network = content.get(EMA) if isinstance(content, Mapping) else None
    if not isinstance(network, Bare):
        raise TalkingError(f"{path} is another pickle: it has no {EMA}; give the file that the catalogue names.")
    return network


def _named(path: Path, module: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a bare module and of those below it, by their dotted names, as its state dict would."""
    state = module.state if isinstance(module, Bare) and isinstance(module.state, dict) else {}
    parts = [part for key in PARTS if isinstance(part := state.get(key), Mapping)]
    if len(parts) < len(PARTS) or prefix.count(".") > DEEPEST:
        raise TalkingError(f"{path} has no module at {EMA}.{prefix}: give the file that the catalogue names.")
    parameters, buffers, modules = parts
    for name, value in (*parameters.items(), *buffers.items()):
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
    for name, below in modules.items():
        if below is not None:
            yield from _named(path, below, f"{prefix}{name}.")


def _check_names(path: Path, wanted: set[str], found: set[str]) -> None:
    another = f"{path} is another network than the generator of StyleGAN2's config F at this size: it"
    if missing := sorted((wanted | {W_AVG}) - found):
        raise TalkingError(f"{another} has no {missing[0]}; give the file that the catalogue names.")
    unused = {name for name in found if name.endswith(f".{FILTER}")}
    if extra := sorted(found - wanted - unused - {W_AVG}):
        raise TalkingError(f"{another} also has {extra[0]}; give the file that the catalogue names.")


def _fitted(ours: str, value: Tensor, shape: torch.Size) -> Tensor:
    """Give a tensor our axes of length one and our gain; one of another shape stays as it is, to be refused by name."""
    if [n for n in value.shape if n != 1] == [n for n in shape if n != 1]:
        value = value.reshape(shape)
    return value * FILTER_GAIN if ours.endswith(".kernel") else value


def _check_filters(path: Path, state: dict[str, Tensor]) -> None:
    """Refuse other low-pass filters than [1, 3, 3, 1]: the layers rely on its symmetry."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    usual = torch.outer(taps, taps) * (FILTER_GAIN / 64)
    for name, value in state.items():
        if name.endswith(".kernel") and (value.shape != usual.shape or not torch.allclose(value.float(), usual)):
            raise TalkingError(f"{path} has another low-pass filter in {name}: give the file that the catalogue names.")
