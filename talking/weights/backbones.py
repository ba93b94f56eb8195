"""Backbones of weights that are there: the paper's FFHQ pair from published files, and a pair that was kept."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.models.backbone import Backbone
from talking.models.psp import GradualStyleEncoder
from talking.models.stored import filled
from talking.models.stylegan2 import Generator
from talking.weights.catalogue import CATALOGUE, PublishedWeights, published
from talking.weights.checkpoints import below
from talking.weights.folder import load_added
from talking.weights.layouts import LAYOUTS

PAIR = "psp-ffhq-encode"
GENERATORS = tuple(row for row in CATALOGUE if row.layout in ("stylegan2-pytorch", "stylegan2-nvidia"))


class _Found(NamedTuple):
    tensors: dict[str, Tensor]
    source: Path


def published_backbone(folder: Path, resolution: int = 1024) -> Backbone:
    """Return the paper's FFHQ pair from the files of the catalogue in `folder`, in eval mode.

    Each may lie there as `talking weights add` leaves it or as it was published. pSp's checkpoint is needed and holds a
    generator too; StyleGAN2's own, in the PyTorch layout or in NVIDIA's, is taken where it is there. Raises
    TalkingError on a file that is missing or not what the catalogue describes.
    """
    pair = _read(folder, published(PAIR), resolution) or _missing(folder)
    with torch.device("meta"):
        n_styles = Generator(resolution).n_styles
    state, source = below(pair.tensors, "decoder."), pair.source
    if own := next((found for row in GENERATORS if (found := _read(folder, row, resolution))), None):
        state, source = below(own.tensors, "g_ema."), own.source
    generator = filled(Generator, {"resolution": resolution}, state, source)
    encoder = filled(GradualStyleEncoder, {"n_styles": n_styles}, below(pair.tensors, "encoder."), pair.source)
    return Backbone(generator, encoder, pair.tensors["latent_avg"]).eval()


def _read(folder: Path, row: PublishedWeights, resolution: int) -> _Found | None:
    """Return the tensors of a row, as they are stored, from its conversion or else its published file."""
    added, file = folder / f"{row.name}.safetensors", folder / row.file
    if added.is_file():
        config, tensors = load_added(folder, row)
        if config["resolution"] != resolution:
            raise TalkingError(
                f"{added} holds a network of {config['resolution']} pixels where {resolution} are asked for: "
                "add the other, or change backbones."
            )
        return _Found(tensors, added)
    return _Found(LAYOUTS[row.layout].read(file, resolution), file) if file.is_file() else None


def _missing(folder: Path) -> _Found:
    row = published(PAIR)
    raise TalkingError(
        f"{folder / row.file} is not there: get it from {row.published_at} and run "
        f"`talking weights add --folder {folder} {row.name} FILE`."
    )


def kept_backbone(folder: Path, resolution: int) -> Backbone:
    """Return a pair that was trained before and kept in `folder`. Raises TalkingError when it draws another size."""
    pair = Backbone.load(folder)
    if pair.resolution != resolution:
        raise TalkingError(
            f"{folder} holds a pair of {pair.resolution} pixels where backbones asks for {resolution}: change either."
        )
    return pair
