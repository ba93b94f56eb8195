"""The fast generator against the plain one, on the golden weights and on the kept pair."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from talking.models.backbone import Backbone
from talking.models.stylegan2 import Generator
from talking.models.stylegan2_layers import blur, fir_kernel, upsample
from talking.synthesis.fast_generator import FastGenerator, Settings
from talking.synthesis.fast_layers import (
    UPSAMPLINGS,
    enlarge,
    merged_kernel,
    polyphase_kernel,
    sliced_blur,
)

ROOT = Path(__file__).parent.parent.parent
WANTED = {torch.float32: 50.0, torch.bfloat16: 45.0, torch.float16: 45.0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def kept() -> Backbone:
    """The kept pair of the demo, 128 pixels."""
    return Backbone.load(ROOT / "raw" / "backbones" / "demo")


@pytest.fixture(scope="module")
def golden() -> Generator:
    """A generator of 64 pixels, as wide as the published one, filled by the rule of the golden figures."""
    spec = importlib.util.spec_from_file_location("golden_fill", ROOT / "tests" / "golden" / "fill.py")
    assert spec and spec.loader
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    generator = Generator(64)
    generator.load_state_dict(fill.filled("stylegan2_64"), strict=False)
    return generator.eval()


@pytest.fixture(scope="module")
def narrow() -> Generator:
    """A generator of 128 pixels with noise and biases, and few channels."""
    torch.manual_seed(1)
    generator = Generator(128, style_dim=16, n_mlp=1, channel_max=8)
    for layer in (generator.conv1, *generator.convs):
        torch.nn.init.constant_(layer.noise.weight, 0.3)
        torch.nn.init.normal_(layer.activate.bias)
    return generator.eval()


def codes_of(pair: Backbone, count: int) -> torch.Tensor:
    """Codes about the mean latent, as far from it as faces are."""
    draw = torch.randn(count, *pair.latent_avg.shape, generator=torch.Generator().manual_seed(2))
    return pair.latent_avg + 0.3 * draw


@torch.inference_mode()
def psnr(plain: Generator, codes: torch.Tensor, fast_settings: Settings) -> float:
    """Of the fast pictures against the plain ones, both cut to [-1, 1], whose range is 2."""
    made, wanted = FastGenerator(plain, fast_settings)(codes), plain(codes)
    assert made.shape == wanted.shape and made.dtype == torch.float32
    error = (made.clamp(-1, 1) - wanted.clamp(-1, 1)).square().mean().item()
    return 10 * math.log10(4 / max(error, 1e-20))


@pytest.mark.parametrize("dtype", WANTED)
def test_the_kept_pair_draws_the_same_pictures(kept, dtype) -> None:
    assert psnr(kept.generator, codes_of(kept, 2), Settings(dtype)) > WANTED[dtype]


@pytest.mark.parametrize("dtype", WANTED)
def test_published_widths_draw_the_same_pictures(golden, dtype) -> None:
    codes = torch.randn(1, 10, 512, generator=torch.Generator().manual_seed(3))
    assert psnr(golden, codes, Settings(dtype)) > WANTED[dtype]


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize(("channels_last", "joined"), [(True, True), (False, True), (True, False)])
def test_every_setting_draws_the_same_pictures(narrow, upsampling, channels_last, joined) -> None:
    codes = torch.randn(2, 12, 16, generator=torch.Generator().manual_seed(4))
    assert psnr(narrow, codes, Settings(torch.float32, channels_last, upsampling, joined)) > 100


def test_styles_and_weights_out_of_float16s_range_are_drawn(narrow) -> None:
    codes = 3000 * torch.randn(2, 12, 16, generator=torch.Generator().manual_seed(4))
    for layer in narrow.convs:
        layer.conv.weight.data *= 50
    made = FastGenerator(narrow, Settings(torch.float16)).convs[0](narrow.input.input.half(), codes[:, 0])
    wanted = narrow.conv1(narrow.input(2), codes[:, 0], narrow.noises.noise_0)
    assert made.isfinite().all()
    torch.testing.assert_close(made.float(), wanted, rtol=0.01, atol=0.01)
    later = FastGenerator(narrow, Settings(torch.float16)).convs[1](made, codes[:, 1])
    torch.testing.assert_close(
        later.float(), narrow.convs[0](wanted, codes[:, 1], narrow.noises.noise_1), rtol=0.01, atol=0.03
    )


@pytest.mark.parametrize("constant", [range(12), range(5), (0, 3, 11), (11,)])
def test_styles_that_do_not_change_are_computed_once(narrow, constant) -> None:
    codes = torch.randn(3, 12, 16, generator=torch.Generator().manual_seed(5))
    codes[:, list(constant)] = codes[:1, list(constant)]
    fast = FastGenerator(narrow, Settings())
    seen: list[int] = []
    for conv in fast.convs:
        conv.register_forward_hook(lambda _layer, _given, out: seen.append(len(out)))
    with torch.no_grad():
        torch.testing.assert_close(fast(codes, constant), fast(codes), rtol=1e-4, atol=1e-4)
    first = next((i for i in range(11) if i not in constant), 11)
    assert seen[:11] == [1] * first + [3] * (11 - first) and seen[11:] == [3] * 11


@settings(max_examples=10, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 1000))
def test_filters_are_the_plain_modules(height, width, seed) -> None:
    x = torch.randn(2, 3, height + 2, width + 2, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(enlarge(x), upsample(x, fir_kernel(4.0)))
    torch.testing.assert_close(sliced_blur(x), blur(x, fir_kernel(4.0), padding=1))


def test_merged_kernels_are_the_two_filters_one_after_the_other() -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 5, 6, 7, generator=draw), torch.randn(4, 5, 3, 3, generator=draw)
    wanted = blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), fir_kernel(4.0), padding=1)
    merged = F.conv_transpose2d(x, merged_kernel(weight).transpose(0, 1), stride=2, padding=2)
    phases = F.pixel_shuffle(F.conv2d(x, polyphase_kernel(weight), padding=1), 2)
    torch.testing.assert_close(merged, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(phases, wanted, rtol=1e-4, atol=1e-4)
