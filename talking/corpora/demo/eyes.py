"""The eyes of a drawn face: lid curves, and the ball, iris, lashes and crease painted over a patch of skin."""

from dataclasses import dataclass

import numpy as np

from talking.corpora.demo.head import smoothstep
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.state import FaceState

_SCLERA = np.array([0.84, 0.815, 0.795], np.float32)
_IRIS_RADIUS = 0.066


def lids(identity: Identity, s: np.ndarray, blink: float) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the upper and the lower lid at places s from -1 (inner corner) to 1 (outer corner), in face units."""
    inside = np.clip(1 - s * s, 0, 1)
    corners = 0.5 * (1 - s) * identity.eye_tilt
    upper = corners - 0.62 * identity.eye_height * inside**0.72 * (1 - 0.10 * s)
    lower = corners + 0.40 * identity.eye_height * inside**0.85 * (1 + 0.15 * s)
    return upper + (lower - upper) * float(blink) * 0.97, lower


def centre(identity: Identity) -> float:
    """Distance of an eye's middle from the middle of the face."""
    return 0.5 - identity.eye_width / 2


def landmarks(identity: Identity, blink: float) -> np.ndarray:
    """Points 36 to 47, (12, 2), face units."""
    s = np.array([-1.0, -0.36, 0.36, 1.0])
    upper, lower = lids(identity, s, blink)
    x = centre(identity) + s * identity.eye_width / 2
    order = [(x[3], upper[3]), (x[2], upper[2]), (x[1], upper[1]), (x[0], upper[0]), (x[1], lower[1]), (x[2], lower[2])]
    first = np.array(order) * (-1, 1)
    return np.vstack([first, (first * (-1, 1))[[3, 2, 1, 0, 5, 4]]])


@dataclass(frozen=True)
class Eye:
    """One eye (side -1 left in the picture, 1 right) over a patch whose pixels lie at x, y (h, w), face units.

    s is the place along the eye, -1 at the inner and 1 at the outer corner; upper and lower are the lids there.
    """

    identity: Identity
    state: FaceState
    side: int
    x: np.ndarray
    y: np.ndarray
    s: np.ndarray
    upper: np.ndarray
    lower: np.ndarray

    @classmethod
    def at(cls, identity: Identity, state: FaceState, grid: tuple[np.ndarray, np.ndarray], side: int) -> "Eye":
        """The eye of an identity in a state over a grid of face units."""
        x, y = grid
        s = (side * x - centre(identity)) / (identity.eye_width / 2)
        return cls(identity, state, side, x, y, s, *lids(identity, s, state.blink))


def paint(eye: Eye, patch: np.ndarray) -> np.ndarray:
    """The eye painted over a patch of skin, float32 sRGB (h, w, 3) in [0, 1]."""
    patch = _skin_of_lids(eye, patch)
    soft = 0.007
    opened = smoothstep(-soft, soft, eye.y - eye.upper) * smoothstep(-soft, soft, eye.lower - eye.y)
    opened = opened * (np.abs(eye.s) < 1)
    patch = patch + opened[..., None] * (_ball(eye) - patch)
    return _lashes(eye, patch)


def _skin_of_lids(eye: Eye, patch: np.ndarray) -> np.ndarray:
    """The crease above the lid, the lid's own light and the line beneath the eye."""
    identity, s, y, upper, lower = eye.identity, eye.s, eye.y, eye.upper, eye.lower
    rest, _ = lids(identity, s, 0.25 * float(eye.state.blink))
    inside = smoothstep(1.25, 0.7, np.abs(s))
    crease = rest - identity.lid_crease - 0.010 * (1 - s * s)
    dark = 0.36 * np.exp(-(((y - crease) / 0.011) ** 2)) * inside
    dark += 0.10 * smoothstep(0.03, 0.0, crease - y) * smoothstep(0.0, 0.02, y - crease) * (y < upper) * inside
    dark += 0.16 * np.exp(-(((y - lower - 0.032) / 0.014) ** 2)) * inside * (0.4 + identity.age)
    light = 0.05 * np.exp(-(((y - 0.5 * (crease + upper)) / 0.014) ** 2)) * inside
    shade = dark[..., None] * np.array([0.75, 1.0, 1.0], np.float32)
    result: np.ndarray = patch * (1 - shade + light[..., None])
    return result


def _ball(eye: Eye) -> np.ndarray:
    """The white, the iris with its dark rim and pale inner ring, the pupil, the highlight and the lid's shadow."""
    identity, x, y, s = eye.identity, eye.x, eye.y, eye.s
    cx = eye.side * centre(identity) + 0.035 * float(eye.state.gaze[0])
    cy = -0.006 + identity.eye_tilt / 2 + 0.022 * float(eye.state.gaze[1])
    r = np.hypot(x - cx, y - cy) / _IRIS_RADIUS
    white = _SCLERA * (1 - 0.22 * s * s)[..., None]
    pink = smoothstep(-0.72, -0.98, s)[..., None]
    white = white + pink * (np.array([0.80, 0.55, 0.52], np.float32) - white)
    angle = np.arctan2(y - cy, x - cx)
    fibres = 1 + 0.10 * np.sin(17 * angle + identity.seed % 7) + 0.07 * np.sin(29 * angle)
    ring = (0.72 + 0.42 * np.exp(-(((r - 0.55) / 0.22) ** 2)) + 0.25 * np.clip((y - cy) / _IRIS_RADIUS, -1, 1)) * fibres
    iris = np.array(identity.iris, np.float32) * (ring * (1 - 0.6 * smoothstep(0.78, 1.0, r)))[..., None]
    iris = iris * smoothstep(0.36, 0.46, r)[..., None] + 0.03
    ball = white + smoothstep(1.06, 0.94, r)[..., None] * (iris - white)
    ball = ball * (1 - 0.50 * smoothstep(0.055, 0.0, y - eye.upper))[..., None]
    glint = np.exp(-(((x - cx + 0.022) / 0.013) ** 2) - ((y - cy + 0.024) / 0.013) ** 2)
    result: np.ndarray = ball + 0.95 * glint[..., None] + 0.06 * np.exp(-(((y - eye.lower) / 0.008) ** 2))[..., None]
    return result


def _lashes(eye: Eye, patch: np.ndarray) -> np.ndarray:
    """Dark lines along both lids, the upper heavier and winged outwards where lashes are strong."""
    identity, s, y, upper, lower = eye.identity, eye.s, eye.y, eye.upper, eye.lower
    span = smoothstep(1.08, 0.9, np.abs(s))
    thick = (0.007 + 0.010 * identity.lashes) * (0.65 + 0.45 * smoothstep(-0.6, 0.9, s))
    line = 0.85 * np.exp(-(((y - upper + 0.4 * thick) / thick) ** 2)) * span
    line += (0.22 + 0.2 * identity.lashes) * np.exp(-(((y - lower - 0.002) / 0.007) ** 2)) * span
    wing = np.exp(-(((y - upper + 0.010 * identity.lashes + 0.12 * (s - 1)) / 0.010) ** 2))
    line += 0.7 * identity.lashes * wing * smoothstep(0.85, 1.0, s) * smoothstep(1.16, 1.04, s)
    ink = np.array([0.10, 0.07, 0.06], np.float32)
    result: np.ndarray = patch + np.clip(line, 0, 0.95)[..., None] * (ink - patch)
    return result
