"""Weights of networks: our own as safetensors with a JSON config beside them; the catalogue of published ones."""

import argparse
import json
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from talking.errors import TalkingError
from talking.files import atomic_path, sha256_of, write_json
from talking.models.psp import GradualStyleEncoder
from talking.models.stylegan2 import Generator

DIGEST_KEY = "sha256"
PSP_TASK = "ffhq_encode"
UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


@dataclass(frozen=True)
class PublishedWeights:
    """A row of the catalogue. `sha256` is None where the publisher states none; a value ending in `...` is a prefix."""

    name: str
    what: str
    licence: str
    published_at: str
    sha256: str | None
    layout: str


CATALOGUE = (
    PublishedWeights(
        name="stylegan2-ffhq-1024",
        what="StyleGAN2 generator, FFHQ, 1024 pixels, config F, converted to PyTorch",
        licence="Nvidia Source Code License-NC (no commercial use)",
        published_at="https://github.com/rosinality/stylegan2-pytorch (checkpoint stylegan2-ffhq-config-f.pt)",
        sha256=None,
        layout="{g_ema: Generator(1024), latent_avg: (512,)}",
    ),
    PublishedWeights(
        name="psp-ffhq-encode",
        what="pSp inversion encoder for FFHQ, 18 styles, with the generator that it was trained for",
        licence="MIT for pSp; its generator is under the Nvidia Source Code License-NC",
        published_at="https://github.com/eladrich/pixel2style2pixel (checkpoint psp_ffhq_encode.pt)",
        sha256=None,
        layout="{state_dict: {encoder.*: GradualStyleEncoder(18), decoder.*: Generator(1024)}, latent_avg, opts}",
    ),
    PublishedWeights(
        name="squeezenet1_1-imagenet",
        what="SqueezeNet 1.1 trunk of LPIPS (net=squeeze)",
        licence="BSD-3-Clause (torchvision)",
        published_at="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc0...",
        layout="torchvision squeezenet1_1 state dict: features.*, classifier.*",
    ),
    PublishedWeights(
        name="inception-fid",
        what="Inception-v3 of 2015, ported to PyTorch, whose 2048 features define FID",
        licence="Apache-2.0",
        published_at="https://github.com/mseitzer/pytorch-fid/releases (pt_inception-2015-12-05-6726825d.pth)",
        sha256="6726825d...",
        layout="pytorch-fid's state dict of its FID Inception-v3",
    ),
)


def published(name: str) -> PublishedWeights:
    """Return the catalogue's row of that name. Raises TalkingError, naming what there is."""
    for row in CATALOGUE:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in CATALOGUE)
    raise TalkingError(f"No published weights are called {name}: choose one of {known}.")


def matches_digest(path: Path, row: PublishedWeights) -> bool | None:
    """Say whether a file has the SHA-256 of its catalogue row; None where the row states none."""
    if row.sha256 is None:
        return None
    return sha256_of(path).startswith(row.sha256.removesuffix("..."))


