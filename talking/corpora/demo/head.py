"""The head of a drawn face as a height field: an outline with cheekbones and jaw, lofted, with the relief of a face."""

import cv2
import numpy as np

from talking.corpora.demo.identity import Identity

# Half of the outline from the crown to the chin; below the ears the mean of dlib's jaw points over GRID's speakers.
_OUTLINE = np.array(
    [
        (0.00, -1.400), (0.30, -1.345), (0.55, -1.180), (0.71, -0.900), (0.770, -0.550), (0.790, -0.200),
        (0.790, 0.050), (0.775, 0.260), (0.748, 0.480), (0.712, 0.700), (0.650, 0.900), (0.545, 1.085),
        (0.395, 1.240), (0.210, 1.360), (0.00, 1.400),
    ]
)  # fmt: skip
_CHEEK = np.array([0, 0, 0, 0, 0.2, 0.6, 0.9, 1.0, 0.7, 0.3, 0, 0, 0, 0, 0])
_JAW = np.array([0, 0, 0, 0, 0, 0, 0, 0.1, 0.4, 0.8, 1.0, 0.9, 0.5, 0.1, 0])
_CHIN = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.4, 0.9, 1.0, 0])


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, a cubic between; `low` may be the larger, which turns it round."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], width: tuple[float, float]) -> np.ndarray:
    """A Gaussian of height 1, mirrored at x = 0."""
    result: np.ndarray = np.exp(-(((np.abs(x) - centre[0]) / width[0]) ** 2) - ((y - centre[1]) / width[1]) ** 2)
    return result


def spline(points: np.ndarray, count: int) -> np.ndarray:
    """A Catmull-Rom curve through (K, 2) points, sampled evenly in its parameter as (count, 2)."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, len(points) - 1, count)
    i = np.minimum(t.astype(int), len(points) - 2)
    u = (t - i)[:, None]
    p0, p1, p2, p3 = padded[i], padded[i + 1], padded[i + 2], padded[i + 3]
    cubic = -p0 + 3 * p1 - 3 * p2 + p3
    result: np.ndarray = 0.5 * (2 * p1 + (p2 - p0) * u + (2 * p0 - 5 * p1 + 4 * p2 - p3) * u**2 + cubic * u**3)
    return result


def outline(identity: Identity, grow: float = 0.0) -> np.ndarray:
    """The right half of the contour from crown to chin, (K, 2), `grow` units outside the skull above the ears."""
    points = _OUTLINE.copy()
    points[:, 0] *= identity.face_width
    points[:, 0] += _CHEEK * identity.cheek_width + _JAW * identity.jaw_width + _CHIN * identity.chin_width
    points[:4, 1] *= identity.head_top / 1.4
    lower = points[:, 1] > 0.3
    points[lower, 1] = 0.3 + (points[lower, 1] - 0.3) * (identity.chin_length - 0.3) / 1.1
    full = np.vstack([points[1] * (-1, 1), points, points[-2] * (-1, 1)])
    curve = spline(full, 18 * len(full))
    curve = curve[(np.arange(len(curve)) >= 18) & (curve[:, 0] >= -1e-6)]
    return curve + grow * _away(curve) if grow else curve


def _away(curve: np.ndarray) -> np.ndarray:
    direction = curve / np.linalg.norm(curve, axis=1, keepdims=True)
    result: np.ndarray = direction * smoothstep(0.35, -0.35, curve[:, 1])[:, None]
    return result


def half_width(identity: Identity, y: np.ndarray, grow: float = 0.0) -> np.ndarray:
    """Half the width of the head at heights y; 0 above the crown and below the chin."""
    curve = outline(identity, grow)
    result: np.ndarray = np.interp(y, curve[:, 1], curve[:, 0], left=0.0, right=0.0)
    return result


def dome(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The smooth skull: every row a superellipse between the two sides of the outline. Same shape as x and y."""
    rows, step = y[:, 0], float(y[1, 0] - y[0, 0])
    width = np.maximum(half_width(identity, rows), 1e-3)[:, None]
    top, chin = identity.head_top, identity.chin_length
    places = [-top, -top + 0.08, -top + 0.25, -0.8, -0.35, 0.0, 0.5, 0.9, chin - 0.17, chin - 0.06, chin]
    depth = np.interp(rows, places, [0.1, 0.42, 0.70, 0.92, 1.0, 0.99, 0.98, 0.97, 0.95, 0.87, 0.72])
    depth = cv2.GaussianBlur(depth[:, None], (1, 2 * int(0.12 / step) + 1), 1, sigmaY=0.05 / step)[:, 0]
    inside = np.clip(1 - np.abs(x / width) ** identity.roundness, 0, 1)
    result: np.ndarray = depth[:, None].astype(np.float32) * np.sqrt(inside)
    return result


