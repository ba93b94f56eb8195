"""The generator against the published implementation's figures, and its layers against independent computations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d

from talking.core.errors import TalkingError
from talking.models.stylegan2 import Generator
from talking.models.stylegan2_layers import ModulatedConv2d, blur, fir_kernel, upsample


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(seed))


def published(golden) -> Generator:
    generator = Generator(64)
    missing, unexpected = generator.load_state_dict(golden.filled("stylegan2_64"), strict=False)
    assert not unexpected and all(name.endswith(".kernel") for name in missing)
    return generator


def narrow(resolution: int = 32) -> Generator:
    torch.manual_seed(0)
    return Generator(resolution, n_mlp=2, channel_max=16)


@torch.no_grad()
def test_pictures_and_latents_agree_with_the_published_implementation(golden, figures) -> None:
    generator, figure = published(golden), figures("stylegan2_64")
    image = generator(torch.randn(2, 10, 512, generator=seeded(figure["wplus_seed"]))).numpy()
    w = generator.map(torch.randn(2, 512, generator=seeded(figure["z_seed"]))).numpy()
    assert np.abs(image - figure["image"]).max() < 1e-4 * figure["image"].std()
    assert np.abs(w - figure["w"]).max() < 1e-4 * figure["w"].std()


@pytest.mark.parametrize(("resolution", "layout"), [(64, "stylegan2_64"), (1024, "stylegan2_1024")])
def test_tensors_have_the_names_and_shapes_of_the_published_checkpoint(golden, resolution, layout) -> None:
    with torch.device("meta"):
        generator = Generator(resolution)
    assert {name: tuple(value.shape) for name, value in generator.state_dict().items()} == golden.shapes(layout)


@pytest.mark.parametrize(("resolution", "styles"), [(64, 10), (256, 14), (1024, 18)])
def test_the_number_of_styles_follows_the_resolution(resolution, styles) -> None:
    with torch.device("meta"):
        assert Generator(resolution).n_styles == styles


@settings(max_examples=10, deadline=None)
@given(height=st.integers(3, 12), width=st.integers(3, 12), seed=st.integers(0, 1000))
def test_blur_and_upsampling_are_the_direct_convolutions(height, width, seed) -> None:
    x = torch.randn(2, 3, height, width, generator=seeded(seed))
    taps = np.array([1, 3, 3, 1]) / 4
    kernel = np.outer(taps, taps)
    blurred = blur(x, fir_kernel(4.0), padding=1).numpy()
    larger = upsample(x, fir_kernel(4.0)).numpy()
    for b, c in np.ndindex(2, 3):
        full = convolve2d(x[b, c].numpy(), kernel, mode="full")
        np.testing.assert_allclose(blurred[b, c], full[2:-2, 2:-2], atol=1e-5)
        zeros = np.zeros((2 * height, 2 * width))
        zeros[::2, ::2] = x[b, c].numpy()
        np.testing.assert_allclose(larger[b, c], convolve2d(zeros, kernel, mode="full")[1:-2, 1:-2], atol=1e-5)


def test_scaled_input_and_demodulated_output_equal_the_papers_scaled_weights() -> None:
    torch.manual_seed(3)
    layer = ModulatedConv2d(5, 7, 3, style_dim=6)
    x, style = torch.randn(4, 5, 8, 8), torch.randn(4, 6)
    for b in range(4):
        scales = style[b] @ layer.modulation.weight.T / math.sqrt(6) + 1
        weight = layer.weight[0] / math.sqrt(5 * 9) * scales[:, None, None]
        weight = weight / weight.square().sum((1, 2, 3), keepdim=True).add(1e-8).sqrt()
        torch.testing.assert_close(layer(x, style)[b], F.conv2d(x[b : b + 1], weight, padding=1)[0])


def test_a_fresh_generator_draws_pictures_of_moderate_range() -> None:
    generator = narrow(64)
    with torch.no_grad():
        image = generator(generator.map(torch.randn(8, 512))[:, None].expand(-1, 10, -1))
    assert image.shape == (8, 3, 64, 64)
    assert 0.1 < image.std() < 5


def test_the_error_reaches_every_weight_of_synthesis_and_the_codes() -> None:
    generator = narrow()
    codes = torch.randn(2, 8, 512, requires_grad=True)
    generator(codes).square().mean().backward()
    still = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert [name for name in still if not name.startswith("style.")] == []
    assert (codes.grad.abs().sum((0, 2)) > 0).all()


def test_noise_is_stored_so_that_pictures_repeat_and_it_can_be_left_out() -> None:
    generator = narrow()
    for layer in (generator.conv1, *generator.convs):
        torch.nn.init.ones_(layer.noise.weight)
    codes = torch.randn(1, 8, 512)
    with torch.no_grad():
        assert torch.equal(generator(codes), generator(codes))
        assert not torch.allclose(generator(codes), generator(codes, noise=False))


def test_a_lower_resolution_is_the_picture_of_the_smaller_generator() -> None:
    large, small = narrow(32), narrow(16)
    names = small.state_dict()
    small.load_state_dict({name: value for name, value in large.state_dict().items() if name in names})
    codes = torch.randn(2, 8, 512)
    with torch.no_grad():
        torch.testing.assert_close(large(codes, resolution=16), small(codes[:, :6]))


def test_bfloat16_autocast_stays_close_to_float32(golden) -> None:
    generator, codes = published(golden), torch.randn(2, 10, 512, generator=seeded(1))
    with torch.no_grad():
        exact = generator(codes)
        with torch.autocast("cpu", torch.bfloat16):
            rough = generator(codes)
    assert rough.dtype == torch.float32 and rough.isfinite().all()
    assert (rough - exact).std() < 0.03 * exact.std()


@pytest.mark.parametrize("resolution", [0, 4, 48, 100])
def test_an_impossible_resolution_is_refused(resolution) -> None:
    with pytest.raises(TalkingError, match=f"{resolution} pixels.*power of two"):
        Generator(resolution)


def test_codes_of_another_backbone_and_impossible_sizes_are_refused() -> None:
    with pytest.raises(TalkingError, match=r"32 pixels: give \(B, 8, 512\)"):
        narrow()(torch.zeros(1, 18, 512))
    with pytest.raises(TalkingError, match="cannot draw 64"):
        narrow()(torch.zeros(1, 8, 512), resolution=64)
