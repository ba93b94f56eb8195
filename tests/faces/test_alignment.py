"""The FFHQ quad and crop against the published script's picture, its rule written out anew, and hand-computed cases."""

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve1d, gaussian_filter

from talking.core.errors import TalkingError
from talking.faces.alignment import crop, crop_to_frame, ffhq_quad, smooth_quads, smoothing_reach, to_crop


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


def level_face() -> np.ndarray:
    """Eyes 20 apart at height 50, the mouth 30 below them."""
    points = np.full((68, 2), 50.0)
    points[36:42, 0], points[42:48, 0] = 40, 60
    points[48], points[54] = (45, 80), (55, 80)
    return points


def slow_crop(frame: np.ndarray, quad: np.ndarray, size: int, sampled: int) -> np.ndarray:
    """The published steps (crop, mirror and feather, PIL's quad transform) plainly, but for the integer shrinking."""
    corners, side = quad.astype(float), float(np.hypot(*(quad[3] - quad[0])))
    border = max(int(np.rint(side * 0.1)), 3)
    low, high = np.floor(corners.min(0)).astype(int) - border, np.ceil(corners.max(0)).astype(int) + border
    shape = np.array(frame.shape[1::-1])
    start, end = np.maximum(low, 0), np.minimum(high, shape)
    picture, corners = frame[start[1] : end[1], start[0] : end[0]].astype(np.float32), corners - start
    before, after = np.maximum(-low, 0), np.maximum(high - shape, 0)
    if max(*before, *after) > border - 4:
        before, after = (np.maximum(pad, int(np.rint(side * 0.3))) for pad in (before, after))
        picture = np.pad(picture, ((before[1], after[1]), (before[0], after[0]), (0, 0)), "reflect")
        y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
        height, width = picture.shape[:2]
        edge = np.minimum.reduce(
            [x / before[0], (width - 1 - x) / after[0], y / before[1], (height - 1 - y) / after[1]]
        )
        mask = (1 - edge)[..., None]
        blurred = gaussian_filter(picture, [side * 0.02, side * 0.02, 0])
        picture = picture + (blurred - picture) * np.clip(3 * mask + 1, 0, 1)
        picture = picture + (np.median(picture, axis=(0, 1)) - picture) * np.clip(mask, 0, 1)
        corners = corners + before
    image = PIL.Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    data = tuple((corners + 0.5).ravel().tolist())
    image = image.transform((sampled, sampled), PIL.Image.Transform.QUAD, data, PIL.Image.Resampling.BILINEAR)
    return np.asarray(image.resize((size, size), PIL.Image.Resampling.LANCZOS))


def test_the_crop_is_the_published_one(
    astronaut: np.ndarray, astronaut_landmarks: np.ndarray, astronaut_crop: np.ndarray
) -> None:
    made = crop(astronaut, ffhq_quad(astronaut_landmarks), 256)
    assert made.dtype == np.uint8
    assert made.shape == (256, 256, 3)
    assert psnr(made, astronaut_crop) > 48


@pytest.mark.parametrize("shift", [(0, -40), (-200, 0), (150, -80), (0, -120), (-190, -60), (60, 330)])
def test_a_quad_that_leaves_the_picture_is_continued_as_published(
    shift: tuple[int, int], astronaut: np.ndarray, astronaut_landmarks: np.ndarray
) -> None:
    quad = ffhq_quad(astronaut_landmarks + shift)
    assert psnr(crop(astronaut, quad, 256), slow_crop(astronaut, quad, 256, 256)) > 45


def test_a_quad_near_the_edge_but_inside_is_not_feathered(astronaut: np.ndarray) -> None:
    quad = np.array([[8, 8], [8, 107], [107, 107], [107, 8]], np.float32)
    assert psnr(crop(astronaut, quad, 128), slow_crop(astronaut, quad, 128, 128)) > 45


@pytest.mark.parametrize("size", [64, 96, 128])
def test_a_frame_finer_than_the_crop_is_sampled_as_if_four_times_as_densely(
    size: int, astronaut: np.ndarray, astronaut_landmarks: np.ndarray
) -> None:
    quad = ffhq_quad(astronaut_landmarks)
    assert psnr(crop(astronaut, quad, size), slow_crop(astronaut, quad, size, 4 * 256)) > 35


