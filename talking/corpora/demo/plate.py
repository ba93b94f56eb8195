"""The plate of an identity: everything that a frame does not change, lit and drawn once at twice the frame's size."""

import cv2
import numpy as np

from talking.corpora.demo import beard, body, hair
from talking.corpora.demo.canvas import Canvas, over
from talking.corpora.demo.head import bump, half_width, height, smoothstep
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.shading import albedo, encode, lit, to_linear

Layer = tuple[np.ndarray, np.ndarray]
_HEAD = (-1.05, -1.65, 1.05, 1.65)
_NECK = (-1.8, 0.5, 1.8, 9.0)
_ALL = (-9.0, 1.2, 9.0, 9.0)


def draw_plate(identity: Identity, canvas: Canvas) -> np.ndarray:
    """The identity at rest without eyes and lips, uint8 sRGB (H, W, 3)."""
    rng = np.random.default_rng(identity.seed)
    image = body.wall(identity, *canvas.grid())
    image = over(image, *hair.back(identity, canvas, rng))
    for box, draw in ((_NECK, _neck), (_ALL, body.shirt), (_HEAD, body.ears)):
        part, place = canvas.part(*box)
        image[place] = over(image[place], *draw(identity, part, rng))
    fringe, cover = hair.front(identity, canvas, rng)
    part, place = canvas.part(*_HEAD)
    image[place] = over(image[place], *_head(identity, part, cover[place], rng))
    return encode(over(image, fringe, cover))


def _neck(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> Layer:
    return body.neck(identity, canvas, albedo(identity, *canvas.grid(), rng))


def _head(identity: Identity, canvas: Canvas, fringe: np.ndarray, rng: np.random.Generator) -> Layer:
    x, y = canvas.grid()
    edge = half_width(identity, y[:, 0])[:, None]
    cover = smoothstep(0.008, -0.008, np.abs(x) - edge) * (edge > 0)
    return _face(identity, canvas, albedo(identity, x, y, rng), fringe, rng), cover


def _face(
    identity: Identity, canvas: Canvas, skin: np.ndarray, fringe: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The lit head with nostrils, brows, beard and the shadow the hair throws, linear (H, W, 3)."""
    x, y = canvas.grid()
    field = height(identity, x, y, canvas.pixel)
    face = lit(identity, skin, field, canvas.pixel)
    bounce = (0.75 - 0.25 * sum(identity.skin)) * bump(x, y, (0, identity.nose_length - 0.015), (0.14, 0.05))
    face = face * (1 + bounce[..., None])
    face = face * (1 - _nostrils(identity, x, y)[..., None] * np.array([0.62, 0.78, 0.78], np.float32))
    shift = np.array(
        [[1, 0, 0.04 / canvas.pixel * -np.sign(identity.light_x)], [0, 1, 0.05 / canvas.pixel]], np.float32
    )
    shadow = cv2.GaussianBlur(fringe, (0, 0), 0.045 / canvas.pixel)
    shadow = cv2.warpAffine(shadow, shift, (canvas.width, canvas.height)) * 0.42 * smoothstep(0.6, 0.0, y)
    face = face * (1 - shadow[..., None] * np.array([0.8, 1.0, 1.0], np.float32))
    light = np.clip(face.mean(axis=2, keepdims=True) / max(float(to_linear(identity.skin).mean()), 1e-3), 0.25, 1.3)
    face = over(face, to_linear(identity.brow_colour) * light, 0.97 * beard.brows(identity, canvas, rng))
    return over(face, beard.colour(identity) * light, beard.beard(identity, canvas, rng))


def _nostrils(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How dark the nostrils are, with the soft shadow beneath the nose and round its wings."""
    base = identity.nose_length
    fair = 0.45 + 0.55 * min(1.0, sum(identity.skin) / 2.0)
    hole = 0.85 * bump(x, y - 0.25 * (0.085 - np.abs(x)), (0.080, base - 0.035), (0.036, 0.017))
    under = 0.09 * bump(x, y, (0, base + 0.012), (0.13, 0.028))
    wing = 0.20 * bump(x, y, (identity.nose_width + 0.008, base - 0.07), (0.016, 0.05))
    return np.clip(fair * (hole + under + wing), 0, 0.95)
