"""Picture quality of made frames against true ones: PSNR (thesis eq. 5.1, 5.2) and SSIM (eq. 5.3, 5.4)."""

import cv2
import numpy as np

BEST_PSNR = 100.0
WINDOW = 7
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def psnr(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio in dB of each frame, (T,) float64, of videos (T, H, W, 3) uint8.

    The peak is 255. It is infinite for equal frames, which a mean does not survive: capped at 100 dB, where at
    256 pixels no more than one number of the picture differs, by one. Raises ValueError for videos that
    differ in shape.
    """
    _check(target, prediction)
    errors = np.array([_mean_square(a, b) for a, b in zip(target, prediction, strict=True)])
    with np.errstate(divide="ignore"):
        result: np.ndarray = np.minimum(10 * np.log10(255**2 / errors), BEST_PSNR)
        return result


def ssim(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return the mean structural similarity of each frame, (T,) float64, of videos (T, H, W, 3) uint8.

    The number is that of `skimage.metrics.structural_similarity(..., channel_axis=-1, data_range=255)` to 1e-9:
    uniform windows of 7 pixels, sample covariance, C1 = (0.01 * 255)^2 and C2 = (0.03 * 255)^2, the border left out,
    channels averaged. (The thesis prints C1 = 0.0001 and C2 = 0.0003; the usual constants for a range of 1 are 0.01^2
    and 0.03^2, as here.) Raises ValueError for videos that differ in shape or have frames smaller than the window.
    """
    _check(target, prediction)
    if min(target.shape[1:3]) < WINDOW:
        raise ValueError(
            f"frames of {target.shape[1]} x {target.shape[2]} pixels are smaller than SSIM's window of {WINDOW}"
        )
    return np.array([_ssim(a, b) for a, b in zip(target, prediction, strict=True)])


def _check(target: np.ndarray, prediction: np.ndarray) -> None:
    if target.shape != prediction.shape or target.ndim != 4 or target.dtype != np.uint8 or prediction.dtype != np.uint8:
        raise ValueError(
            f"videos must both be (T, H, W, 3) uint8, not {target.shape} {target.dtype}, "
            f"{prediction.shape} {prediction.dtype}"
        )


def _mean_square(target: np.ndarray, prediction: np.ndarray) -> float:
    return cv2.norm(target, prediction, cv2.NORM_L2SQR) / target.size


def _ssim(target: np.ndarray, prediction: np.ndarray) -> float:
    x, y = target.astype(np.float64), prediction.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    covariance = unbiased * (_window_mean(x * y) - product)
    variances = unbiased * (_window_mean(x * x + y * y) - squares)
    similarity = ((2 * product + C1) * (2 * covariance + C2)) / ((squares + C1) * (variances + C2))
    return float(similarity.mean())


def _window_mean(picture: np.ndarray) -> np.ndarray:
    """Means (H - 6, W - 6, 3) over the windows that lie wholly within the picture."""
    half = WINDOW // 2
    return cv2.blur(picture, (WINDOW, WINDOW))[half:-half, half:-half]
