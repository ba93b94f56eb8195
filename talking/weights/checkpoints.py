"""Reading published PyTorch checkpoints without running what a pickle may hold: StyleGAN2, pSp, plain state dicts."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from talking.core.asks import UNREADABLE, AsksTooMuchError, check_asks
from talking.core.errors import TalkingError
from talking.models.psp import GradualStyleEncoder
from talking.models.stored import COARSE, check_state
from talking.models.stylegan2 import Generator

PSP_TASK = "ffhq_encode"


class PspWeights(NamedTuple):
    """What a pSp checkpoint holds: E_I, the G that it was trained for, and the mean latent (18, 512)."""

    encoder: dict[str, Tensor]
    generator: dict[str, Tensor]
    latent_avg: Tensor


def convert_stylegan2(path: Path, resolution: int = 1024) -> tuple[dict[str, Tensor], Tensor]:
    """Read StyleGAN2's PyTorch layout: (state of `Generator(resolution)`, mean latent (512,)). Raises TalkingError."""
    content = read_checkpoint(path, ("g_ema", "latent_avg"))
    with torch.device("meta"):
        network = Generator(resolution)
    return converted(path, network, content["g_ema"]), mean_latent(path, content["latent_avg"], (512,))


def convert_psp(path: Path, n_styles: int = 18) -> PspWeights:
    """Read pSp's FFHQ inversion checkpoint, its names without their prefixes. Raises TalkingError."""
    content = read_checkpoint(path, ("state_dict", "latent_avg"))
    _check_task(path, content.get("opts", {}))
    with torch.device("meta"):
        encoder, generator = GradualStyleEncoder(n_styles), Generator(2 ** (n_styles // 2 + 1))
    states = content["state_dict"]
    return PspWeights(
        converted(path, encoder, below(states, "encoder.")),
        converted(path, generator, below(states, "decoder.")),
        mean_latent(path, content["latent_avg"], (n_styles, 512)),
    )


def convert_state(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """Read a file that is the state dict of `network`, which may be on the meta device. Raises TalkingError."""
    return converted(path, network, read_checkpoint(path, ()))


def check_no_page(path: Path) -> None:
    """Raise TalkingError when there is no file, or when it is the web page that one gets instead of a download."""
    if not path.is_file():
        raise TalkingError(f"{path} is not there: put the published weights at this path.")
    with path.open("rb") as file:
        if file.read(64).lstrip().startswith(b"<"):
            raise TalkingError(
                f"{path} is a web page and not weights: download the file itself, with a browser if need be."
            )


def too_much(path: Path, error: AsksTooMuchError) -> TalkingError:
    """Return the error of a file that would take more memory than weights of its size do."""
    return TalkingError(f"{path} asks for more memory than it has bytes ({error}): get the file from its publisher.")


def read_checkpoint(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return a checkpoint's dict, running no code that a pickle may hold; pSp's `argparse.Namespace` is let through.

    Raises TalkingError for a web page, a file that is cut short or no checkpoint, and one without `keys`.
    """
    check_no_page(path)
    try:
        with path.open("rb") as file:
            check_asks(file)
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, weights_only=True, map_location=torch.get_default_device())
    except AsksTooMuchError as error:
        raise too_much(path, error) from error
    except UNREADABLE as error:
        raise TalkingError(
            f"{path} is cut short or not a checkpoint of tensors ({type(error).__name__}): download it again."
        ) from error
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise TalkingError(
            f"{path} is another checkpoint: it has no {missing[0]}; give the file that the catalogue names."
        )
    result: dict[str, Any] = content
    return result


def converted(path: Path, network: nn.Module, state: Any) -> dict[str, Tensor]:
    """Return `state`, read from `path`, in float32 once it has `network`'s names and shapes. Raises TalkingError."""
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise TalkingError(f"{path} holds something else than tensors by name: give the file that the catalogue names.")
    state = {**_counts(network), **state}
    check_state(path, network, state)
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _counts(network: nn.Module) -> dict[str, Tensor]:
    """Return the layers' counts of training batches, which no use needs and old PyTorch did not write."""
    counted = (name for name in network.state_dict() if name.endswith(".num_batches_tracked"))
    return {name: torch.zeros((), dtype=torch.long) for name in counted}


def mean_latent(path: Path, value: Any, shape: tuple[int, ...]) -> Tensor:
    """Return the mean latent in float32, in the shape that is stored: (512,), or (L, 512) where each style has its own.

    One latent for all styles may be written as (512,) or (1, 512). Raises TalkingError when `value` is none.
    """
    usable = isinstance(value, Tensor) and value.is_floating_point() and value.dtype not in COARSE
    if not usable or value.shape not in ((512,), (1, 512), shape) or not value.isfinite().all():
        raise TalkingError(f"{path} has no usable mean latent: give the file that the catalogue names.")
    flat: Tensor = value.float().reshape(-1, 512)
    return flat.expand(*shape).clone() if len(shape) > 1 else flat[0]


def below(states: Any, prefix: str) -> Any:
    """Return the tensors whose names begin with `prefix`, without it."""
    if not isinstance(states, Mapping):
        return states
    return {name.removeprefix(prefix): value for name, value in states.items() if str(name).startswith(prefix)}


def _check_task(path: Path, opts: Any) -> None:
    values = vars(opts) if isinstance(opts, argparse.Namespace) else opts
    task = values.get("dataset_type", PSP_TASK) if isinstance(values, dict) else PSP_TASK
    if task != PSP_TASK:
        raise TalkingError(f"{path} is a pSp for the task {task} and not for inversion: give the one for {PSP_TASK}.")
