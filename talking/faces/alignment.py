"""The FFHQ alignment: the quad that 68 landmarks span, and the crop that it cuts from a frame.

The rule is that of the FFHQ data set (Karras et al., "A Style-Based Generator Architecture for GANs", 2019), with the
transform size equal to the crop's. Coordinates are pixels, whole numbers at pixel centres.
"""

import math

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from talking.core.errors import TalkingError
from talking.faces.landmarks import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE

# Shares of the quad's side: what is kept around it, what is grown where it leaves the picture, and the blur there.
BORDER, GROWTH, BLUR = 0.1, 0.3, 0.02
# Width of the low-pass before sampling; 0.4 comes nearest to sampling four times as finely and averaging.
SOFTNESS = 0.4


def ffhq_quad(landmarks: np.ndarray) -> np.ndarray:
    """Return the quad (..., 4, 2) float32 of landmarks (..., 68, 2): a square, tilted with the face.

    Its half side is the longer of 2 eye distances and 1.8 eye-to-mouth distances; its centre stands a tenth of the way
    from the eyes to the mouth. Raises TalkingError when the points span no face.
    """
    points = np.asarray(landmarks, np.float64)
    left, right = points[..., RIGHT_EYE, :].mean(-2), points[..., LEFT_EYE, :].mean(-2)
    eyes, across = (left + right) / 2, right - left
    down = points[..., MOUTH_CORNERS, :].mean(-2) - eyes
    x = across + np.stack([down[..., 1], -down[..., 0]], -1)
    length, reach = _norm(x), np.maximum(2.0 * _norm(across), 1.8 * _norm(down))
    if not np.all(length > 1e-6):
        raise TalkingError("the landmarks span no face: eyes and mouth lie on one point; leave the frame out")
    x = x * (reach / length)[..., None]
    y = np.stack([-x[..., 1], x[..., 0]], -1)
    centre = eyes + 0.1 * down
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y], -2).astype(np.float32)


def crop(frame: np.ndarray, quad: np.ndarray, size: int) -> np.ndarray:
    """Cut the square that `quad` (4, 2) marks in `frame` uint8 (H, W, 3) and return it as uint8 (size, size, 3).

    Where the quad leaves the picture, the picture is continued as its mirror image, fading into blur and then into its
    median colour, as FFHQ does. A frame finer than the crop is low-passed first. Raises TalkingError when the quad has
    no size or does not touch the picture.
    """
    corners = np.asarray(quad, np.float64)
    side = float(_norm(corners[3] - corners[0]))
    if not math.isfinite(side) or side < 1.0:
        raise TalkingError(f"a quad with a side of {side:.3g} pixels cannot be cut; leave the frame out")
    picture, corners, leaves = _surroundings(frame, corners, side)
    picture, corners = _shrink(picture, corners, int(side / size))
    if leaves:
        picture, corners = _grow(picture, corners)
    picture = _soften(picture, float(_norm(corners[3] - corners[0])) / size)
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        picture, crop_to_frame(corners, size), (size, size), flags=inverse, borderMode=cv2.BORDER_REPLICATE
    )


def smooth_quads(quads: np.ndarray, sigma_frames: float) -> np.ndarray:
    """Smooth quads (T, 4, 2) over time by a Gaussian of `sigma_frames`; 0 leaves them alone, as the paper does."""
    reach = smoothing_reach(sigma_frames)
    steady = np.asarray(quads, np.float32)
    if reach == 0:
        return steady
    smooth = gaussian_filter1d(steady.astype(np.float64), sigma_frames, axis=0, mode="nearest", radius=reach)
    result: np.ndarray = smooth.astype(np.float32)
    return result


def smoothing_reach(sigma_frames: float) -> int:
    """Return how many frames before and after its own a smoothed quad depends on."""
    if not 0 <= sigma_frames < math.inf:
        raise TalkingError(f"the smoothing of quads is {sigma_frames} frames; it must be 0 or more")
    return math.ceil(3 * sigma_frames)


