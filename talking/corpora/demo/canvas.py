"""The picture plane of a drawn face: a pixel grid over face units, and antialiased shapes on it."""

from dataclasses import dataclass

import cv2
import numpy as np

_SHIFT = 4


@dataclass(frozen=True)
class Canvas:
    """A grid of `width` by `height` pixels of `pixel` face units each; its first pixel's centre is (left, top)."""

    left: float
    top: float
    pixel: float
    width: int
    height: int

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Face units x and y of every pixel, each (height, width) float32."""
        x = self.left + self.pixel * np.arange(self.width, dtype=np.float32)
        y = self.top + self.pixel * np.arange(self.height, dtype=np.float32)
        across, down = np.meshgrid(x, y)
        return across.astype(np.float32), down.astype(np.float32)

    def part(self, left: float, top: float, right: float, bottom: float) -> tuple["Canvas", tuple[slice, slice]]:
        """The piece of the canvas that covers a rectangle of face units, and its rows and columns in the whole."""
        c0, c1 = (int(np.clip((v - self.left) / self.pixel, 0, self.width)) for v in (left, right))
        r0, r1 = (int(np.clip((v - self.top) / self.pixel, 0, self.height)) for v in (top, bottom))
        corner = (self.left + c0 * self.pixel, self.top + r0 * self.pixel)
        return Canvas(*corner, self.pixel, c1 - c0, r1 - r0), (slice(r0, r1), slice(c0, c1))

    def fixed(self, points: np.ndarray) -> np.ndarray:
        """Face units (..., 2) as OpenCV's fixed point pixels, int32."""
        pixels = (np.asarray(points) - (self.left, self.top)) / self.pixel
        return np.round(pixels * (1 << _SHIFT)).astype(np.int32)

    def polygon(self, points: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """Coverage of a polygon (K, 2) in face units as float32 (height, width) in [0, 1], blurred by `soft` units."""
        mask = np.zeros((self.height, self.width), np.uint8)
        cv2.fillPoly(mask, [self.fixed(points)], 255, cv2.LINE_AA, _SHIFT)
        cover = mask.astype(np.float32) / 255
        return cv2.GaussianBlur(cover, (0, 0), soft / self.pixel) if soft else cover

    def lines(self, image: np.ndarray, paths: list[np.ndarray], colour: tuple[int, ...], thickness: int) -> None:
        """Draw open paths, each (K, 2) face units, into a uint8 image of the canvas's size."""
        fixed = [self.fixed(path) for path in paths]
        cv2.polylines(image, fixed, False, colour, thickness, cv2.LINE_AA, _SHIFT)


def over(image: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Lay a colour, (3,) or (H, W, 3), over an image (H, W, 3) where `cover` (H, W) is 1."""
    result: np.ndarray = (image + cover[..., None] * (colour - image)).astype(np.float32)
    return result
