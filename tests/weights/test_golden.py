"""The golden figures of the published networks hold through a checkpoint, `add` and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from talking.models.stylegan2 import Generator
from talking.weights import add_file, load_added, published, published_backbone
from talking.weights.checkpoints import below
from tests.golden.pair import add_golden_pair, kernels

from .conftest import as_nvidia, nvidia_pickle, saved, seeded


def far(made: torch.Tensor, figure: object) -> float:
    true = torch.as_tensor(figure)
    return float((made - true).abs().max() / true.std())


def published_file(layout: str, folder: Path, state: dict[str, torch.Tensor]) -> tuple[str, Path]:
    if layout == "rosinality":
        content = {"g_ema": state, "latent_avg": torch.linspace(-1, 1, 512), "g": {}}
        return "stylegan2-ffhq-1024", saved(folder, content)
    return "stylegan2-ffhq-1024-ngc", nvidia_pickle(folder / "g.pkl", as_nvidia(state))


@torch.no_grad()
@pytest.mark.parametrize("layout", ["rosinality", "nvidia"])
def test_a_generator_of_64_pixels_through_either_layout(golden, figures, tmp_path, layout) -> None:
    name, path = published_file(layout, tmp_path, {**golden.filled("stylegan2_64"), **kernels(Generator(64))})
    add_file(published(name), path, tmp_path / "weights", resolution=64)
    config, tensors = load_added(tmp_path / "weights", published(name))
    generator, figure = Generator(64), figures("stylegan2_64")
    generator.load_state_dict(below(tensors, "g_ema."))
    image = generator(torch.randn(2, 10, 512, generator=seeded(figure["wplus_seed"])))
    assert far(image, figure["image"]) < 1e-4
    assert far(generator.map(torch.randn(2, 512, generator=seeded(figure["z_seed"]))), figure["w"]) < 1e-4
    assert config["resolution"] == 64 and torch.equal(tensors["latent_avg"], torch.linspace(-1, 1, 512))


@pytest.fixture(scope="module")
def pair(golden, tmp_path_factory) -> Iterator[Path]:
    """A folder to which pSp's checkpoint was added, encoder and 1024-pixel decoder filled by the golden rule."""
    folder = tmp_path_factory.mktemp("pair")
    add_golden_pair(folder, folder)
    yield folder
    (folder / "psp-ffhq-encode.safetensors").unlink()


@torch.no_grad()
def test_the_encoder_and_the_generator_of_1024_pixels_through_psps_layout(golden, figures, pair) -> None:
    backbone, figure = published_backbone(pair), figures("psp_encoder_18")
    x = torch.rand(1, 3, 256, 256, generator=seeded(figure["x_seed"])) * 2 - 1
    assert far(backbone.invert(x), figure["codes"]) < 1e-4
    assert (backbone.resolution, backbone.n_styles) == (1024, 18)
    shapes = {name: tuple(value.shape) for name, value in backbone.generator.state_dict().items()}
    assert shapes == golden.shapes("stylegan2_1024")
    state = backbone.generator.state_dict()
    assert all(torch.equal(state[name], value) for name, value in golden.filled("stylegan2_1024").items())