def to_crop(points: np.ndarray, quad: np.ndarray, size: int) -> np.ndarray:
    """Map points (..., N, 2) of the frame to pixels of the crop that `quad` (..., 4, 2) cuts; leading axes agree."""
    matrix = crop_to_frame(quad, size)
    moved = np.asarray(points, np.float64) - matrix[..., None, :, 2]
    result: np.ndarray = np.einsum("...ij,...nj->...ni", np.linalg.inv(matrix[..., :2]), moved).astype(np.float32)
    return result


def _norm(vectors: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.hypot(vectors[..., 0], vectors[..., 1])
    return result


def crop_to_frame(quad: np.ndarray, size: int) -> np.ndarray:
    """Return the affine map (..., 2, 3) from pixel centres of the crop, whose outline is the quad, to the frame."""
    corners = np.asarray(quad, np.float64)
    right, down = (corners[..., 3, :] - corners[..., 0, :]) / size, (corners[..., 1, :] - corners[..., 0, :]) / size
    return np.stack([right, down, corners[..., 0, :] + (right + down) / 2], -1)


def _surroundings(frame: np.ndarray, corners: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the part of the frame around the quad, the corners in it, and whether the quad leaves it."""
    height, width = frame.shape[:2]
    border = max(round(side * BORDER), 3)
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    left, top = np.maximum(low - border, 0)
    right, bottom = np.minimum(high + border, (width, height))
    if right - left < 2 or bottom - top < 2:
        raise TalkingError(f"the quad lies outside the frame of {width}x{height} pixels; leave the frame out")
    missing = max(*(border - low), *(high + border - (width, height)))
    return frame[top:bottom, left:right], corners - (left, top), bool(missing > border - 4)


def _shrink(picture: np.ndarray, corners: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    if factor < 2:
        return picture, corners
    height, width = picture.shape[:2]
    small = (max(width // factor, 2), max(height // factor, 2))
    scale = np.array(small) / (width, height)
    return cv2.resize(picture, small, interpolation=cv2.INTER_AREA), (corners + 0.5) * scale - 0.5


def _grow(picture: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Continue the picture beyond its edges by its mirror image, feathered into blur and into its median colour."""
    height, width = picture.shape[:2]
    side = float(_norm(corners[3] - corners[0]))
    border = max(round(side * BORDER), 3)
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    least = round(side * GROWTH)
    left, top = np.maximum(np.maximum(border - low, 0), least).tolist()
    right, bottom = np.maximum(np.maximum(high + border - (width, height), 0), least).tolist()
    grown = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    outness = np.maximum(_ramp(top, height, bottom)[:, None], _ramp(left, width, right)[None, :])
    grown = _blend(grown, _blur(grown, side * BLUR), outness * 3 + 1)
    # Only what the quad covers is seen, so only that is blended with the median.
    offset = np.array([left, top])
    start, end = np.maximum(low + offset - 2, 0), high + offset + 3
    seen = np.s_[start[1] : end[1], start[0] : end[0]]
    over = np.full_like(grown[seen], _median(grown))
    return _blend(grown[seen], over, outness[seen]), corners + (offset - start)


def _ramp(before: int, inside: int, after: int) -> np.ndarray:
    """Return float32 over one axis: 1 at the grown picture's ends, 0 where the picture begins, negative within."""
    steps = np.arange(before + inside + after, dtype=np.float32)
    return 1 - np.minimum(steps / before, steps[::-1] / after)


def _blend(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    weight = np.clip(share, 0, 1, dtype=np.float32)
    return cv2.blendLinear(over, under, weight, 1 - weight)


def _blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a Gaussian; a wide one at half the resolution, which cannot be told apart and costs a quarter."""
    if sigma < 2.5:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    height, width = picture.shape[:2]
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(half, (0, 0), sigma / 2), (width, height), interpolation=cv2.INTER_LINEAR)


def _median(picture: np.ndarray) -> list[int]:
    """Return the median colour; by counting, since sorting a frame costs more than all the rest."""
    counts = [cv2.calcHist([picture], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return [
        int(np.searchsorted(np.cumsum(count, dtype=np.float64), count.sum(dtype=np.float64) / 2)) for count in counts
    ]


def _soften(picture: np.ndarray, scale: float) -> np.ndarray:
    """Low-pass a picture that is `scale` times finer than the crop, so that its detail does not alias."""
    if scale <= 1.05:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), SOFTNESS * math.sqrt(scale**2 - 1))
