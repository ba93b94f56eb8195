"""How a drawn face moves: the head as a whole, the jaw, the cheeks about the mouth and the brows."""

import math

import numpy as np

from talking.corpora.demo.head import smoothstep
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.state import FaceState

JAW_DROP = 0.17
BROW_LIFT = 0.05


def pull_back(identity: Identity, state: FaceState, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where on the resting plate the skin now at (x, y) lay, face units."""
    my = identity.mouth_y
    brow, spread = float(state.brow), float(state.spread)
    lifted = np.exp(-(((y - identity.brow_y + BROW_LIFT * brow) / 0.15) ** 2)) * smoothstep(0.95, 0.7, np.abs(x))
    down = y - JAW_DROP * float(state.jaw) * _jaw_share(identity, x, y) + BROW_LIFT * brow * lifted
    near = np.exp(-((x / 0.42) ** 2) - ((y - my - 0.03) / 0.22) ** 2)
    return x * (1 - 0.22 * spread * near), down


def push(identity: Identity, state: FaceState, points: np.ndarray) -> np.ndarray:
    """Where points (N, 2) of the resting contour, brows and nose now lie: the inverse of `pull_back`, by iteration."""
    moved = points.astype(np.float64).copy()
    for _ in range(6):
        x, y = pull_back(identity, state, moved[:, 0], moved[:, 1])
        moved += points - np.stack([x, y], axis=1)
    return moved


def _jaw_share(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How much of the jaw's drop a place follows: none above the mouth, all at the chin, less again down the neck."""
    my, chin = identity.mouth_y, identity.chin_length
    share = smoothstep(my - 0.12, my + 0.30, y) * smoothstep(chin + 0.62, chin + 0.12, y)
    result: np.ndarray = share * smoothstep(0.95, 0.6, np.abs(x))
    return result


def move_head(state: FaceState, points: np.ndarray) -> np.ndarray:
    """Points (N, 2) of the head at rest after its roll, shift and scale, face units."""
    angle = math.radians(state.roll_deg)
    c, s = math.cos(angle), math.sin(angle)
    result: np.ndarray = state.scale * (points @ np.array([[c, s], [-s, c]])) + np.asarray(state.shift)
    return result


def still_head(state: FaceState, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `move_head` on a regular grid, fading out below the neck, where the shoulders stay."""
    weight = smoothstep(1.95, 1.35, y[:, :1])
    angle = math.radians(state.roll_deg)
    c, s = math.cos(angle), math.sin(angle)
    dx, dy = x - float(state.shift[0]), y - float(state.shift[1])
    u, v = (c * dx + s * dy) / float(state.scale), (c * dy - s * dx) / float(state.scale)
    return x + weight * (u - x), y + weight * (v - y)
