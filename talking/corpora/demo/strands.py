"""Hair as strands: sheets of curves between guides, drawn one over another, each lock with its own tone."""

from dataclasses import dataclass

import numpy as np

from talking.corpora.demo.canvas import Canvas
from talking.corpora.demo.head import spline

_BATCHES = 36


@dataclass(frozen=True)
class Sheet:
    """Strands that run along and between guides.

    guides: (G, K, 2) face units, from root to tip; strands lie anywhere between the first and the last.
    count: how many strands. wave: sideways amplitude, face units, and `turns` how often over a strand's length.
    length: share of the guide a strand covers, from a random start; 1 draws whole strands. stray: jitter, face units.
    """

    guides: np.ndarray
    count: int
    wave: float = 0.0
    turns: float = 2.0
    length: float = 1.0
    stray: float = 0.012

    def outline(self) -> np.ndarray:
        """The polygon the strands fill, (K, 2)."""
        first, last = spline(self.guides[0], 40), spline(self.guides[-1], 40)
        return np.vstack([first, self.guides[1:-1, -1], last[::-1], self.guides[-2:0:-1, 0]])


def strands(sheet: Sheet, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The sheet's curves, (count, P, 2) face units, and the tone of each, (count,) in [0, 1]."""
    u = rng.random(sheet.count)
    whole = sheet.length >= 1
    points = 26 if whole else 10
    start = np.zeros(sheet.count) if whole else rng.uniform(-0.05, 1.02 - 0.6 * sheet.length, sheet.count)
    end = rng.uniform(0.90, 1.03, sheet.count) if whole else start + sheet.length * rng.uniform(0.6, 1.1, sheet.count)
    t = start[:, None] + (end - start)[:, None] * np.linspace(0, 1, points)
    path = _between(sheet.guides, u, t)
    lock = np.cumsum(rng.standard_normal(64))[(u * 63).astype(int)]
    phase = 0.9 * lock + rng.normal(0, 0.25, sheet.count)
    swing = sheet.wave * np.sin(2 * np.pi * sheet.turns * t + phase[:, None]) * np.clip(t * 2.5, 0, 1)
    along = np.gradient(path, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-6)
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    lean = rng.normal(0, sheet.stray, (sheet.count, 1)) * np.linspace(0.4, 1.6, points)
    path = path + across * (swing + lean)[..., None]
    tone = 0.62 + 0.10 * np.sin(1.7 * lock) + rng.normal(0, 0.12, sheet.count)
    return path, np.clip(tone, 0.2, 1.0)


def _between(guides: np.ndarray, u: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points at (across u (N,), along t (N, P)) of the surface that the guides span, (N, P, 2)."""
    along = np.stack([spline(guide, 61) for guide in guides])
    surface = np.stack([spline(along[:, k], 41) for k in range(61)], axis=1)
    base = np.clip(t, 0, 1) * 60
    k = np.minimum(base.astype(int), 59)
    f = (base - k)[..., None]
    rows = np.round(u * 40).astype(int)[:, None]
    points = surface[rows, k] * (1 - f) + surface[rows, k + 1] * f
    next_row = np.minimum(rows + 1, 40)
    shift = (u * 40 - np.round(u * 40))[:, None, None] * (surface[next_row, k] - surface[rows, k])
    beyond = (t - np.clip(t, 0, 1))[..., None] * (surface[rows, np.minimum(k + 1, 60)] - surface[rows, k]) * 60
    result: np.ndarray = points + shift + beyond
    return result


def draw(
    canvas: Canvas, sheets: list[Sheet], rng: np.random.Generator, under: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Tone and coverage of sheets of hair, each float32 (H, W) in [0, 1]; `under` the opacity of what lies beneath."""
    image = np.zeros((canvas.height, canvas.width, 3), np.uint8)
    for sheet in sheets:
        if under > 0:
            beneath = (under * canvas.polygon(sheet.outline(), 0.018) * 255).astype(np.uint8)
            image[..., 1] = np.maximum(image[..., 1], beneath)
            image[..., 0] = np.maximum(image[..., 0], (beneath * 0.38).astype(np.uint8))
        _draw_sheet(canvas, image, sheet, rng)
    cover = image[..., 1].astype(np.float32) / 255
    brightness = image[..., 0].astype(np.float32) / 255 / np.maximum(cover, 0.02)
    return np.clip(brightness, 0, 1.2).astype(np.float32), cover


def _draw_sheet(canvas: Canvas, image: np.ndarray, sheet: Sheet, rng: np.random.Generator) -> None:
    paths, tones = strands(sheet, rng)
    batches = np.array_split(np.arange(sheet.count), _BATCHES)
    for b, batch in enumerate(batches):
        order = batch[np.argsort(tones[batch])]
        for part in np.array_split(order, 3):
            if len(part):
                depth = 0.72 + 0.28 * b / _BATCHES
                tone = int(255 * depth * float(tones[part].mean()))
                canvas.lines(image, list(paths[part]), (tone, 255, 0), 2 if b < _BATCHES // 3 else 1)
