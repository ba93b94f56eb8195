"""The lips over time, made against true, by one finder: LMD (thesis eq. 5.6), the opening's correlation and slope.

Landmarks are (T, 68, 2) in pixels of the same aligned frames. A frame in which no face was found has NaN landmarks;
such frames are left out here, and counted by `missed_frames`, so that a table can say how many there were.
"""

import numpy as np

from talking.faces.landmarks import MOUTH, mouth_opening, outer_eye_distance

# A mouth whose opening varies less than this share of the true one's stands still: of a frozen frame that was encoded
# and decoded, the finder's jitter alone is 2 to 4 %.
STILL = 0.1
FEWEST_FRAMES = 3


def missed_frames(landmarks: np.ndarray) -> int:
    """Return in how many frames of landmarks (T, 68, 2) no face was found."""
    return int(np.count_nonzero(~_found(landmarks)))


def lmd(true: np.ndarray, made: np.ndarray) -> float | None:
    """Return the mean distance in pixels of the 20 mouth points, over points and frames, of landmarks (T, 68, 2).

    Eq. 5.6 with the mean over points that the text describes. It is absolute, as in the paper, so it belongs to
    256-pixel aligned frames. None when no frame has a face in both.
    """
    return _mean(mouth_distances(true, made))


def lmd_normalised(true: np.ndarray, made: np.ndarray) -> float | None:
    """Return LMD with each frame's distance divided by that of the true eyes' outer corners: size does not matter."""
    both = _found(true) & _found(made)
    return _mean(mouth_distances(true, made) / outer_eye_distance(true[both].astype(np.float64)))


def mouth_distances(true: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Return the mean distance in pixels of the mouth points for each frame with a face in both, (at most T,)."""
    _check(true, made)
    both = _found(true) & _found(made)
    difference = true[both][:, MOUTH].astype(np.float64) - made[both][:, MOUTH]  # (F, 20, 2)
    return np.linalg.norm(difference, axis=-1).mean(axis=-1)


def mouth_correlation(true: np.ndarray, made: np.ndarray) -> float | None:
    """Return Pearson's correlation over time of the inner lips' opening in one clip, from landmarks (T, 68, 2).

    0.0 when either mouth stands still (a constant series, or under a tenth of the true one's variation): such a video
    says nothing, and the correlation of the finder's jitter would be chance. None with fewer than three frames with a
    face in both.
    """
    a, b = _openings(true, made)
    if len(a) < FEWEST_FRAMES:
        return None
    if _constant(a) or _constant(b) or b.std() < STILL * a.std():
        return 0.0
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))


def opening_slope(true: np.ndarray, made: np.ndarray) -> float | None:
    """Return the slope of the least-squares line of the made opening over the true one in one clip.

    1 is full movement, less is a mouth that moves too little. 0.0 when the true mouth stands still; None with fewer
    than three frames with a face in both.
    """
    a, b = _openings(true, made)
    if len(a) < FEWEST_FRAMES:
        return None
    if _constant(a):
        return 0.0
    a = a - a.mean()
    return float((a @ (b - b.mean())) / (a @ a))


def _openings(true: np.ndarray, made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Openings (F,) of the frames with a face in both."""
    _check(true, made)
    both = _found(true) & _found(made)
    return mouth_opening(true[both].astype(np.float64)), mouth_opening(made[both].astype(np.float64))


def _constant(series: np.ndarray) -> bool:
    return bool(np.ptp(series) <= 1e-9 * max(1.0, float(np.abs(series).max())))


def _found(landmarks: np.ndarray) -> np.ndarray:
    return np.isfinite(landmarks).all(axis=(1, 2))


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _check(true: np.ndarray, made: np.ndarray) -> None:
    if true.shape != made.shape or true.shape[1:] != (68, 2):
        raise ValueError(f"landmarks must both be (T, 68, 2), not {true.shape} and {made.shape}")
