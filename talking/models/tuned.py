"""A tuned generator on disk: whole, or as its difference from the backbone's where that takes fewer bytes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.models.stored import check_state, load_network, save_network

KIND, OF = "kind", "backbone"
DIFFERENCE, WHOLE = "difference", "whole"


def save_tuned(folder: Path, name: str, tuned: nn.Module, base: nn.Module) -> int:
    """Write `<name>.safetensors` and `<name>.json` into `folder`; return the number of bytes of the numbers.

    The difference has the tensors that tuning changed, in 16 bits with one scale each: a change is small beside its
    weight, so its 11 bits cost less than rounding the weight itself. `load_tuned` needs the same `base` again.
    """
    whole = {key: value.detach().cpu() for key, value in tuned.state_dict().items()}
    changes = _changes(whole, base)
    kept, kind = min((changes, DIFFERENCE), (whole, WHOLE), key=lambda way: _bytes(way[0]))
    save_network(folder, name, kept, {KIND: kind, OF: digest_of(base)})
    return _bytes(kept)


def load_tuned(folder: Path, name: str, base: nn.Module) -> dict[str, Tensor]:
    """Return the state of the generator that `save_tuned` wrote, on the CPU.

    Raises TalkingError when the file is damaged or missing, or when it is the difference from another generator.
    """
    config, stored = load_network(folder, name)
    if config.get(OF) != digest_of(base):
        raise TalkingError(
            f"{folder / name}.safetensors was tuned from another backbone: run the stage stage_two again."
        )
    state = stored if config.get(KIND) == WHOLE else _applied(folder / f"{name}.safetensors", stored, base)
    check_state(folder / f"{name}.safetensors", base, state)
    return state


def digest_of(network: nn.Module) -> str:
    """Return a SHA-256 over the names and numbers of a network's state."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _changes(state: Mapping[str, Tensor], base: nn.Module) -> dict[str, Tensor]:
    """`<name>`: the change over its scale in 16 bits; `<name>.scale`: its largest magnitude, so that none is lost."""
    found = {}
    for name, value in base.state_dict().items():
        change = state[name].double() - value.detach().cpu().double()
        if scale := float(change.abs().max()) if change.numel() else 0.0:
            found[name] = (change / scale).half()
            found[f"{name}.scale"] = torch.tensor(scale, dtype=torch.float64)
    return found


def _applied(source: Path, changes: Mapping[str, Tensor], base: nn.Module) -> dict[str, Tensor]:
    state = {name: value.detach().cpu().clone() for name, value in base.state_dict().items()}
    for name in state.keys() & changes.keys():
        scale = changes.get(f"{name}.scale")
        if changes[name].shape != state[name].shape or scale is None or scale.numel() != 1:
            raise TalkingError(f"{source} has no usable change of {name}: run the stage stage_two again.")
        change = changes[name].double() * changes[f"{name}.scale"]
        state[name] = (state[name].double() + change).to(state[name].dtype)
    return state


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in tensors.values())
