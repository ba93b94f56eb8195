"""Published weights: the catalogue, and the reading of its checkpoints without running what a pickle may hold."""

import argparse
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from talking.errors import TalkingError
from talking.files import sha256_of
from talking.models.backbone import Backbone
from talking.models.psp import GradualStyleEncoder
from talking.models.stored import check_state, filled, load_network, save_network
from talking.models.stylegan2 import Generator

__all__ = ["load_network", "save_network"]

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
    """A row of the catalogue: `file` is the name that the publisher gave it.

    `sha256` is None where the publisher states none; a value ending in `...` is its beginning.
    """

    name: str
    file: str
    what: str
    licence: str
    published_at: str
    sha256: str | None
    layout: str


CATALOGUE = (
    PublishedWeights(
        name="stylegan2-ffhq-1024",
        file="stylegan2-ffhq-config-f.pt",
        what="StyleGAN2 generator, FFHQ, 1024 pixels, config F, converted to PyTorch",
        licence="Nvidia Source Code License-NC (no commercial use)",
        published_at="https://github.com/rosinality/stylegan2-pytorch",
        sha256=None,
        layout="{g_ema: Generator(1024), latent_avg: (512,)}",
    ),
    PublishedWeights(
        name="psp-ffhq-encode",
        file="psp_ffhq_encode.pt",
        what="pSp inversion encoder for FFHQ, 18 styles, with the generator that it was trained for",
        licence="MIT for pSp; its generator is under the Nvidia Source Code License-NC",
        published_at="https://github.com/eladrich/pixel2style2pixel",
        sha256=None,
        layout="{state_dict: {encoder.*: GradualStyleEncoder(18), decoder.*: Generator(1024)}, latent_avg, opts}",
    ),
    PublishedWeights(
        name="squeezenet1_1-imagenet",
        file="squeezenet1_1-b8a52dc0.pth",
        what="SqueezeNet 1.1 trunk of LPIPS (net=squeeze)",
        licence="BSD-3-Clause (torchvision)",
        published_at="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc0...",
        layout="torchvision squeezenet1_1 state dict: features.*, classifier.*",
    ),
    PublishedWeights(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        what="Inception-v3 of 2015, ported to PyTorch, whose 2048 features define FID",
        licence="Apache-2.0",
        published_at="https://github.com/mseitzer/pytorch-fid/releases",
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


def published_backbone(folder: Path, resolution: int = 1024) -> Backbone:
    """Return the paper's FFHQ pair from the files of the catalogue in `folder`, in eval mode.

    pSp's checkpoint is needed and holds a generator too; that of StyleGAN2's own checkpoint is taken where it is there.
    Raises TalkingError on a file that is missing or not what the catalogue describes.
    """
    psp, stylegan2 = (folder / published(name).file for name in ("psp-ffhq-encode", "stylegan2-ffhq-1024"))
    with torch.device("meta"):
        n_styles = Generator(resolution).n_styles
    weights = convert_psp(psp, n_styles)
    state, source = weights.generator, psp
    if stylegan2.is_file():
        state, source = convert_stylegan2(stylegan2, resolution)[0], stylegan2
    generator = filled(Generator, {"resolution": resolution}, state, source)
    encoder = filled(GradualStyleEncoder, {"n_styles": n_styles}, weights.encoder, psp)
    return Backbone(generator, encoder, weights.latent_avg).eval()


def kept_backbone(folder: Path, resolution: int) -> Backbone:
    """Return a pair that was trained before and kept in `folder`. Raises TalkingError when it draws another size."""
    pair = Backbone.load(folder)
    if pair.resolution != resolution:
        raise TalkingError(
            f"{folder} holds a pair of {pair.resolution} pixels where backbones asks for {resolution}: change either."
        )
    return pair


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
