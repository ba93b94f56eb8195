"""Where adversarial training starts: at random weights, or at a generator, a pair or an earlier outcome in a folder.

Published networks of 1024 pixels begin those of fewer: a generator's layers up to the smaller size are the smaller
generator, and a discriminator's from there on are the smaller discriminator, but for its layer from colours.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.models.discriminator import Discriminator
from talking.models.stored import check_state, load_network
from talking.models.stylegan2 import Generator
from talking.systems.backbone.params import Gan

_BLOCK = re.compile(r"convs\.(\d+)\.(.+)")


def new_networks(params: Gan, seed: int) -> tuple[Generator, Discriminator]:
    """Return both networks, the same on every process.

    With `params.start` the generator is the folder's, and so is the discriminator where the folder has one. Raises
    TalkingError when the folder's generator is smaller or of other widths than params ask for.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(
            params.resolution,
            params.style_dim,
            n_mlp=params.n_mlp,
            channel_multiplier=params.channel_multiplier,
            channel_max=params.channel_max,
        )
        discriminator = Discriminator(params.resolution, params.channel_multiplier, params.channel_max)
    if params.start:
        _begin(generator, discriminator, Path(params.start))
    return generator, discriminator


def _begin(generator: Generator, discriminator: Discriminator, folder: Path) -> None:
    config, state = load_network(folder, "generator")
    _check_size(config, generator, folder)
    state = {name: value for name, value in state.items() if name in generator.state_dict()}
    check_state(folder / "generator.safetensors", generator, state)
    generator.load_state_dict(state)
    if (folder / "discriminator.json").is_file():
        config, state = load_network(folder, "discriminator")
        _check_size(config, discriminator, folder)
        state = smaller_discriminator(state, config["resolution"], discriminator)
        check_state(folder / "discriminator.safetensors", discriminator, state)
        discriminator.load_state_dict(state)


def _check_size(config: Mapping[str, object], network: Generator | Discriminator, folder: Path) -> None:
    size = config.get("resolution")
    if not isinstance(size, int) or size < network.resolution:
        raise TalkingError(
            f"{folder} holds networks of {size} pixels where gan.resolution is {network.resolution}: "
            "start from as many or more."
        )


def smaller_discriminator(state: Mapping[str, Tensor], resolution: int, network: Discriminator) -> dict[str, Tensor]:
    """Return the part of a discriminator of `resolution` pixels that `network`, of as many or fewer, begins with."""
    halvings = resolution.bit_length() - network.resolution.bit_length()
    if halvings == 0:
        return dict(state)
    kept = {name: value for name, value in network.state_dict().items() if name.startswith("convs.0.")}
    for name, value in state.items():
        block = _BLOCK.fullmatch(name)
        if block is None:
            kept[name] = value
        elif int(block[1]) > halvings:
            kept[f"convs.{int(block[1]) - halvings}.{block[2]}"] = value
    return kept
