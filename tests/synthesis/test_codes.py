"""Frames to codes and back: ranges, batches, sizes."""

import copy

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from talking.core.accelerators import best_device
from talking.media.pixels import to_frames, to_tensor
from talking.media.resizing import resize_frames
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.synthesis.codes import invert_frames, synthesise_frames

DEVICE = torch.get_default_device()


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    generator = Generator(32, style_dim=8, n_mlp=1, channel_max=8)
    return Backbone(generator, ResNetEncoder(8, 8, width=4, stem="small"), torch.randn(8, 8)).eval()


def psnr(made: np.ndarray, wanted: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(np.square(made.astype(float) - wanted).mean(), 1e-9))


def pictures(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.just(3))))
def test_frames_come_back_exactly(frames) -> None:
    tensor = to_tensor(frames, DEVICE)
    assert tensor.shape == (len(frames), 3, *frames.shape[1:3]) and tensor.dtype == torch.float32
    assert np.array_equal(to_frames(tensor), frames)


def test_black_is_minus_one_white_is_one_and_colours_keep_their_places() -> None:
    frames = np.array([[[[0, 255, 51]]]], np.uint8)
    torch.testing.assert_close(to_tensor(frames, DEVICE).flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_what_is_out_of_range_is_cut_off_and_half_precision_is_taken() -> None:
    drawn = torch.tensor([-3.0, 0.0, 7.0]).reshape(1, 3, 1, 1)
    assert to_frames(drawn).tolist() == [[[[0, 128, 255]]]]
    assert to_frames(drawn.bfloat16()).tolist() == [[[[0, 128, 255]]]]


def test_frames_that_are_turned_views_are_taken() -> None:
    frames = pictures(2)
    assert torch.equal(to_tensor(frames[:, :, ::-1], DEVICE), to_tensor(frames, DEVICE).flip(3))


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_batches_do_not_change_codes(backbone, batch) -> None:
    crops = pictures(5)
    codes = invert_frames(backbone, crops, batch)
    assert codes.shape == (5, 8, 8) and codes.dtype == np.float32
    with torch.no_grad():
        wanted = backbone.invert(to_tensor(crops, DEVICE)).numpy()
    np.testing.assert_allclose(invert_frames(backbone, crops, batch, exact=True), wanted, atol=1e-4)
    distance = np.linalg.norm(wanted - backbone.latent_avg.numpy())
    assert np.linalg.norm(codes - wanted) < 0.02 * distance


def test_the_same_crops_and_codes_give_the_same_bytes(backbone) -> None:
    crops, codes = pictures(5), np.random.default_rng(1).normal(size=(5, 8, 8)).astype(np.float32)
    assert np.array_equal(invert_frames(backbone, crops), invert_frames(backbone, crops))
    made = [synthesise_frames(backbone.generator, codes, 32) for _ in range(2)]
    assert np.array_equal(*made)


def test_a_generator_that_was_changed_draws_what_it_is_now(backbone) -> None:
    codes = np.random.default_rng(1).normal(size=(2, 8, 8)).astype(np.float32)
    generator = copy.deepcopy(backbone.generator)
    before = synthesise_frames(generator, codes, 32)
    generator.load_state_dict({name: 0 * value for name, value in generator.state_dict().items()})
    assert before.std() > 0 and (synthesise_frames(generator, codes, 32) == 128).all()


def test_another_network_draws_by_itself() -> None:
    grey = torch.nn.ConvTranspose2d(1, 3, 4, stride=4)
    torch.nn.init.zeros_(grey.weight)
    torch.nn.init.ones_(grey.bias)
    assert (synthesise_frames(grey, np.zeros((3, 1, 2, 2), np.float16), 8, batch=2) == 255).all()


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_batches_do_not_change_frames(backbone, batch) -> None:
    codes = np.random.default_rng(1).normal(size=(5, 8, 8)).astype(np.float32)
    made = synthesise_frames(backbone.generator, codes, 32, batch)
    assert made.shape == (5, 32, 32, 3) and made.dtype == np.uint8
    with torch.no_grad():
        wanted = to_frames(backbone.generator(torch.from_numpy(codes)))
    assert psnr(made, wanted) > 45


def test_codes_of_half_precision_are_drawn_at_another_size(backbone) -> None:
    codes = np.random.default_rng(1).normal(size=(2, 8, 8)).astype(np.float16)
    whole = synthesise_frames(backbone.generator, codes, 32)
    assert np.array_equal(synthesise_frames(backbone.generator, codes, 48), resize_frames(whole, 48))
    assert np.array_equal(synthesise_frames(backbone.generator, codes, 16), resize_frames(whole, 16))


def test_frames_are_shrunk_by_area_and_enlarged_by_a_cubic_spline() -> None:
    frames = pictures(2, 8)
    halved = resize_frames(frames, 4)
    wanted = frames.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    assert np.abs(halved - wanted).max() <= 0.5 + 1e-9
    assert np.array_equal(resize_frames(frames, 12)[1], cv2.resize(frames[1], (12, 12), interpolation=cv2.INTER_CUBIC))
    assert resize_frames(frames, 8) is frames


def test_the_device_is_the_accelerator_where_there_is_one() -> None:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    assert best_device().type == (accelerator or torch.get_default_device()).type
