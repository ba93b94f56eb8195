"""The talking-head model: equation 1, its identity, and the way to disk and back."""

import json
import time

import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.core.moments import Moments
from talking.models.basis import Basis, fit_basis
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize, trainable_parameters

STYLES, WIDTH, K = 2, 6, 3


def basis() -> Basis:
    rows = np.random.default_rng(0).normal(size=(50, STYLES * WIDTH)) * np.linspace(3, 0.5, STYLES * WIDTH)
    return fit_basis(Moments.of(rows), K, STYLES)


def small(*, whiten: bool = True) -> TalkingHead:
    torch.manual_seed(0)
    model = TalkingHead(basis(), TalkingHeadSize(width=4, lstm_layers=1, code_dim=16, hidden=8, whiten=whiten))
    model.normalise(
        (np.arange(12.0), np.linspace(1, 2, 12)), (np.zeros(len(basis().variance)), np.ones(len(basis().variance)))
    )
    return model.eval()


def inputs(batch: int = 2, frames: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(batch, frames, 12, 28, generator=draw), torch.randn(batch, STYLES, WIDTH, generator=draw)


@torch.no_grad()
@pytest.mark.parametrize("whiten", [True, False])
def test_codes_are_the_identitys_plus_the_coefficients_times_the_basis(whiten) -> None:
    model, (windows, identity), v = small(whiten=whiten), inputs(), basis()
    h = model.coefficients(windows, identity)
    codes = model(windows, identity)
    assert h.shape == (2, 5, K) and codes.shape == (2, 5, STYLES, WIDTH)
    scale = np.sqrt(v.variance) if whiten else np.ones(K)
    wanted = identity.numpy().reshape(2, 1, -1) + (h.numpy() * scale) @ v.components
    np.testing.assert_allclose(codes.numpy().reshape(2, 5, -1), wanted, atol=1e-5)


@torch.no_grad()
def test_with_zero_coefficients_every_frame_is_the_identity() -> None:
    model, (windows, identity) = small(), inputs()
    last = model.latent_decoder.layers[-1]
    last.weight.zero_()
    last.bias.zero_()
    assert torch.equal(model(windows, identity), identity[:, None].expand(-1, 5, -1, -1))


@torch.no_grad()
def test_displacements_stay_in_the_span_of_the_basis() -> None:
    model, (windows, identity), v = small(), inputs(), basis().components
    moved = (model(windows, identity) - identity[:, None]).flatten(2).numpy()
    np.testing.assert_allclose(moved @ v.T @ v, moved, atol=1e-4)


@torch.no_grad()
def test_windows_are_normalised_coefficient_by_coefficient() -> None:
    model, (windows, identity) = small(), inputs()
    plain = small()
    plain.normalise((np.zeros(12), np.ones(12)), (np.zeros(len(basis().variance)), np.ones(len(basis().variance))))
    shifted = (windows - torch.arange(12.0)[:, None]) / torch.linspace(1, 2, 12)[:, None]
    torch.testing.assert_close(model(windows, identity), plain(shifted, identity))
    assert not torch.allclose(model(windows, identity), plain(windows, identity), atol=1e-6)


@torch.no_grad()
def test_identities_are_normalised_component_by_component() -> None:
    size = len(basis().variance)
    mean, std = np.linspace(-1, 1, size), np.linspace(0.5, 3, size)
    model, plain, (windows, identity) = small(), small(), inputs()
    windows_as_they_are = np.zeros(12), np.ones(12)
    model.normalise(windows_as_they_are, (mean, std))
    plain.normalise(windows_as_they_are, (np.zeros(size), np.ones(size)))
    wanted = (plain.projector.identity(identity) - torch.tensor(mean)) / torch.tensor(std)
    model_input = []
    model.latent_decoder.register_forward_pre_hook(lambda _, given: model_input.append(given[0]))
    model.coefficients(windows, identity)
    torch.testing.assert_close(model_input[0], wanted.float())
    assert not torch.allclose(model.coefficients(windows, identity), plain.coefficients(windows, identity), atol=1e-6)


@torch.no_grad()
def test_both_sound_and_identity_have_a_say() -> None:
    model, (windows, identity) = small(), inputs()
    h = model.coefficients(windows, identity)
    assert (h - model.coefficients(windows + 1, identity)).abs().max() > 1e-5
    assert (h - model.coefficients(windows, identity + 1)).abs().max() > 1e-5


@torch.no_grad()
@pytest.mark.parametrize("whiten", [True, False])
def test_saved_and_loaded_it_gives_the_same_bits(tmp_path, whiten) -> None:
    model, (windows, identity) = small(whiten=whiten), inputs()
    model.save(tmp_path / "model")
    loaded = TalkingHead.load(tmp_path / "model")
    assert loaded.size == model.size and not loaded.training
    assert torch.equal(loaded(windows, identity), model(windows, identity))
    loaded.save(tmp_path / "again")
    for name in ("talking_head.safetensors", "talking_head.json"):
        assert (tmp_path / "model" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_missing_or_damaged_model_is_refused_in_a_sentence(tmp_path) -> None:
    with pytest.raises(TalkingError, match="is missing"):
        TalkingHead.load(tmp_path)
    small().save(tmp_path)
    (tmp_path / "talking_head.safetensors").write_bytes(b"x")
    with pytest.raises(TalkingError, match="damaged"):
        TalkingHead.load(tmp_path)


@pytest.mark.parametrize("spoil", [{"colour": "blue"}, {"width": 8}, {"hidden": None}, {"components": 4}])
def test_a_config_that_does_not_fit_its_weights_is_refused_in_a_sentence(tmp_path, spoil) -> None:
    small().save(tmp_path)
    config = json.loads((tmp_path / "talking_head.json").read_text()) | spoil
    config = {key: value for key, value in config.items() if value is not None}
    (tmp_path / "talking_head.json").write_text(json.dumps(config))
    with pytest.raises(TalkingError, match="talking_head"):
        TalkingHead.load(tmp_path)


def test_only_the_two_networks_are_trained() -> None:
    model = small()
    convolutions = sum(9 * i * o + o for i, o in ((1, 4), (4, 8), (8, 16), (16, 16), (16, 32)))
    linears = (32 * 4 * 6 + 1) * 128 + 129 * 16
    lstm = 4 * (2 * 16 * 16 + 2 * 16)
    decoder = (K + 16 + 1) * 8 + 9 * 8 + 9 * K
    assert trainable_parameters(model) == convolutions + linears + lstm + decoder


@torch.no_grad()
@pytest.mark.parametrize("parts", [[1, 1, 1, 4], [3, 4], [7]])
def test_a_sound_heard_in_parts_gives_the_codes_of_the_whole(parts) -> None:
    model, (windows, identity) = small(), inputs(frames=7)
    state, codes = None, []
    for part in windows.split(parts, dim=1):
        made, state = model.stream(part, identity, state)
        codes.append(made)
    torch.testing.assert_close(torch.cat(codes, dim=1), model(windows, identity), atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [-8, 0, 0.5, 10**6, 2**63, "wide", None, [8], 1e300])
@pytest.mark.parametrize("key", ["components", "code_size", "n_styles", "width", "lstm_layers", "code_dim", "hidden"])
def test_a_size_that_no_network_has_is_refused_at_once_and_in_a_sentence(tmp_path, key, value) -> None:
    small().save(tmp_path)
    config = tmp_path / "talking_head.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), key: value}))
    began = time.process_time()
    with pytest.raises(TalkingError, match=r"talking_head\.(json|safetensors) ") as refusal:
        TalkingHead.load(tmp_path)
    assert time.process_time() - began < 5
    assert len(str(refusal.value)) < 600 and "\n" not in str(refusal.value)
