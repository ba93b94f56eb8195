"""The latent check of thesis 3.3.1.2 and 3.3.2: interpolation in Z and W, a clip's path through W+, inverted frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from talking.core.files import atomic_path
from talking.evaluation.report.picture_grid import picture_grid

NEARLY_PARALLEL = 1e-6
Map = Callable[[np.ndarray], np.ndarray]


def lerp(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Return `steps` vectors (steps, D) on the straight line between two (D,), both ends included."""
    share = np.linspace(0, 1, steps)[:, None]
    result: np.ndarray = (1 - share) * first + share * second
    return result


def slerp(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Return `steps` vectors (steps, D) on the great circle between two (D,), both ends included (Shoemake 1985).

    Of vectors of equal length all have that length, and the angle grows evenly. Vectors that are nearly parallel are
    joined by a line; opposite ones have no great circle of their own, and raise ValueError.
    """
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = float(np.clip(first @ second / (lengths[0] * lengths[1]), -1, 1))
    if cosine < -1 + NEARLY_PARALLEL:
        raise ValueError("opposite vectors have no great circle between them")
    if cosine > 1 - NEARLY_PARALLEL:
        return lerp(first, second, steps)
    angle, share = np.arccos(cosine), np.linspace(0, 1, steps)[:, None]
    result: np.ndarray = (np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)
    return result


def interpolations(first: np.ndarray, second: np.ndarray, steps: int, to_w: Map) -> dict[str, np.ndarray]:
    """Return the latents w (steps, D) of four ways from one z (D,) to another, as figure 3.12 has them.

    `to_w` maps z (N, D) to w (N, D). All four begin and end at the same two.
    """
    w = to_w(np.stack([first, second]))
    return {
        "Z lerp": to_w(lerp(first, second, steps)),
        "Z slerp": to_w(slerp(first, second, steps)),
        "W lerp": lerp(w[0], w[1], steps),
        "W slerp": slerp(w[0], w[1], steps),
    }


def project(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a clip's codes (T, L, D) on its first two principal components, (T, 2), and their shares of variance (2,).

    The sign of a component is that which makes its largest number positive, so that the same clip looks the same.
    Raises ValueError for fewer than three frames.
    """
    if len(codes) < 3:
        raise ValueError(f"a path needs three frames or more, not {len(codes)}")
    rows = codes.reshape(len(codes), -1).astype(np.float64)
    centred = rows - rows.mean(axis=0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    largest = vectors[np.arange(2), np.abs(vectors[:2]).argmax(axis=1)]
    components = vectors[:2] * np.where(largest < 0, -1.0, 1.0)[:, None]
    energy = values**2
    return centred @ components.T, energy[:2] / max(float(energy.sum()), np.finfo(float).tiny)


def path_figure(codes: np.ndarray, *, rate: float = 25.0, title: str = "") -> Figure:
    """Draw the path of a clip's codes (T, L, D) in their first two principal components, coloured by time."""
    points, shares = project(codes)
    figure = Figure(figsize=(5.4, 4.4), layout="constrained")
    axis = figure.add_subplot()
    axis.plot(points[:, 0], points[:, 1], color="#BBBBBB", linewidth=0.8, zorder=1)
    dots = axis.scatter(points[:, 0], points[:, 1], c=np.arange(len(points)) / rate, cmap="viridis", s=14, zorder=2)
    figure.colorbar(dots, ax=axis, label="time (s)")
    axis.set(title=title, xlabel=f"first component ({shares[0]:.0%})", ylabel=f"second component ({shares[1]:.0%})")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def write_path(codes: np.ndarray, path: Path, *, rate: float = 25.0, title: str = "") -> None:
    """Write `path_figure` of the same arguments as a PNG without date or version."""
    figure = path_figure(codes, rate=rate, title=title)
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure)
        figure.savefig(temporary, dpi=120, metadata={"Software": None})


def inversion_strip(target: np.ndarray, prediction: np.ndarray, count: int) -> np.ndarray:
    """Return `count` frames of a clip (T, R, R, 3), evenly spaced, real above inverted: a picture (H, W, 3) uint8."""
    if target.shape != prediction.shape:
        raise ValueError(f"frames of shapes {target.shape} and {prediction.shape} cannot be shown together")
    chosen = np.unique(np.linspace(0, len(target) - 1, min(count, len(target))).round().astype(int))
    return picture_grid({"real": target[chosen], "inverted": prediction[chosen]})
