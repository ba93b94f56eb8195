"""Plots: what is drawn, read back from the pixels."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.io import imread

from talking.evaluation.report.plots import plot_metric_bars, plot_openings
from talking.systems.mm22.methods import METHODS

COLOURS = {method.name: method.colour for method in METHODS.methods}
SUMMARY = {
    "linear": {"psnr": 20.0, "fid": None, "frames": 10},
    "stage_two": {"psnr": 40.0, "fid": None, "frames": 10},
}


def pixels(path: Path, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels that have the colour."""
    picture = imread(path)[..., :3].astype(int)
    return np.nonzero(np.abs(picture - np.round(np.array(to_rgb(colour)) * 255)).max(axis=-1) <= 2)


def test_bars_are_as_long_as_the_values_in_the_rows_colours(tmp_path: Path) -> None:
    plot_metric_bars(SUMMARY, tmp_path / "bars.png", METHODS)
    lengths = [np.ptp(pixels(tmp_path / "bars.png", COLOURS[row])[1]) for row in ("linear", "stage_two")]
    assert lengths[1] / lengths[0] == pytest.approx(2, rel=0.05)
    heights = [pixels(tmp_path / "bars.png", COLOURS[row])[0].mean() for row in ("linear", "stage_two")]
    assert heights[0] < heights[1]


def test_a_line_spans_a_bars_interval(tmp_path: Path) -> None:
    bounded = {**SUMMARY, "linear": {**SUMMARY["linear"], "psnr_low": 10.0, "psnr_high": 30.0}}
    plot_metric_bars(bounded, tmp_path / "bars.png", METHODS)
    bar = pixels(tmp_path / "bars.png", COLOURS["linear"])
    picture = imread(tmp_path / "bars.png")[..., :3].astype(int)
    middle = picture[round(bar[0].mean()) - 2 : round(bar[0].mean()) + 3].min(axis=(0, 2)) < 60
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], middle, [0]]))))[::2]
    length = np.ptp(pixels(tmp_path / "bars.png", COLOURS["stage_two"])[1]) / 2
    assert runs.max() == pytest.approx(length, rel=0.05), "20 of 40: from 10 to 30"


def test_the_openings_curve_is_where_its_values_are(tmp_path: Path) -> None:
    target = np.concatenate([np.zeros(50), np.full(50, 10.0)])
    plot_openings(target, {"stage_two": np.full(100, 5.0)}, tmp_path / "o.png", METHODS, title="clip")
    lines, columns = pixels(tmp_path / "o.png", COLOURS["stage_two"])
    assert np.ptp(columns) > 800
    height, width = imread(tmp_path / "o.png").shape[:2]
    assert (height, width) == (360, 1080)
    level = lines[(columns > 0.4 * width) & (columns < 0.6 * width)]
    assert np.ptp(level) < 6
    assert 0.3 * height < level.mean() < 0.6 * height


def test_svg_is_written_too_and_equal_numbers_give_equal_bytes(tmp_path: Path) -> None:
    for suffix in (".svg", ".png"):
        files = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for file in files:
            plot_metric_bars(SUMMARY, file, METHODS)
        assert files[0].read_bytes() == files[1].read_bytes()
    assert "<svg" in (tmp_path / "0.svg").read_text()[:1000]


def test_nothing_to_draw_is_an_empty_plot_and_no_error(tmp_path: Path) -> None:
    plot_metric_bars({"static": {"psnr": None}}, tmp_path / "b.png", METHODS)
    assert imread(tmp_path / "b.png").min() == 255
