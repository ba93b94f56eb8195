"""Brows and beard: short hairs laid over the skin, dense where the face grows them and thinning softly at the edge."""

import cv2
import numpy as np

from talking.corpora.demo.canvas import Canvas
from talking.corpora.demo.head import half_width, smoothstep, spline
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.shading import noise, to_linear

_REACH = {"none": 0.0, "stubble": 0.0, "short": 0.035, "full": 0.070, "moustache": 0.055, "goatee": 0.045}


def brow_path(identity: Identity) -> np.ndarray:
    """The five landmarks of the right brow in the picture, from the nose outwards, (5, 2) face units."""
    tilt = identity.brow_tilt
    x = np.array([0.135, 0.270, 0.419, 0.562, 0.661])
    y = identity.brow_y + np.array([0.030, -0.012, -0.040 - tilt, -0.025 - tilt, 0.055 - 0.5 * tilt])
    return np.stack([x, y], axis=1)


def brows(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Coverage of both brows, (H, W) in [0, 1]."""
    image = np.zeros((canvas.height, canvas.width), np.uint8)
    path = spline(brow_path(identity) + np.array([0.0, 0.012]), 101)
    for side in (-1, 1):
        place = rng.random(240) ** 0.9
        thick = identity.brow_thickness * np.interp(place, [0, 0.12, 0.5, 1], [0.7, 1.0, 0.85, 0.15])
        root = path[(place * 100).astype(int)] + np.stack([0 * place, rng.uniform(-0.8, 0.8, 240) * thick], axis=1)
        angle = np.interp(place, [0, 0.25, 0.6, 1], [-0.95, -0.40, 0.12, 0.5]) + rng.normal(0, 0.18, 240)
        tip = root + 0.075 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        hairs = np.stack([root, tip], axis=1) * (side, 1)
        for value in range(6):
            canvas.lines(image, list(hairs[value::6]), (165 + 15 * value,), 2 if value < 3 else 1)
    cover = image.astype(np.float32) / 255
    result: np.ndarray = np.maximum(0.92 * cv2.GaussianBlur(cover, (0, 0), 0.006 / canvas.pixel), 0.8 * cover)
    return result


def density(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How densely the beard grows at each place of the face, (H, W) in [0, 1]."""
    my, base = identity.mouth_y, identity.nose_length
    away = np.abs(x)
    border = np.interp(
        away, [0, 0.2, 0.3, 0.44, 0.58, 0.70, 0.8], [base + 0.07, base + 0.07, my - 0.12, my - 0.04, 0.66, 0.3, 0.0]
    )
    grown = smoothstep(-0.05, 0.13, y - border) * smoothstep(0.02, -0.03, away - half_width(identity, y[:, 0])[:, None])
    mouth = np.hypot(x / (identity.mouth_width * 1.04), (y - my - 0.012) / 0.115)
    grown = grown * smoothstep(0.85, 1.2, mouth)
    if identity.beard != "moustache":
        grown = grown * (1 - 0.6 * smoothstep(0.36, 0.24, away) * smoothstep(my + 0.02, my - 0.05, y))
    if identity.beard == "goatee":
        grown = grown * smoothstep(0.38, 0.27, np.hypot(away, 0.75 * (y - my - 0.14)))
    if identity.beard == "moustache":
        grown = grown * smoothstep(0.38, 0.28, away) * smoothstep(my + 0.03, my - 0.03, y)
    result: np.ndarray = grown * (0 if identity.beard == "none" else identity.beard_density)
    return result


def beard(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Coverage of the beard, (H, W) in [0, 1]: an even shadow for stubble, hairs over a shadow for a grown one."""
    x, y = canvas.grid()
    grown = density(identity, x, y)
    grain = noise(rng, x.shape, 1)
    if identity.beard in ("none", "stubble"):
        return np.clip(grown * (0.36 + 0.10 * grain), 0, 0.7).astype(np.float32)
    image = np.zeros(x.shape, np.uint8)
    rows, cols = np.nonzero(rng.random(x.shape) < 0.16 * grown**1.5)
    root = np.stack([x[rows, cols], y[rows, cols]], axis=1)
    angle = np.pi / 2 - 0.9 * root[:, 0] + rng.normal(0, 0.25, len(root))
    length = _REACH[identity.beard] * rng.uniform(0.5, 1.2, len(root))
    tip = root + length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for value in range(6):
        chosen = list(np.stack([root, tip], axis=1)[value::6])
        canvas.lines(image, chosen, (70 + 26 * value,), 1)
    thick = 0.85 if identity.beard == "full" else 0.68
    shadow = grown * np.clip(thick + 0.05 * grain, 0, 1)
    hairs = cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), 0.6)
    return np.clip(0.75 * shadow + 0.35 * hairs, 0, 0.95).astype(np.float32)


def colour(identity: Identity, grizzle: float = 0.15) -> np.ndarray:
    """The beard's colour in linear light, a little darker and greyer than the hair."""
    hair = to_linear(identity.hair_colour)
    result: np.ndarray = (1 - grizzle) * 0.75 * hair + grizzle * 0.5 * hair.mean()
    return result
