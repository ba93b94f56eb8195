"""The hair styles of drawn faces: guides for the strands in front of and behind the head, and how hair takes light."""

import numpy as np

from talking.corpora.demo.canvas import Canvas
from talking.corpora.demo.head import half_width, outline, smoothstep
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.shading import noise, to_linear
from talking.corpora.demo.strands import Sheet, draw

Layer = tuple[np.ndarray, np.ndarray]


def front(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Colour (H, W, 3, linear) and coverage (H, W) of the hair in front of the head."""
    style = identity.hair_style
    if style in ("buzz", "bald"):
        return _cropped_close(identity, canvas, rng)
    sheets = []
    if style in ("crop", "swept", "tied") or (style == "fringe" and not identity.feminine):
        sheets += [_back_from_hairline(identity, side) for side in (-1, 1)]
    if style in ("long", "bob") or (style == "fringe" and identity.feminine):
        sheets += [_curtain(identity, side) for side in (-1, 1)]
    if style == "fringe":
        sheets.append(_fringe(identity))
    tone, cover = draw(canvas, sheets, rng)
    if style in ("crop", "swept", "tied") or (style == "fringe" and not identity.feminine):
        cover = _trimmed(identity, canvas, cover, rng)
    return _colour(identity, canvas, tone), cover


def _trimmed(identity: Identity, canvas: Canvas, cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Short hair cut to a soft silhouette: tufts stand out a little on top and hardly at the sides."""
    x, y = canvas.grid()
    limit = half_width(identity, y[:, 0], _full(identity))[:, None]
    limit = limit + 0.02 * noise(rng, x.shape, 5) + 0.012 * noise(rng, x.shape, 2)
    over_top = smoothstep(0.0, 0.12, half_width(identity, y[:, 0], _full(identity))[:, None])
    result: np.ndarray = cover * smoothstep(0.03, -0.03, np.abs(x) - limit) * over_top
    return result


def _full(identity: Identity) -> float:
    return identity.hair_volume * (0.35 if identity.hair_style == "tied" else 1.0)


def back(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Colour and coverage of the hair behind head and neck; coverage 0 where there is none."""
    if identity.hair_style in ("long", "bob") or (identity.hair_style == "fringe" and identity.feminine):
        bottom = _bottom(identity) - 0.08
        heights = [-0.5, 0.1, 0.7 * bottom, bottom]
        xs = [-0.84, 0.0, 0.84]
        guides = np.array([[(x * (1.0 if y < bottom else 0.92), y) for y in heights] for x in xs])
        tone, cover = draw(canvas, [Sheet(guides, 500, 0.03 * identity.hair_wave, 2.5)], rng)
        return 0.42 * _colour(identity, canvas, tone), cover
    nothing = np.zeros((canvas.height, canvas.width), np.float32)
    return np.zeros((canvas.height, canvas.width, 3), np.float32), nothing


def _bottom(identity: Identity) -> float:
    return 0.62 + 0.22 * identity.hair_length if identity.hair_style == "bob" else 0.9 + 0.6 * identity.hair_length


def _back_from_hairline(identity: Identity, side: int) -> Sheet:
    """Strands from the hairline up and back to the silhouette: short hair, or long hair tied behind."""
    tied = identity.hair_style == "tied"
    volume = _full(identity)
    hl, top, wide = identity.hairline, identity.head_top + volume, identity.face_width
    roots = [(-0.02, hl), (0.27, hl + 0.02), (0.48, hl + 0.12), (0.60, hl + 0.33), (0.69, -0.14)]
    roots.append((0.765, 0.02) if tied else (0.755, 0.20))
    ys = np.array([-top, -top + 0.03, -top + 0.19, -top + 0.48, -0.55, -0.05])
    xs = half_width(identity, ys, volume)
    xs[:3] = (-0.02, 0.30, max(float(xs[2]), 0.5))
    sweep = (0.0 if identity.hair_style != "swept" else -0.16 * np.sign(identity.parting)) * np.array(
        [1, 1, 0.6, 0.2, 0, 0]
    )
    guides = []
    for i, (x, y) in enumerate(roots):
        start = np.array([side * x * wide, y])
        end = np.array([side * xs[i] + sweep[i], ys[i]])
        middle = 0.5 * (start + end) + np.array([side * 0.03 + 0.6 * sweep[i], -0.02])
        guides.append([start, 0.5 * (start + middle), middle, 0.5 * (middle + end), end])
    guides_ = np.array(guides)
    if tied:
        return Sheet(guides_, 750, 0.004, 1.0, stray=0.008)
    return Sheet(
        guides_,
        1500,
        0.045 * identity.hair_wave**1.5,
        1.2 + 3.0 * identity.hair_wave,
        length=0.42,
        stray=0.022 + 0.02 * identity.hair_wave,
    )


def _curtain(identity: Identity, side: int) -> Sheet:
    """Hair falling from the parting over one side of the head."""
    v, bottom, hl = identity.hair_volume + 0.03 * identity.hair_wave, _bottom(identity), identity.hairline
    top, p, wide = identity.head_top + v, identity.parting * 0.7, identity.face_width
    curl = 0.10 if identity.hair_style == "bob" else 0.02
    ear, low = 0.15, 0.15 + 0.55 * (bottom - 0.15)
    rim = outline(identity, v)
    arc = np.cumsum(np.linalg.norm(np.diff(rim, axis=0, prepend=rim[:1]), axis=1))
    places = np.searchsorted(arc, np.array([0.28, 0.58, 0.86]) * arc[np.argmax(rim[:, 1] > -0.25)])
    outer = [(p, float(rim[0, 1])), *((side * rx, ry) for rx, ry in rim[places])]
    outer += [
        (side * (0.86 + v) * wide, ear),
        (side * (0.87 + v) * wide, low),
        (side * (0.84 + v - curl) * wide, bottom),
    ]
    middle = [(p, 0.5 * (hl - top)), (p + side * 0.28, 0.5 * (hl - top) + 0.02), (side * 0.60, -0.82)]
    middle += [(side * 0.76 * wide, -0.36), (side * 0.82 * wide, ear)]
    middle += [(side * 0.81 * wide, low), (side * (0.78 - curl) * wide, bottom)]
    inner = [(p, hl - 0.04), (p + side * 0.22, hl + 0.05), (side * 0.53 + 0.1 * p, hl + 0.27)]
    inner += [(side * 0.685 * wide, -0.20), (side * 0.745 * wide, ear + 0.06)]
    inner += [(side * 0.735 * wide, low + 0.05), (side * (0.68 - curl) * wide, bottom - 0.03)]
    wave = 0.065 * identity.hair_wave**1.3
    return Sheet(np.array([inner, middle, outer]), 1100, wave, 2.0 + 3.5 * identity.hair_wave, stray=0.012)


def _fringe(identity: Identity) -> Sheet:
    """Hair combed from the crown over the forehead."""
    top = identity.head_top + 0.6 * identity.hair_volume
    tip = -0.44 if identity.feminine else -0.56
    sweep = 0.10 * np.sign(identity.parting)
    guides = []
    for x in (-0.66, -0.4, 0.0, 0.4, 0.66):
        end = tip + 0.30 * abs(x) ** 2.5
        guides.append(
            [(0.25 * x, -top), (0.62 * x, -top + 0.16), (0.97 * x, -0.92), (x + 0.5 * sweep, -0.7), (x + sweep, end)]
        )
    return Sheet(np.array(guides), 900, 0.02 * identity.hair_wave, 1.5, stray=0.014)


def _cropped_close(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A shaved head, or one bald on top: a dense stipple that thins towards the hairline."""
    sheets = [_back_from_hairline(identity, side) for side in (-1, 1)]
    if identity.hair_style == "bald":
        sheets = [Sheet(s.guides[3:], s.count, s.wave, s.turns, s.length, s.stray) for s in sheets]
    cover = np.clip(sum(canvas.polygon(sheet.outline(), 0.03) for sheet in sheets), 0, 1)
    x, y = canvas.grid()
    edge = half_width(identity, y[:, 0], 0.012)[:, None]
    inside = smoothstep(0.012, -0.004, np.abs(x) - edge) * (edge > 0)
    cover = smoothstep(0.15, 0.95, cover) * inside * np.clip(0.76 + 0.06 * noise(rng, cover.shape, 1), 0, 1)
    tone = np.full_like(cover, 0.6) + 0.06 * noise(rng, cover.shape, 1)
    return _colour(identity, canvas, tone), cover


def _colour(identity: Identity, canvas: Canvas, tone: np.ndarray) -> np.ndarray:
    """Hair in the studio's light: darker at the sides, with a band of sheen round the crown."""
    x, y = canvas.grid()
    bend = np.clip((x - 0.12 * identity.light_x) / 1.05, -1, 1)
    round_ = 0.55 + 0.55 * np.sqrt(np.clip(1 - bend * bend, 0, 1))
    band = y + identity.head_top - 0.27 - 0.42 * x * x
    sheen = np.exp(-((band / 0.16) ** 2)) + 0.5 * np.exp(-(((y - 0.45) / 0.35) ** 2)) * (np.abs(x) > 0.6)
    hair = to_linear(identity.hair_colour)
    base = hair * ((0.08 + 1.75 * tone**1.7) * round_)[..., None]
    glow = (sheen * tone**1.6 * round_)[..., None]
    result: np.ndarray = (base + glow * (0.9 * hair + 0.04)).astype(np.float32)
    return result
