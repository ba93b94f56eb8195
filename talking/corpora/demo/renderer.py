"""Draws an identity in a state: one remap of its plate moves the skin, then eyes and mouth are painted over it."""

import cv2
import numpy as np

from talking.corpora.demo import body, eyes, motion, mouth
from talking.corpora.demo.beard import brow_path
from talking.corpora.demo.canvas import Canvas
from talking.corpora.demo.head import outline
from talking.corpora.demo.identity import Identity
from talking.corpora.demo.plate import draw_plate
from talking.corpora.demo.state import FaceState

_EYES_APART = 73.0
_FINE = 2


class Renderer:
    """Frames of one identity. Building it draws the plate (about 0.3 s); a frame takes a few milliseconds."""

    def __init__(self, identity: Identity, width: int = 360, height: int = 288) -> None:
        """Frames are `width` by `height` pixels; the face keeps GRID's share of the smaller of the two."""
        self.identity = identity
        self.unit = _EYES_APART * identity.size * min(width / 360, height / 288)
        self.centre = np.array([width / 2, height * 0.535]) - 0.5
        self._frame = self._canvas(width, height, 1, 0)
        self._plate_canvas = self._canvas(width, height, _FINE, int(0.4 * self.unit))
        self._plate = draw_plate(identity, self._plate_canvas)
        self._grid = self._frame.grid()
        self._contour = _resting_points(identity)
        self._glasses = body.glasses(identity, self._plate_canvas) if identity.glasses else None

    def frame(self, state: FaceState) -> tuple[np.ndarray, np.ndarray]:
        """The frame, uint8 RGB (H, W, 3), and its true landmarks, float32 (68, 2) in pixels, iBUG order."""
        x, y = motion.still_head(state, *self._grid)
        u, v = x.copy(), y.copy()
        face = self._box(state, (0.0, 0.45), (1.0, 1.65))
        u[face], v[face] = motion.pull_back(self.identity, state, x[face], y[face])
        image = self._sample(self._plate, u, v)
        for box, side in self._boxes(state):
            self._paint(image, state, box, side)
        if self._glasses is not None:
            self._put_on_glasses(image, x, y, self._box(state, (0.0, 0.05), (0.95, 0.3)))
        return image, self._landmarks(state)

    def _put_on_glasses(self, image: np.ndarray, x: np.ndarray, y: np.ndarray, box: tuple[slice, slice]) -> None:
        assert self._glasses is not None
        colour, cover = (self._sample(layer, x[box], y[box]) for layer in self._glasses)
        mixed = image[box] + cover[..., None] * (255 * colour - image[box])
        image[box] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)

    def _canvas(self, width: int, height: int, fine: int, margin: int) -> Canvas:
        pixel = 1 / (self.unit * fine)
        left, top = -(self.centre + margin) / self.unit - 0.5 * (1 - 1 / fine) / self.unit
        return Canvas(left, top, pixel, (width + 2 * margin) * fine, (height + 2 * margin) * fine)

    def _sample(self, plate: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        canvas = self._plate_canvas
        columns = ((x - canvas.left) / canvas.pixel).astype(np.float32)
        rows = ((y - canvas.top) / canvas.pixel).astype(np.float32)
        return cv2.remap(plate, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _boxes(self, state: FaceState) -> list[tuple[tuple[slice, slice], int]]:
        """The part of the frame around each eye (side -1 and 1) and around the mouth (0)."""
        eye, my = eyes.centre(self.identity), self.identity.mouth_y
        places = [((-eye, 0.0), (0.22, 0.16), -1), ((eye, 0.0), (0.22, 0.16), 1), ((0.0, my + 0.09), (0.38, 0.31), 0)]
        boxes = [(self._box(state, centre, reach), side) for centre, reach, side in places]
        return [box for box in boxes if box[0][0].stop > box[0][0].start and box[0][1].stop > box[0][1].start]

    def _box(self, state: FaceState, centre: tuple[float, float], reach: tuple[float, float]) -> tuple[slice, slice]:
        """Rows and columns of the frame around a rectangle of the moved head, cut to the frame."""
        corners = np.array([(centre[0] + a * reach[0], centre[1] + b * reach[1]) for a in (-1, 1) for b in (-1, 1)])
        pixels = self._to_pixels(motion.move_head(state, corners))
        limit = (self._frame.width, self._frame.height)
        low = np.clip(np.floor(pixels.min(axis=0)), 0, limit).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, limit).astype(int)
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    def _paint(self, image: np.ndarray, state: FaceState, box: tuple[slice, slice], side: int) -> None:
        """Paint one feature at twice the frame's resolution and average it down."""
        rows, columns = box
        x, y = self._fine_grid(rows, columns)
        u, v = motion.still_head(state, x, y)
        at = motion.pull_back(self.identity, state, u, v)
        patch = self._sample(self._plate, *at).astype(np.float32) / 255
        if side:
            patch = eyes.paint(eyes.Eye.at(self.identity, state, (u, v), side), patch)
        else:
            patch = mouth.paint(mouth.Mouth.at(self.identity, state, (u, v)), patch)
        size = (columns.stop - columns.start, rows.stop - rows.start)
        small = cv2.resize(np.clip(patch, 0, 1).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        image[rows, columns] = np.round(small * 255).astype(np.uint8)

    def _fine_grid(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        frame, fine = self._frame, _FINE
        offset = (np.arange(fine) - (fine - 1) / 2) / fine
        across = (np.arange(columns.start, columns.stop)[:, None] + offset).ravel() * frame.pixel + frame.left
        down = (np.arange(rows.start, rows.stop)[:, None] + offset).ravel() * frame.pixel + frame.top
        x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
        return x, y

    def _to_pixels(self, points: np.ndarray) -> np.ndarray:
        return points * self.unit + self.centre

    def _landmarks(self, state: FaceState) -> np.ndarray:
        identity = self.identity
        skin = motion.push(identity, state, self._contour)
        face = np.vstack([skin, eyes.landmarks(identity, state.blink), mouth.landmarks(identity, state)])
        return self._to_pixels(motion.move_head(state, face)).astype(np.float32)


def _resting_points(identity: Identity) -> np.ndarray:
    """Points 0 to 35 at rest, (36, 2) face units: contour, brows, bridge and base of the nose."""
    curve = outline(identity)
    heights = np.array([0.02, 0.25, 0.47, 0.69, 0.90, 1.085, 1.24, 1.355]) * identity.chin_length / 1.4
    side = np.stack([np.interp(heights, curve[:, 1], curve[:, 0]), heights], axis=1)
    jaw = np.vstack([side * (-1, 1), [(0.0, identity.chin_length)], side[::-1]])
    brow = brow_path(identity)
    base, wide = identity.nose_length, identity.nose_width
    bridge = np.stack([np.zeros(4), np.linspace(-0.042, base - 0.17, 4)], axis=1)
    under = [(-wide, base - 0.05), (-wide / 2, base - 0.018), (0, base), (wide / 2, base - 0.018), (wide, base - 0.05)]
    return np.vstack([jaw, brow[::-1] * (-1, 1), brow, bridge, np.array(under)])
