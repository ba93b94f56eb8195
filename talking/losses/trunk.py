"""Reading the ImageNet weights of a perceptual trunk from a file, without pickle and without network."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from talking.core.asks import UNREADABLE, AsksTooMuchError, check_asks
from talking.core.errors import TalkingError


def read_trunk(path: Path, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights for an `lpips` trunk from a torchvision file of the same network.

    `wanted` is the trunk's state dict, whose names are `slice<n>.<layer>.<rest>`; the file names the same numbers
    `features.<layer>.<rest>` or `<layer>.<rest>`; what else it holds (the classifier) is left. Raises TalkingError.
    """
    stored = {name.removeprefix("features."): value for name, value in read_state(path).items()}
    found = {name: stored.get(name.split(".", 1)[1]) for name in wanted}
    fitting = {name: value for name, value in found.items() if value is not None and value.shape == wanted[name].shape}
    missing = [name for name in wanted if name not in fitting]
    if missing:
        raise TalkingError(
            f"{path} has no fitting numbers for {missing[0].split('.', 1)[1]} and {len(missing) - 1} others; "
            "give the torchvision weights of the chosen perceptual net."
        )
    return fitting


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the state dict in a .safetensors or torch file, loaded without pickle. Raises TalkingError."""
    if not path.is_file():
        raise TalkingError(f"{path} is not there; put the weights at this path or leave it unset.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with path.open("rb") as file:
            check_asks(file)
        content = torch.load(path, weights_only=True, map_location=torch.get_default_device())
    except AsksTooMuchError as error:
        raise TalkingError(f"{path} asks for more memory than it has bytes ({error}); download it again.") from error
    except UNREADABLE as error:
        raise TalkingError(f"{path} cannot be read as weights ({type(error).__name__}); download it again.") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise TalkingError(
            f"{path} is not a state dict of tensors; give the torchvision weights of the perceptual net."
        )
    return content