@pytest.mark.parametrize("size", [32, 64, 96, 128])
def test_noise_finer_than_the_crop_does_not_alias(size: int, astronaut_landmarks: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    quad = ffhq_quad(astronaut_landmarks)
    true, aliased = slow_crop(noise, quad, size, 4 * 256), slow_crop(noise, quad, size, size)
    assert psnr(crop(noise, quad, size), true) > psnr(aliased, true) + 1


def test_the_quad_of_a_level_face_is_as_computed_by_hand() -> None:
    # 1.8 x 30 = 54 exceeds 2 x 20 = 40; the centre is (50, 50 + 3).
    expected = [[-4, -1], [-4, 107], [104, 107], [104, -1]]
    quad = ffhq_quad(level_face())
    assert quad.dtype == np.float32
    np.testing.assert_allclose(quad, expected, atol=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_the_quad_follows_the_published_formula(seed: int) -> None:
    """The formula again, in complex numbers: turning by a quarter is multiplying by i."""
    points = np.random.default_rng(seed).uniform(0, 300, (68, 2))
    z = points[:, 0] + 1j * points[:, 1]
    left, right, mouth = z[36:42].mean(), z[42:48].mean(), (z[48] + z[54]) / 2
    across, down = right - left, mouth - (left + right) / 2
    direction = across - 1j * down
    if abs(direction) < 1:
        return
    x = direction / abs(direction) * max(2 * abs(across), 1.8 * abs(down))
    centre = (left + right) / 2 + 0.1 * down
    expected = np.array([centre - x - 1j * x, centre - x + 1j * x, centre + x + 1j * x, centre + x - 1j * x])
    np.testing.assert_allclose(ffhq_quad(points), np.stack([expected.real, expected.imag], -1), atol=1e-2)


def test_quads_of_a_whole_clip_are_those_of_its_frames(astronaut_landmarks: np.ndarray) -> None:
    clip = np.stack([astronaut_landmarks, astronaut_landmarks * 1.5 + 7, level_face()])
    np.testing.assert_array_equal(ffhq_quad(clip), [ffhq_quad(points) for points in clip])


quads = st.tuples(
    st.floats(-300, 300), st.floats(-300, 300), st.floats(5, 400), st.floats(0, 6.28), st.integers(16, 512)
)


@given(quads, st.integers(0, 1000))
def test_mapping_to_the_crop_undoes_the_map_from_it(square: tuple[float, float, float, float, int], seed: int) -> None:
    x, y, half, angle, size = square
    arms = half * np.exp(1j * (angle + np.pi * np.array([-0.75, 0.75, 0.25, -0.25])))
    quad = np.stack([x + arms.real, y + arms.imag], -1)
    points = np.random.default_rng(seed).uniform(-50, 400, (68, 2))
    matrix = crop_to_frame(quad, size)
    in_frame = [matrix[:, :2] @ point + matrix[:, 2] for point in points]
    np.testing.assert_allclose(to_crop(in_frame, quad, size), points, atol=1e-2)
    corners = to_crop(quad, quad, size)
    np.testing.assert_allclose(corners, np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * size - 0.5, atol=1e-2)


def test_a_mark_in_the_frame_lands_in_the_crop_where_to_crop_says(astronaut_landmarks: np.ndarray) -> None:
    quad, mark = ffhq_quad(astronaut_landmarks), np.array([[230.0, 110.0]])
    frame = np.zeros((512, 512, 3), np.uint8)
    frame[109:112, 229:232] = 255
    weight = crop(frame, quad, 256)[..., 0].astype(float)
    y, x = np.mgrid[:256, :256]
    centre = [(weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()]
    np.testing.assert_allclose(centre, to_crop(mark, quad, 256)[0], atol=0.05)


def test_leading_axes_of_points_and_quads_go_together(astronaut_landmarks: np.ndarray) -> None:
    clip = np.stack([astronaut_landmarks, astronaut_landmarks + 5])
    both = to_crop(clip, ffhq_quad(clip), 256)
    assert both.shape == (2, 68, 2)
    np.testing.assert_allclose(both[0], both[1], atol=1e-2)


def test_smoothing_by_nothing_leaves_quads_alone() -> None:
    jumpy = np.random.default_rng(0).normal(size=(9, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(smooth_quads(jumpy, 0), jumpy)


def test_smoothing_is_a_gaussian_over_time() -> None:
    jumpy = np.random.default_rng(0).normal(size=(30, 4, 2)).astype(np.float32)
    reach = smoothing_reach(1.5)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * 1.5**2))
    expected = convolve1d(jumpy, weights / weights.sum(), axis=0, mode="nearest")
    smooth = smooth_quads(jumpy, 1.5)
    assert smooth.dtype == np.float32
    np.testing.assert_allclose(smooth, expected, atol=1e-5)


def test_a_negative_smoothing_is_refused() -> None:
    with pytest.raises(TalkingError, match="smoothing of quads is -1"):
        smooth_quads(np.zeros((3, 4, 2)), -1)


def test_landmarks_on_one_point_are_refused() -> None:
    with pytest.raises(TalkingError, match="span no face"):
        ffhq_quad(np.full((68, 2), 7.0))


@pytest.mark.parametrize("offset", [np.nan, 5000.0])
def test_a_quad_that_misses_the_picture_is_refused(offset: float, astronaut: np.ndarray) -> None:
    with pytest.raises(TalkingError, match="leave the frame out"):
        crop(astronaut, ffhq_quad(level_face()) + np.float32(offset), 64)
