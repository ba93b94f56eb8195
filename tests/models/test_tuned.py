"""Tuned generators come back as they were, in fewer bytes, and only on the backbone that they were tuned from."""

import copy

import pytest
import torch
from torch import nn

from talking.core.errors import TalkingError
from talking.media.pixels import to_frames
from talking.metrics.image import psnr
from talking.models.stored import load_network, save_network
from talking.models.stylegan2 import Generator
from talking.models.tuned import digest_of, load_tuned, save_tuned


def generator(seed: int = 0) -> Generator:
    torch.manual_seed(seed)
    return Generator(32, style_dim=16, n_mlp=2, channel_max=16).eval().requires_grad_(False)


def moved(base: Generator, step: float = 0.02) -> Generator:
    """A copy whose weights have moved a little, but for the mapping network."""
    torch.manual_seed(1)
    tuned = copy.deepcopy(base)
    for name, value in tuned.named_parameters():
        if not name.startswith("style."):
            value.add_(step * torch.randn_like(value))
    return tuned


def loaded(folder, base: Generator) -> Generator:
    network = copy.deepcopy(base)
    network.load_state_dict(load_tuned(folder, "s1", base))
    return network


def test_a_difference_takes_less_than_half_and_draws_the_same_pictures(tmp_path) -> None:
    base = generator()
    tuned = moved(base)
    size = save_tuned(tmp_path, "s1", tuned, base)
    whole = sum(value.numel() * 4 for value in base.state_dict().values())
    assert size < 0.5 * whole and (tmp_path / "s1.safetensors").stat().st_size < 0.6 * whole
    codes = torch.randn(4, base.n_styles, 16, generator=torch.Generator().manual_seed(2))
    true, made = (to_frames(network(codes)) for network in (tuned, loaded(tmp_path, base)))
    assert psnr(true, made).min() > 60
    assert psnr(true, to_frames(base(codes))).max() < 50  # the difference is what draws them


def test_what_was_not_tuned_comes_back_to_the_bit_and_changes_within_11_bits(tmp_path) -> None:
    base = generator()
    tuned = moved(base)
    save_tuned(tmp_path, "s1", tuned, base)
    state, wanted = load_tuned(tmp_path, "s1", base), tuned.state_dict()
    assert state.keys() == wanted.keys()
    for name, value in base.state_dict().items():
        change = (wanted[name] - value).abs().max()
        assert (state[name] - wanted[name]).abs().max() <= 2**-11 * change + 1e-7 * value.abs().max()
        if name.startswith("style."):
            assert torch.equal(state[name], value)


@pytest.mark.parametrize("step", [1e-9, 1e9])
def test_changes_beyond_the_range_of_16_bits_are_kept(tmp_path, step) -> None:
    base, tuned = nn.Linear(4, 4), nn.Linear(4, 4)
    base.requires_grad_(False).weight.zero_()
    tuned.requires_grad_(False).load_state_dict(base.state_dict())
    tuned.weight += step * torch.arange(1, 17).reshape(4, 4)
    save_tuned(tmp_path, "s1", tuned, base)
    torch.testing.assert_close(load_tuned(tmp_path, "s1", base)["weight"], tuned.weight, rtol=1e-3, atol=0)


def test_an_untuned_generator_takes_nothing(tmp_path) -> None:
    base = generator()
    assert save_tuned(tmp_path, "s1", copy.deepcopy(base), base) == 0
    state = load_tuned(tmp_path, "s1", base)
    assert all(torch.equal(state[name], value) for name, value in base.state_dict().items())


def test_a_network_of_16_bits_is_stored_whole(tmp_path) -> None:
    base, tuned = nn.Linear(8, 8).half(), nn.Linear(8, 8).half()
    assert save_tuned(tmp_path, "s1", tuned, base) == 2 * 72
    assert torch.equal(load_tuned(tmp_path, "s1", base)["weight"], tuned.weight)


def test_another_backbone_is_refused(tmp_path) -> None:
    base = generator()
    save_tuned(tmp_path, "s1", moved(base), base)
    with pytest.raises(TalkingError, match="tuned from another backbone: run the stage stage_two again"):
        load_tuned(tmp_path, "s1", generator(3))
    assert digest_of(base) != digest_of(generator(3)) and digest_of(base) == digest_of(copy.deepcopy(base))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda name, state: state.pop(f"{name}.scale"),
        lambda name, state: state.update({f"{name}.scale": torch.ones(2)}),
        lambda name, state: state.update({name: state[name][:1, :, :1]}),
    ],
)
def test_a_difference_that_is_none_of_this_generator_is_refused(tmp_path, spoil) -> None:
    base = generator()
    save_tuned(tmp_path, "s1", moved(base), base)
    config, state = load_network(tmp_path, "s1")
    name = next(key for key in state if key.endswith("conv.weight"))
    spoil(name, state)
    save_network(tmp_path, "s1", state, config)
    with pytest.raises(TalkingError, match=f"s1.safetensors has no usable change of {name}"):
        load_tuned(tmp_path, "s1", base)
