"""What surrounds a drawn face: the studio's wall, neck, shirt, ears and glasses."""

import numpy as np

from talking.corpora.demo.canvas import Canvas, over
from talking.corpora.demo.head import half_width, smoothstep
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.shading import lit, noise, to_linear


def wall(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A plain wall, lightest beside the head, linear (H, W, 3)."""
    glow = 1.12 - 0.10 * np.hypot(x - identity.light_x, 0.8 * (y + 0.3)) ** 1.3
    return (to_linear(identity.background) * glow[..., None]).astype(np.float32)


def neck(identity: Identity, canvas: Canvas, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour (H, W, 3) and coverage of neck and upper chest, in the shadow of the chin."""
    x, y = canvas.grid()
    rows = y[:, :1]
    wide = identity.neck_width * (1 + 0.10 * smoothstep(1.1, 0.7, rows) + 2.2 * smoothstep(1.35, 2.2, rows))
    column = np.sqrt(np.clip(1 - (x / (wide * 1.02)) ** 2, 0, 1)) * 0.5
    cords = 0.009 * np.exp(-(((np.abs(x) - 0.30 + 0.16 * (y - 1.2)) / 0.06) ** 2)) * smoothstep(1.3, 1.6, y)
    colour = lit(identity, skin, (column + cords).astype(np.float32), canvas.pixel, 0.4)
    drop = y - identity.chin_length - 0.26 + 0.5 * x * x
    shadow = smoothstep(0.16, -0.2, drop)
    colour = colour * (1 - shadow[..., None] * np.array([0.52, 0.62, 0.64], np.float32))
    cover = smoothstep(0.008, -0.008, np.abs(x) - wide) * (y > 0.5)
    return colour.astype(np.float32), cover


def shirt(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colour and coverage of the shirt, with soft folds and a darker neckband."""
    x, y = canvas.grid()
    wide = identity.neck_width
    away = np.abs(x)
    shoulder = 1.50 + 0.26 * np.clip(away - wide, 0, None) + 0.5 * np.clip(away - 1.45, 0, None) ** 2
    hole = _neckline(identity, away, y)
    cover = smoothstep(-0.012, 0.012, y - shoulder) * smoothstep(-0.012, 0.012, hole)
    fold = 0.028 * noise(rng, x.shape, 30) + 0.003 * noise(rng, x.shape, 8)
    field = (fold - 0.25 * away - 0.5 * smoothstep(0.12, 0, y - shoulder) * 0.2).astype(np.float32)
    weave = 1 + 0.03 * noise(rng, x.shape, 1)
    colour = lit(identity, to_linear(identity.shirt_colour) * weave[..., None], field, canvas.pixel, 0.1)
    width, tint = (0.19, -0.12) if identity.shirt == "collar" else (0.07, 0.18)
    band = tint * smoothstep(width + 0.006, width - 0.006, hole)
    seam = 0.35 * np.exp(-(((hole - width - 0.008) / 0.016) ** 2))
    colour = colour * (1 - band - seam)[..., None]
    return colour.astype(np.float32), cover


def _neckline(identity: Identity, away: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance outside the neck's opening, roughly in face units."""
    wide = identity.neck_width * 1.06
    if identity.shirt == "vee":
        return 0.6 * (away - wide * np.minimum(1 - (y - 1.5) / 0.62, 1))
    if identity.shirt == "collar":
        return 0.8 * (away - (wide - 0.1) * np.minimum(1 - (y - 1.42) / 0.36, 1))
    return (np.hypot(away / wide, np.clip(y - 1.42, 0, None) / 0.26) - 1) * 0.22


def ears(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colour and coverage of both ears, standing out behind the cheeks."""
    x, y = canvas.grid()
    edge = float(half_width(identity, np.array([0.15]))[0])
    lean = np.abs(x) - edge - 0.025 + 0.16 * (y - 0.15)
    tall = np.where(y < 0.1, 0.22, 0.27)
    r = np.hypot(lean / 0.088, (y - 0.12) / tall)
    rim = np.exp(-(((r - 0.85) / 0.13) ** 2))
    bowl = np.exp(-(((lean - 0.012) / 0.030) ** 2) - ((y - 0.12) / 0.11) ** 2)
    field = (0.10 * np.sqrt(np.clip(1.05 - r * r, 0, 1)) + 0.035 * rim - 0.05 * bowl).astype(np.float32)
    mottle = 1 + 0.02 * noise(rng, x.shape, 3)
    skin = to_linear(identity.skin) * mottle[..., None]
    red = skin * np.array([1.0, 0.86, 0.84], np.float32) * (1 - 0.4 * bowl)[..., None]
    return lit(identity, red, field, canvas.pixel, 0.5), smoothstep(1.03, 0.97, r)


def glasses(identity: Identity, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Colour (H, W, 3) sRGB in [0, 1] and coverage of the frame and a faint reflection; nothing without glasses."""
    x, y = canvas.grid()
    power = identity.glasses_round
    lens = (np.abs((np.abs(x) - 0.365) / 0.262) ** power + np.abs((y - 0.055) / 0.195) ** power) ** (1 / power)
    frame = smoothstep(0.020, 0.010, np.abs(lens - 1) * 0.22)
    bridge = smoothstep(0.018, 0.010, np.abs(y + 0.01 - 0.5 * x * x)) * (np.abs(x) < 0.115)
    arm = smoothstep(0.020, 0.012, np.abs(y + 0.03)) * (np.abs(x) > 0.62) * (np.abs(x) < 0.80)
    cover = np.maximum(np.maximum(frame, bridge), arm)
    colour = np.array(identity.glasses_colour, np.float32) * (1.0 + 0.6 * smoothstep(0.05, -0.15, y))[..., None]
    streak = 0.07 * (lens < 1) * smoothstep(0.08, 0.0, np.abs(x + y * 0.6 - 0.33 * np.sign(x) - 0.02))
    colour = over(np.ones_like(colour), colour, cover)
    return colour, np.maximum(cover, streak).astype(np.float32)
