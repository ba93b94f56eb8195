"""PSNR and SSIM against scikit-image, hand-computed cases and what must hold of any picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from talking.metrics.image import psnr, ssim


def video(seed: int, shape: tuple[int, ...] = (3, 40, 32, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def near(frames: np.ndarray, spread: float) -> np.ndarray:
    noise = np.random.default_rng(9).normal(0, spread, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def test_psnr_of_a_constant_offset_is_the_hand_computed_one() -> None:
    target = np.full((2, 8, 8, 3), 100, np.uint8)
    prediction = np.stack([target[0] + 10, target[0] + 255 // 5])
    assert psnr(target, prediction) == pytest.approx([10 * np.log10(255**2 / 100), 10 * np.log10(25)])


def test_psnr_of_opposite_pictures_is_zero_and_of_equal_ones_is_capped() -> None:
    black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    assert psnr(black, white) == pytest.approx([0.0])
    assert psnr(white, white).tolist() == [100.0]


def test_psnr_is_scikit_images() -> None:
    target = video(0)
    prediction = near(target, 12)
    expected = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(target, prediction, strict=True)]
    assert psnr(target, prediction) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("spread", [1, 12, 80])
@pytest.mark.parametrize("shape", [(2, 40, 32, 3), (1, 7, 7, 3), (1, 64, 9, 3)])
def test_ssim_is_scikit_images(spread: float, shape: tuple[int, ...]) -> None:
    target = video(1, shape)
    prediction = near(target, spread)
    expected = [
        structural_similarity(a, b, channel_axis=-1, data_range=255) for a, b in zip(target, prediction, strict=True)
    ]
    assert ssim(target, prediction) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_flat_pictures_is_the_hand_computed_one() -> None:
    target, prediction = np.full((1, 16, 16, 3), 50, np.uint8), np.full((1, 16, 16, 3), 100, np.uint8)
    c1 = 2.55**2
    assert ssim(target, prediction) == pytest.approx([(2 * 50 * 100 + c1) / (50**2 + 100**2 + c1)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_both_are_symmetric_and_best_for_equal_frames(first: int, second: int) -> None:
    a, b = video(first, (1, 12, 12, 3)), video(second, (1, 12, 12, 3))
    for measure in (psnr, ssim):
        assert measure(a, b) == pytest.approx(measure(b, a))
        assert measure(a, b) <= measure(a, a) + 1e-12
    assert ssim(a, a) == pytest.approx([1.0])


def test_videos_that_differ_in_shape_or_kind_are_refused() -> None:
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="must both be"):
            measure(video(0), video(0)[:2])
        with pytest.raises(ValueError, match="must both be"):
            measure(video(0), video(0).astype(np.float32))


def test_frames_under_the_window_are_refused() -> None:
    with pytest.raises(ValueError, match="smaller than SSIM's window"):
        ssim(video(0, (1, 6, 40, 3)), video(0, (1, 6, 40, 3)))
