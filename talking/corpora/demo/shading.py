"""Light on the height field: one soft key light, a sky, occlusion in the hollows, and the colour of skin."""

import cv2
import numpy as np

from talking.corpora.demo.head import bump
from talking.corpora.demo.identity import Identity

GAMMA = 2.2
_STEEPEST = 2.4


def to_linear(colour: tuple[float, float, float]) -> np.ndarray:
    """An sRGB colour in [0, 1] as linear light, (3,) float32."""
    return (np.asarray(colour, np.float32) ** GAMMA).astype(np.float32)


def encode(linear: np.ndarray) -> np.ndarray:
    """Linear light (H, W, 3) as uint8 sRGB."""
    result: np.ndarray = cv2.convertScaleAbs(cv2.pow(np.clip(linear, 0, 1), 1 / GAMMA), alpha=255.0)
    return result


def light_direction(identity: Identity) -> np.ndarray:
    """The unit vector towards the key light: above, a little to one side, well in front."""
    vector = np.array([identity.light_x, -0.55, 0.9], np.float32)
    return vector / np.linalg.norm(vector)


def normals(field: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three components of the unit normals of a height field, each (H, W); steep slopes are softened."""
    gx = cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=0.125 / pixel)
    gy = cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=0.125 / pixel)
    limit = 1.0 / np.sqrt(1.0 + (gx * gx + gy * gy) / _STEEPEST**2)
    gx, gy = gx * limit, gy * limit
    length = 1.0 / np.sqrt(gx * gx + gy * gy + 1.0)
    return -gx * length, -gy * length, length


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Smooth noise of unit deviation, (H, W) float32: drawn coarsely, then enlarged."""
    step = max(1, int(sigma))
    coarse = rng.standard_normal((shape[0] // step + 2, shape[1] // step + 2)).astype(np.float32)
    small = cv2.GaussianBlur(coarse, (0, 0), max(sigma / step, 0.6))
    large = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large / max(float(large.std()), 1e-6), np.float32)


def albedo(identity: Identity, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The colour of the skin in linear light (H, W, 3): mottled, flushed on cheeks and nose, darker round the eyes."""
    mottle = 1 + 0.016 * noise(rng, x.shape, 9) + 0.014 * noise(rng, x.shape, 3) + 0.02 * noise(rng, x.shape, 1)
    skin = to_linear(identity.skin) * mottle[..., None]
    flush = bump(x, y, (0.47, 0.42), (0.2, 0.17)) + 0.7 * bump(x, y, (0, 0.45), (0.14, 0.12))
    flush = identity.blush * (flush + 0.4 * bump(x, y, (0, 1.25), (0.2, 0.12)))
    skin *= 1 - flush[..., None] * np.array([0.0, 0.17, 0.15], np.float32)
    hollow = bump(x, y, (0.33, 0.02), (0.2, 0.13)) * (0.6 + 0.5 * identity.age)
    skin *= 1 - hollow[..., None] * np.array([0.13, 0.17, 0.14], np.float32)
    if identity.freckles > 0:
        spots = np.clip(noise(rng, x.shape, 2) - 1.7, 0, 1) * bump(x, y, (0.3, 0.33), (0.35, 0.22))
        skin *= 1 - np.clip(identity.freckles, 0, 1) * spots[..., None] * np.array([0.3, 0.42, 0.5], np.float32)
    return skin.astype(np.float32)


def lit(identity: Identity, colour: np.ndarray, field: np.ndarray, pixel: float, gloss: float = 1.0) -> np.ndarray:
    """A surface of this colour (H, W, 3) and height (H, W) under the studio's light, linear (H, W, 3)."""
    nx, ny, nz = normals(field, pixel)
    lx, ly, lz = light_direction(identity)
    facing = nx * lx + ny * ly + nz * lz
    wrap = np.array([0.42, 0.30, 0.25], np.float32)
    diffuse = np.clip((facing[..., None] + wrap) / (1 + wrap), 0, 1)
    sky = (0.58 - 0.40 * ny)[..., None] * np.array([0.94, 0.98, 1.04], np.float32)
    shade = (0.80 * diffuse + 0.26 * sky) * _occlusion(field, pixel)
    half = np.array([lx, ly, lz + 1.0]) / np.linalg.norm([lx, ly, lz + 1.0])
    glance = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1)
    broad = _sixteenth(glance)
    shine = gloss * (0.050 * broad + 0.055 * (broad * broad) ** 2)
    result: np.ndarray = (colour * shade + shine[..., None]).astype(np.float32)
    return result


def _sixteenth(x: np.ndarray) -> np.ndarray:
    """x to the power of 16 by squaring, which is many times faster than a general power."""
    for _ in range(4):
        x = x * x
    return x


def _occlusion(field: np.ndarray, pixel: float) -> np.ndarray:
    """How much light hollows lose, per channel (H, W, 3): blurred height minus height, least in the red."""
    small = cv2.resize(field, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    hollow = cv2.GaussianBlur(small, (0, 0), 0.07 / (4 * pixel)) - small
    full = cv2.resize(hollow, (field.shape[1], field.shape[0]), interpolation=cv2.INTER_LINEAR)
    loss = np.clip(full * 7.0, -0.05, 0.6)
    result: np.ndarray = 1 - loss[..., None] * np.array([0.75, 0.95, 1.0], np.float32)
    return result
