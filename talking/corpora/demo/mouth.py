"""The mouth of a drawn face: four lip curves, and lips, teeth, tongue and dark painted between them."""

from dataclasses import dataclass

import numpy as np

from talking.corpora.demo.head import smoothstep
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.state import FaceState

WIDEST_GAP = 0.27
_UPPER_SHARE = 0.16
_INNER = 0.84
_CAVITY = np.array([0.13, 0.035, 0.04], np.float32)
_TEETH = np.array([0.90, 0.87, 0.80], np.float32)
_TONGUE = np.array([0.66, 0.29, 0.29], np.float32)


@dataclass(frozen=True)
class Lips:
    """The mouth in one frame, in face units: half its width, the gap, the thickness of both lips, how rounded it is,
    and how far its corners sink with the gap.
    """

    identity: Identity
    half: float
    gap: float
    upper: float
    lower: float
    rounded: float
    sag: float

    @classmethod
    def of(cls, identity: Identity, state: FaceState) -> "Lips":
        """The lips of an identity in a state: rounding narrows and thickens, opening stretches, pressing thins."""
        rounded, spread = max(0.0, -float(state.spread)), max(0.0, float(state.spread))
        opening = min(max(float(state.opening), 0.0), 1.1)
        half = identity.mouth_width * (1 + 0.13 * spread - 0.34 * rounded - 0.05 * opening)
        thick = (1 + 0.16 * rounded - 0.10 * spread - 0.10 * opening) * (
            1 - 0.36 * float(state.press) * (opening < 0.1)
        )
        upper, lower = identity.upper_lip * thick, identity.lower_lip * thick
        return cls(identity, half, opening * WIDEST_GAP, upper, lower, rounded, 0.32 - 0.24 * spread)

    def line(self, s: np.ndarray) -> np.ndarray:
        """The line where closed lips meet, at places s from -1 to 1."""
        dip = 0.012 * np.exp(-((s / 0.22) ** 2)) - 0.006 * np.exp(-(((np.abs(s) - 0.45) / 0.25) ** 2))
        result: np.ndarray = self.identity.mouth_y + (self.identity.mouth_droop + self.sag * self.gap) * s * s + dip
        return result

    def curves(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Heights of upper outer, upper inner, lower inner and lower outer edge at places s."""
        line = self.line(s)
        inner = np.clip(1 - np.abs(s / _INNER) ** 2.4, 0, 1) ** (0.66 - 0.16 * self.rounded)
        outer = np.clip(1 - np.abs(s) ** 2.4, 0, 1) ** (0.70 - 0.18 * self.rounded)
        bow = np.clip(1 - np.abs(s) ** 1.7, 0, 1) ** (0.9 - 0.25 * self.rounded) * (
            1 - (1 - 0.5 * self.rounded) * self.identity.cupid * np.exp(-((s / 0.13) ** 2))
        )
        belly = np.clip(1 - np.abs(s) ** 2.3, 0, 1) ** (0.85 - 0.25 * self.rounded)
        up, down = _UPPER_SHARE * self.gap, (1 - _UPPER_SHARE) * self.gap
        low_inner, low_outer = line + down * inner, line + down * outer + self.lower * belly
        return line - up * outer - self.upper * bow, line - up * inner, low_inner, low_outer


def landmarks(identity: Identity, state: FaceState) -> np.ndarray:
    """Points 48 to 67, (20, 2), face units."""
    lips = Lips.of(identity, state)
    outer = np.array([-1, -0.64, -0.27, 0, 0.27, 0.64, 1])
    inner = np.array([-_INNER, -0.28, 0, 0.28, _INNER])
    above, below = lips.curves(outer)[0], lips.curves(outer)[3]
    over, under = lips.curves(inner)[1], lips.curves(inner)[2]
    x, xi = outer * lips.half, inner * lips.half
    parts = [(x, above), (x[5:0:-1], below[5:0:-1]), (xi, over), (xi[3:0:-1], under[3:0:-1])]
    return np.vstack([np.stack(part, axis=1) for part in parts])


@dataclass(frozen=True)
class Mouth:
    """The lips over a patch whose pixels lie at x, y (h, w), face units.

    s is the place along the mouth, -1 and 1 at its corners; edges are the four curves of `Lips.curves` there.
    """

    lips: Lips
    state: FaceState
    x: np.ndarray
    y: np.ndarray
    s: np.ndarray
    edges: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def at(cls, identity: Identity, state: FaceState, grid: tuple[np.ndarray, np.ndarray]) -> "Mouth":
        """The mouth of an identity in a state over a grid of face units."""
        lips = Lips.of(identity, state)
        s = grid[0] / lips.half
        return cls(lips, state, *grid, s, lips.curves(np.clip(s, -1, 1)))


def paint(mouth: Mouth, patch: np.ndarray) -> np.ndarray:
    """The mouth painted over a patch of skin, float32 sRGB (h, w, 3) in [0, 1]."""
    s, y = mouth.s, mouth.y
    upper_out, upper_in, lower_in, lower_out = mouth.edges
    soft = 0.009
    inside = (np.abs(s) < 1).astype(np.float32)
    whole = smoothstep(-soft, soft, y - upper_out) * smoothstep(-soft, soft, lower_out - y) * inside
    patch = _around(mouth, patch)
    patch = patch + whole[..., None] * (_flesh(mouth, patch) - patch)
    hole = smoothstep(-0.006, 0.006, y - upper_in) * smoothstep(-0.006, 0.006, lower_in - y) * (np.abs(s) < _INNER)
    hole = hole * smoothstep(0.004, 0.02, lower_in - upper_in)
    patch = patch + hole[..., None] * (_interior(mouth) - patch)
    return _seam(mouth, patch)


def _around(mouth: Mouth, patch: np.ndarray) -> np.ndarray:
    """The shadow under the lower lip, the dimples at the corners and the pale rim of the upper lip."""
    lips, s, y = mouth.lips, mouth.s, mouth.y
    upper_out, _, _, lower_out = mouth.edges
    middle = smoothstep(1.0, 0.3, np.abs(s))
    under = 0.20 * np.exp(-(((y - lower_out - 0.03) / 0.035) ** 2)) * middle * (y > lower_out - 0.01)
    corner = 0.22 * np.exp(
        -(((np.abs(s) - 1.03) * lips.half / 0.028) ** 2) - ((y - float(lips.line(np.ones(1))[0])) / 0.03) ** 2
    )
    rim = 0.10 * np.exp(-(((y - upper_out + 0.012) / 0.010) ** 2)) * middle
    shade = (under + corner)[..., None] * np.array([0.75, 1.0, 1.0], np.float32)
    result: np.ndarray = patch * (1 - shade + rim[..., None])
    return result


def _flesh(mouth: Mouth, skin: np.ndarray) -> np.ndarray:
    """The red of the lips: the upper turned from the light, the lower rounded with a highlight."""
    identity, s, y = mouth.lips.identity, mouth.s, mouth.y
    upper_out, upper_in, lower_in, lower_out = mouth.edges
    above = y < 0.5 * (upper_in + lower_in)
    v_up = np.clip((y - upper_out) / np.maximum(upper_in - upper_out, 0.01), 0, 1)
    v_low = np.clip((y - lower_in) / np.maximum(lower_out - lower_in, 0.01), 0, 1)
    shade_up = 0.85 - 0.19 * v_up
    shade_low = 0.90 + 0.22 * np.exp(-(((v_low - 0.36) / 0.28) ** 2)) - 0.16 * v_low**3
    shade = np.where(above, shade_up, shade_low) * (1 - 0.14 * np.abs(s) ** 3)
    wrinkles = 1 + 0.022 * np.sin(s * 41 + 2 * np.sin(s * 13 + identity.seed % 5))
    base = skin * np.array(identity.lip_tint, np.float32) * (shade * wrinkles)[..., None]
    shine = np.exp(-(((v_low - 0.33) / 0.15) ** 2) - ((s + 0.12) / 0.40) ** 2) * ~above
    result: np.ndarray = base + (0.09 * (1 - 0.5 * mouth.state.press)) * shine[..., None]
    return result


def _interior(mouth: Mouth) -> np.ndarray:
    """The dark, the tongue on its floor, the upper teeth hanging from the skull and the lower on the jaw."""
    lips, state, x, y = mouth.lips, mouth.state, mouth.x, mouth.y
    _, upper_in, lower_in, _ = mouth.edges
    my, gap = lips.identity.mouth_y, lips.gap
    floor = my + (1 - _UPPER_SHARE) * gap
    depth = smoothstep(0.0, 0.09, lower_in - y)
    colour = _CAVITY * (1.0 + 0.7 * (1 - depth))[..., None]
    tongue = smoothstep(1.1, 0.55, np.hypot(x / (0.62 * lips.half), (y - floor - 0.015) / (0.03 + 0.36 * gap)))
    colour = colour + (0.85 * tongue)[..., None] * (_TONGUE * (0.6 + 0.4 * depth)[..., None] - colour)
    colour = _row_of_teeth(mouth, colour, my + 0.014, 0.055 * state.teeth + 0.01, 1)
    low = smoothstep(0.5, 1.0, np.asarray(state.opening)) * 0.03 * state.teeth + 0.0
    colour = _row_of_teeth(mouth, colour, floor - 0.02, float(low), -1)
    shadow = smoothstep(0.0, 0.035, y - upper_in)
    return colour * (0.45 + 0.55 * shadow)[..., None]


def _row_of_teeth(mouth: Mouth, colour: np.ndarray, root: float, length: float, side: int) -> np.ndarray:
    """A curved band of enamel with faint gaps, dimmer towards the sides; `side` 1 hangs from above, -1 stands below."""
    x, y = mouth.x, mouth.y
    if length <= 0.005:
        return colour
    reach = 0.20 if side > 0 else 0.15
    edge = root + side * length * (1 - 0.55 * (x / reach) ** 2)
    band = smoothstep(-0.008, 0.006, side * (edge - y)) * smoothstep(reach, 0.75 * reach, np.abs(x))
    gaps = 1 - 0.14 * np.exp(-(((np.mod(x / 0.055 + 0.5, 1) - 0.5) / 0.09) ** 2))
    light = (1 - 0.45 * (x / reach) ** 2) * gaps * (1.0 if side > 0 else 0.75)
    result: np.ndarray = colour + band[..., None] * (_TEETH * light[..., None] - colour)
    return result


def _seam(mouth: Mouth, patch: np.ndarray) -> np.ndarray:
    """The thin dark line of closed lips, which runs on beyond the opening into the corners."""
    s, y = mouth.s, mouth.y
    _, upper_in, lower_in, _ = mouth.edges
    meet = 0.5 * (upper_in + lower_in)
    closed = smoothstep(0.03, 0.004, lower_in - upper_in) * smoothstep(1.06, 0.92, np.abs(s))
    line = 0.85 * closed * np.exp(-(((y - meet) / 0.0095) ** 2))
    result: np.ndarray = patch + line[..., None] * (
        np.array([0.20, 0.07, 0.07], np.float32) * (0.6 + 0.8 * patch) - patch
    )
    return result
