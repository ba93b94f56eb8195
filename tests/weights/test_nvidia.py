"""NVIDIA's pickles convert to the same pictures, and nothing that they carry is run."""

import pickle

import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.models.stylegan2 import Generator
from talking.weights import convert_nvidia
from tests.golden.pair import kernels

from .conftest import as_nvidia, nvidia_latent, nvidia_pickle, nvidia_picture, seeded


def loaded(state: dict[str, torch.Tensor], resolution: int) -> Generator:
    generator = Generator(resolution)
    generator.load_state_dict(state)
    return generator.eval()


def drawn(resolution: int, seed: int = 3) -> dict[str, torch.Tensor]:
    """A generator in NVIDIA's names, every number of it drawn, the noise too."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in Generator(resolution).state_dict().items()}
    rng = seeded(seed)
    state = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    usual = kernels(Generator(8))["convs.0.conv.blur.kernel"]
    scaled = {name: value * 100 if name.startswith("style") else value for name, value in state.items()}
    return as_nvidia({name: usual if name.endswith(".kernel") else value for name, value in scaled.items()})


def error(made: torch.Tensor, true: torch.Tensor | np.ndarray) -> float:
    true = torch.as_tensor(true)
    return float((made - true).abs().max() / true.std())


@torch.no_grad()
def test_the_golden_network_in_nvidias_layout_gives_the_golden_figures(golden, figures, tmp_path) -> None:
    state, figure = golden.filled("stylegan2_64"), figures("stylegan2_64")
    spelled = as_nvidia({**state, **kernels(Generator(64))})
    codes = torch.randn(2, 10, 512, generator=seeded(figure["wplus_seed"]))
    assert error(nvidia_picture(spelled, codes), figure["image"]) < 1e-4  # the reference itself is right
    converted, latent_avg = convert_nvidia(nvidia_pickle(tmp_path / "ffhq.pkl", spelled), 64)
    assert all(torch.equal(converted[name], value) for name, value in state.items())
    generator = loaded(converted, 64)
    assert error(generator(codes), figure["image"]) < 1e-4
    z = torch.randn(2, 512, generator=seeded(figure["z_seed"]))
    assert error(generator.map(z), figure["w"]) < 1e-4
    assert torch.equal(latent_avg, torch.linspace(-1, 1, 512))


@torch.no_grad()
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pictures_are_those_of_nvidias_forward_pass(tmp_path, protocol) -> None:
    state = drawn(16, seed=protocol)
    generator = loaded(convert_nvidia(nvidia_pickle(tmp_path / "g.pkl", state, protocol=protocol), 16)[0], 16)
    codes, z = torch.randn(3, 6, 512, generator=seeded(1)), torch.randn(3, 512, generator=seeded(2))
    assert error(generator(codes), nvidia_picture(state, codes)) < 1e-4
    assert error(generator.map(z), nvidia_latent(state, z)) < 1e-4


@torch.no_grad()
def test_pictures_of_drawn_numbers_agree_at_64_pixels(tmp_path) -> None:
    state = drawn(64)
    generator = loaded(convert_nvidia(nvidia_pickle(tmp_path / "g.pkl", state), 64)[0], 64)
    codes = torch.randn(1, 10, 512, generator=seeded(1))
    assert error(generator(codes), nvidia_picture(state, codes)) < 1e-4


@torch.no_grad()
@pytest.mark.parametrize("name", ["synthesis.b8.conv0.weight", "synthesis.b8.conv1.weight"])
def test_a_kernel_turned_around_would_be_seen(tmp_path, name) -> None:
    state = drawn(8)
    turned = {**state, name: state[name].flip(2, 3)}
    generator = loaded(convert_nvidia(nvidia_pickle(tmp_path / "g.pkl", turned), 8)[0], 8)
    codes = torch.randn(1, 4, 512, generator=seeded(1))
    assert error(generator(codes), nvidia_picture(state, codes)) > 0.1


def test_the_source_text_in_a_pickle_is_never_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    convert_nvidia(nvidia_pickle(tmp_path / "g.pkl", drawn(8), source="open('ran', 'w')"), 8)
    assert not (tmp_path / "ran").exists()


def changed(**values: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = {**drawn(8), **{name.replace("__", "."): value for name, value in values.items()}}
    return {name: value for name, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: changed(mapping__w_avg=None), "has no mapping.w_avg"),
        (lambda: changed(synthesis__b4__const=None), "has no synthesis.b4.const"),
        (lambda: drawn(16), "at this size: it also has synthesis.b16.conv0.affine.bias"),
        (lambda: changed(mapping__embed__weight=torch.ones(2, 2)), "also has mapping.embed.weight"),
        (lambda: changed(synthesis__b4__const=torch.ones(64, 4, 4)), r"input.input is \(64, 4, 4\)"),
        (lambda: changed(mapping__fc0__bias=torch.full((512,), float("inf"))), "not finite in style.1.bias"),
        (lambda: changed(synthesis__b8__resample_filter=torch.ones(4, 4) / 16), "another low-pass filter"),
        (lambda: changed(mapping__w_avg=torch.ones(3)), "no usable mean latent"),
    ],
)
def test_another_network_is_refused_in_a_sentence(tmp_path, state, message) -> None:
    path = nvidia_pickle(tmp_path / "g.pkl", state())
    with pytest.raises(TalkingError, match=message) as refusal:
        convert_nvidia(path, 8)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


class Plain:
    """An object without the parts of a module."""

    def __init__(self) -> None:
        self.weight = 1


def test_a_pickle_of_something_else_is_refused_in_a_sentence(tmp_path) -> None:
    with pytest.raises(TalkingError, match="it has no G_ema"):
        convert_nvidia(nvidia_pickle(tmp_path / "g.pkl", {}, G_ema=None), 8)
    with pytest.raises(TalkingError, match="no module at G_ema"):
        convert_nvidia(nvidia_pickle(tmp_path / "g.pkl", {}, G_ema=Plain()), 8)


def test_the_pickle_for_tensorflow_is_named_as_such(tmp_path) -> None:
    (tmp_path / "tf.pkl").write_bytes(pickle.dumps((Plain(), Plain(), Plain())))
    with pytest.raises(TalkingError, match=r"tf\.pkl is NVIDIA's pickle for TensorFlow: give the one for PyTorch"):
        convert_nvidia(tmp_path / "tf.pkl", 8)