def nose(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A rounded ridge, a ball and two wings; the underside is soft, or a detector takes it for a mouth."""
    tip = identity.nose_length - 0.125
    places = [-0.22, -0.05, 0.1, tip - 0.12, tip, tip + 0.05, tip + 0.12, tip + 0.19]
    rise = np.interp(y[:, 0], places, [0, 0.05, 0.10, 0.175, 0.20, 0.18, 0.075, 0])[:, None]
    spread = np.interp(y[:, 0], places, [0.16, 0.10, 0.095, 0.105, 0.115, 0.115, 0.13, 0.15])[:, None]
    ridge = rise * np.exp(-(np.abs(x / spread) ** 2.0))
    ball = 0.085 * bump(x, y, (0, tip + 0.005), (0.095, 0.085))
    wings = 0.11 * bump(x, y, (identity.nose_width - 0.048, tip + 0.055), (0.055, 0.058))
    result: np.ndarray = identity.nose_height * (ridge + ball + wings)
    return result


def relief(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the face adds to the skull: sockets, brow ridge, cheekbones, muzzle, chin and the folds between."""
    strong = 0.6 if identity.feminine else 1.0
    my, chin = identity.mouth_y, identity.chin_length
    h = -0.105 * bump(x, y, (0.33, 0.0), (0.20, 0.115)) + 0.055 * bump(x, y, (0.36, 0.005), (0.13, 0.085))
    h += 0.045 * strong * bump(x, y, (0.34, identity.brow_y + 0.03), (0.22, 0.07))
    h += 0.055 * bump(x, y, (0.50, 0.36), (0.19, 0.16)) - 0.035 * bump(x, y, (0.56, 0.80), (0.16, 0.2))
    h += 0.075 * bump(x, y, (0, my), (0.30, 0.17)) - 0.005 * bump(x, y, (0, my - 0.18), (0.028, 0.07))
    h += 0.003 * bump(x, y, (0.052, my - 0.18), (0.026, 0.08))
    h -= 0.040 * bump(x, y, (0, my + 0.205), (0.17, 0.045))
    h += (0.05 + 0.02 * strong) * bump(x, y, (0, chin - 0.17), (0.17, 0.12))
    result: np.ndarray = h - _laugh_lines(identity, x, y) + nose(identity, x, y)
    return result


def _laugh_lines(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The fold from the wing of the nose to beside the mouth, fading at both ends, deeper with age."""
    start, end = identity.nose_length - 0.08, identity.mouth_y + 0.05
    t = (y - start) / (end - start)
    line = identity.nose_width + 0.035 + 0.15 * t
    fade = smoothstep(-0.1, 0.3, t) * smoothstep(1.2, 0.6, t)
    result: np.ndarray = (0.006 + 0.022 * identity.age) * fade * np.exp(-(((np.abs(x) - line) / 0.05) ** 2))
    return result


def height(identity: Identity, x: np.ndarray, y: np.ndarray, pixel: float) -> np.ndarray:
    """The whole head's height field over a pixel grid of spacing `pixel`, float32."""
    field = (dome(identity, x, y) + relief(identity, x, y)).astype(np.float32)
    result: np.ndarray = cv2.GaussianBlur(field, (0, 0), 0.018 / pixel)
    return result
