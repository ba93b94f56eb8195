"""The lips over time, made against true, by one detector: LMD (thesis eq. 5.6), the opening's correlation and slope.

Landmarks are (T, 68, 2) in pixels of the same aligned frames, and the true face is found in all of them. A detector
places its points in any frame, so the made ones are there where it finds no face too: `found` (T,) says in which
frames it does. A frame that it misses counts against the made video, and never less than if the face had been found.
"""

import numpy as np

from talking.faces.landmarks import MOUTH, mouth_opening, outer_eye_distance

# A mouth whose opening varies less than this share of the true one's stands still: of a frozen frame that was encoded
# and decoded, the detector's jitter alone is 2 to 4 %.
STILL = 0.1
FEWEST_FRAMES = 3


def lmd(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> float | None:
    """Return the mean distance in pixels of the 20 mouth points, over points and frames, of landmarks (T, 68, 2).

    Eq. 5.6 with the mean over points that the text describes. It is absolute, as in the paper, so it belongs to
    256-pixel aligned frames. None without a frame.
    """
    return _mean(mouth_distances(target, prediction, found))


def lmd_normalised(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> float | None:
    """Return LMD with each frame's distance divided by that of the true eyes' outer corners: size does not matter."""
    return _mean(mouth_distances(target, prediction, found) / outer_eye_distance(target.astype(np.float64)))


def mouth_distances(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the mean distance in pixels of the mouth points for each frame, (T,).

    A frame without a face counts as the largest of these: that of the points that the detector placed in it, the
    largest of the frames in which it found a face, and the largest between the true mouths of any two frames.
    """
    _check(target, prediction, found)
    mouths = target[:, MOUTH].astype(np.float64)  # (T, 20, 2)
    distances = _apart(mouths, prediction[:, MOUTH])
    if found.all():
        return distances
    farthest = max(float(_apart(mouths, mouth).max()) for mouth in mouths)
    return np.where(found, distances, np.maximum(distances, max(farthest, distances[found].max(initial=0.0))))


def mouth_correlation(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> float | None:
    """Return Pearson's correlation over time of the inner lips' opening in one clip, from landmarks (T, 68, 2).

    0.0 when either mouth stands still (a constant series, or under a tenth of the true one's variation): such a video
    says nothing, and the correlation of the detector's jitter would be chance. Where frames have no face, the lower of
    two readings: of the points as they were placed, and with the mean opening of the other frames in those. None with
    fewer than three frames.
    """
    a, readings = _openings(target, prediction, found)
    if len(a) < FEWEST_FRAMES:
        return None
    return min(_correlation(a, b) for b in readings)


def opening_slope(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> float | None:
    """Return the slope of the least-squares line of the made opening over the true one in one clip.

    1 is full movement, less is a mouth that moves too little. 0.0 when the true mouth stands still; None with fewer
    than three frames. Where frames have no face, the one farther from 1 of the readings of `mouth_correlation`.
    """
    a, readings = _openings(target, prediction, found)
    if len(a) < FEWEST_FRAMES:
        return None
    return max((_slope(a, b) for b in readings), key=lambda slope: abs(slope - 1))


def _openings(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The true openings (T,), and the made ones in one reading, or in two where frames have no face."""
    _check(target, prediction, found)
    a, b = (mouth_opening(landmarks.astype(np.float64)) for landmarks in (target, prediction))
    if found.all():
        return a, [b]
    return a, [b, np.where(found, b, b[found].mean() if found.any() else 0.0)]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if _constant(a) or _constant(b) or b.std() < STILL * a.std():
        return 0.0
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))


def _slope(a: np.ndarray, b: np.ndarray) -> float:
    if _constant(a):
        return 0.0
    a = a - a.mean()
    return float((a @ (b - b.mean())) / (a @ a))


def _apart(mouths: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mean distances (T,) between the points of mouths (T, 20, 2) and of others, or of one other."""
    result: np.ndarray = np.linalg.norm(mouths - others, axis=-1).mean(axis=-1)
    return result


def _constant(series: np.ndarray) -> bool:
    return bool(np.ptp(series) <= 1e-9 * max(1.0, float(np.abs(series).max())))


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _check(target: np.ndarray, prediction: np.ndarray, found: np.ndarray) -> None:
    if target.shape != prediction.shape or target.shape[1:] != (68, 2):
        raise ValueError(f"landmarks must both be (T, 68, 2), not {target.shape} and {prediction.shape}")
    if found.shape != target.shape[:1]:
        raise ValueError(f"{len(target)} frames need as many marks of found faces, not {found.shape}")