def save_network(folder: Path, name: str, module: nn.Module | Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write `<name>.safetensors` and `<name>.json` into `folder`, each by temporary name and rename.

    The JSON is `config`, which must suffice to build the network, with the weights' SHA-256: a pair of files that do
    not belong together is noticed when it is read.
    """
    state = module.state_dict() if isinstance(module, nn.Module) else module
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    with atomic_path(folder / f"{name}.safetensors") as temporary:
        save_file(tensors, temporary)
        digest = sha256_of(temporary)
    write_json(folder / f"{name}.json", {**config, DIGEST_KEY: digest})


def load_network(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `save_network` wrote: (config, state), the tensors on the CPU. Raises TalkingError on anything else."""
    config_path, weights_path = folder / f"{name}.json", folder / f"{name}.safetensors"
    config = _read_config(config_path)
    if not weights_path.is_file():
        raise TalkingError(f"{weights_path} is missing beside its config: run the stage that makes {folder} again.")
    if sha256_of(weights_path) != config.pop(DIGEST_KEY, None):
        raise TalkingError(f"{weights_path} is damaged or not the file that {config_path} describes: make both again.")
    try:
        return config, load_file(weights_path)
    except SafetensorError as error:
        raise TalkingError(f"{weights_path} is not a safetensors file ({error}): make it again.") from error


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run the stage that makes {path.parent} first.")
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise TalkingError(f"{path} is not readable JSON ({error}): make the network again.") from error
    if not isinstance(config, dict):
        raise TalkingError(f"{path} does not hold a network's config: make the network again.")
    return config


def check_state(source: Path, network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Raise TalkingError, naming a tensor, unless `state` has `network`'s names and shapes, and finite numbers."""
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    kind = type(network).__name__
    for name, shape in wanted.items():
        if name not in state:
            raise TalkingError(f"{source} is another network than {kind}: it has no {name}; give the file for {kind}.")
        if tuple(state[name].shape) != shape:
            raise TalkingError(
                f"{source} is another network than {kind}: {name} is {tuple(state[name].shape)} "
                f"where {shape} is wanted; give the file of the same sizes."
            )
        if not state[name].isfinite().all():
            raise TalkingError(f"{source} has numbers that are not finite in {name}: download it again.")
    if extra := sorted(set(state) - set(wanted)):
        raise TalkingError(
            f"{source} is another network than {kind}: it also has {extra[0]}; give the file for {kind}."
        )


class PspWeights(NamedTuple):
    """What a pSp checkpoint holds: E_I, the G that it was trained for, and the mean latent (18, 512)."""

    encoder: dict[str, Tensor]
    generator: dict[str, Tensor]
    latent_avg: Tensor


def convert_stylegan2(path: Path, resolution: int = 1024) -> tuple[dict[str, Tensor], Tensor]:
    """Read StyleGAN2's PyTorch layout: (state of `Generator(resolution)`, mean latent (512,)). Raises TalkingError."""
    content = _read_checkpoint(path, ("g_ema", "latent_avg"))
    with torch.device("meta"):
        network = Generator(resolution)
    return _converted(path, network, content["g_ema"]), _mean_latent(path, content["latent_avg"])


def convert_psp(path: Path, n_styles: int = 18) -> PspWeights:
    """Read pSp's FFHQ inversion checkpoint, its names without their prefixes. Raises TalkingError."""
    content = _read_checkpoint(path, ("state_dict", "latent_avg"))
    _check_task(path, content.get("opts", {}))
    with torch.device("meta"):
        encoder, generator = GradualStyleEncoder(n_styles), Generator(2 ** (n_styles // 2 + 1))
    states = content["state_dict"]
    return PspWeights(
        _converted(path, encoder, _below(states, "encoder.")),
        _converted(path, generator, _below(states, "decoder.")),
        _mean_latent(path, content["latent_avg"]).expand(n_styles, -1),
    )


def _read_checkpoint(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return a checkpoint's dict, running no code that a pickle may hold; pSp's `argparse.Namespace` is let through."""
    if not path.is_file():
        raise TalkingError(f"{path} is not there: put the published weights at this path.")
    with path.open("rb") as file:
        if file.read(64).lstrip().startswith(b"<"):
            raise TalkingError(
                f"{path} is a web page and not weights: download the file itself, with a browser if need be."
            )
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, weights_only=True, map_location=torch.get_default_device())
    except UNREADABLE as error:
        raise TalkingError(
            f"{path} is cut short or not a checkpoint of tensors ({type(error).__name__}): download it again."
        ) from error
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise TalkingError(
            f"{path} is another checkpoint: it has no {missing[0]}; give the file that the catalogue names."
        )
    return content


def _check_task(path: Path, opts: Any) -> None:
    values = vars(opts) if isinstance(opts, argparse.Namespace) else opts
    task = values.get("dataset_type", PSP_TASK) if isinstance(values, dict) else PSP_TASK
    if task != PSP_TASK:
        raise TalkingError(f"{path} is a pSp for the task {task} and not for inversion: give the one for {PSP_TASK}.")


def _below(states: Any, prefix: str) -> Any:
    if not isinstance(states, Mapping):
        return states
    return {name.removeprefix(prefix): value for name, value in states.items() if str(name).startswith(prefix)}


def _converted(path: Path, network: nn.Module, state: Any) -> dict[str, Tensor]:
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise TalkingError(f"{path} holds something else than tensors by name: give the file that the catalogue names.")
    check_state(path, network, state)
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _mean_latent(path: Path, value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.shape[-1:] != (512,) or not value.isfinite().all():
        raise TalkingError(f"{path} has no usable mean latent: give the file that the catalogue names.")
    return value.float()
