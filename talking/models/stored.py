"""Networks on disk: safetensors with a JSON config beside them, and the check that a state belongs to a network."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from talking.core.documents import parse_json, text_of
from talking.core.errors import TalkingError
from talking.core.files import atomic_path, sha256_of
from talking.core.wording import printable, shown, shown_key

DIGEST_KEY = "sha256"
MOST_CHARACTERS = 1_000_000  # of a config
# No network has layers or pictures of more; and it has no more layers or styles than there are tensors.
LARGEST = 1 << 16
COUNTED = ("n_mlp", "lstm_layers", "n_styles")
# Numbers of eight bits and less, in which no network here is stored, and of which torch cannot tell the finite ones.
COARSE = tuple(kind for name in dir(torch) if name.startswith("float8") and (kind := getattr(torch, name)))
# What torch raises as it builds layers of impossible sizes.
UNBUILT = (
    TypeError,
    ValueError,
    RuntimeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)


def save_network(
    folder: Path,
    name: str,
    module: nn.Module | Mapping[str, Tensor],
    config: Mapping[str, Any],
    *,
    half: bool = False,
) -> None:
    """Write `<name>.safetensors` and `<name>.json` into `folder`, under temporary names until both are whole.

    The JSON is `config`, which must suffice to build the network, with the weights' SHA-256: a pair of files that do
    not belong together is noticed when it is read. `half` stores numbers in 16 bits: half the size, 11 bits exact.
    """
    tensors = _apart(module.state_dict() if isinstance(module, nn.Module) else module)
    if half:
        tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    weights_path, config_path = folder / f"{name}.safetensors", folder / f"{name}.json"
    with atomic_path(weights_path) as weights, atomic_path(config_path) as description:
        save_file(tensors, weights)
        content = {**config, DIGEST_KEY: sha256_of(weights)}
        description.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors on the CPU, contiguous, no two of them in the same memory, which safetensors refuses."""
    seen: set[int] = set()
    tensors = {}
    for name, value in state.items():
        tensor = value.detach().cpu().contiguous()
        pointer = tensor.untyped_storage().data_ptr()
        tensors[name] = tensor.clone() if pointer in seen else tensor
        seen.add(pointer)
    return tensors


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
    except (SafetensorError, *UNBUILT) as error:
        said = printable(" ".join(str(error).split()), 200)
        raise TalkingError(f"{weights_path} is not a safetensors file ({said}): make it again.") from error


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run the stage that makes {path.parent} first.")
    try:
        config = parse_json(text_of(path, MOST_CHARACTERS))
    except ValueError as error:
        raise TalkingError(f"{path} is not readable JSON ({error}): make the network again.") from error
    if not isinstance(config, dict):
        raise TalkingError(f"{path} does not hold a network's config: make the network again.")
    return config


def check_sizes(path: Path, config: Mapping[str, Any], tensors: int) -> None:
    """Raise TalkingError, naming the key, unless each size in a config, read from `path`, is one that a network has.

    `tensors` is how many of them lie beside the config: no network has more layers. Asked before anything is built.
    """
    for key, value in config.items():
        if value is None or isinstance(value, bool | str):
            continue
        most = tensors if key in COUNTED else LARGEST
        if not isinstance(value, int | float) or not 0 <= value <= most:
            raise TalkingError(
                f"{path} says {shown_key(key)} {shown(value)}, which no network here has: it must be a number from "
                f"0 to {most}; make the network again."
            )


def check_state(source: Path, network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Raise TalkingError, naming a tensor, unless `state` has `network`'s names and shapes, and finite numbers."""
    wanted = network.state_dict()
    kind = type(network).__name__
    for name, value in wanted.items():
        shape, number = tuple(value.shape), value.dtype
        if name not in state:
            raise TalkingError(f"{source} is another network than {kind}: it has no {name}; give the file for {kind}.")
        if tuple(state[name].shape) != shape:
            raise TalkingError(
                f"{source} is another network than {kind}: {name} is {tuple(state[name].shape)} "
                f"where {shape} is wanted; give the file of the same sizes."
            )
        found = state[name].dtype
        if found.is_complex or found.is_floating_point != number.is_floating_point or found in COARSE:
            raise TalkingError(f"{source} has numbers of the kind {found} in {name}: get the file of {number}.")
        if not state[name].isfinite().all():
            raise TalkingError(f"{source} has numbers that are not finite in {name}: download it again.")
    if extra := sorted(set(state) - set(wanted)):
        raise TalkingError(
            f"{source} is another network than {kind}: it also has {extra[0]}; give the file for {kind}."
        )


def filled(cls: type[nn.Module], config: dict[str, Any], state: dict[str, Tensor], source: Path) -> Any:
    """Build `cls(**config)` around `state`, read from `source`, in the network's own precision.

    Raises TalkingError where they do not fit.
    """
    return filled_by(cls, cls.__name__, config, state, source)


def filled_by(
    build: Callable[..., nn.Module], kind: str, config: dict[str, Any], state: dict[str, Tensor], source: Path
) -> Any:
    """Build `build(**config)`, a network of the `kind` that errors name, around `state`, as `filled` does."""
    described = source.with_suffix(".json")
    check_sizes(described, config, len(state))
    try:
        with torch.device("meta"):  # neither time, memory nor random numbers are spent on weights that are replaced
            network = build(**config)
    except UNBUILT as error:
        said = printable(" ".join(str(error).split()), 200) or type(error).__name__
        raise TalkingError(f"{described} does not fit {kind} ({said}): make it again.") from error
    check_state(source, network, state)
    kinds = {name: value.dtype for name, value in network.state_dict().items()}
    network.load_state_dict({name: value.to(kinds[name]) for name, value in state.items()}, assign=True)
    return network
