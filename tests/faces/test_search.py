"""Small faces in large pictures, and what is said of faces that do not look out of the picture."""

import cv2
import numpy as np
import pytest

from talking.core.errors import Rejected
from talking.faces import search
from talking.faces.detectors import Box, DlibDetector
from talking.faces.face import find_face
from talking.faces.search import TILE, still_faces

FACE = 87  # The side of dlib's box in the astronaut's photograph.


def texture(height: int, width: int) -> np.ndarray:
    """A picture that is rough at every scale, and shows nothing."""
    draw, sizes = np.random.default_rng(0), [2**power for power in range(3, 9)]
    layers = [cv2.resize(draw.normal(size=(n, n, 3)), (width, height)) * 60 / n**0.5 for n in sizes]
    return np.clip(128 + np.sum(layers, axis=0), 0, 255).astype(np.uint8)


def placed(astronaut: np.ndarray, pixels: int, at: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """The astronaut, her face `pixels` large, at (x, y) in a texture of (height, width)."""
    small = cv2.resize(astronaut, None, fx=pixels / FACE, fy=pixels / FACE, interpolation=cv2.INTER_AREA)
    whole = texture(*size)
    whole[at[1] : at[1] + len(small), at[0] : at[0] + small.shape[1]] = small
    return whole


@pytest.mark.parametrize(
    ("pixels", "at", "size"),
    [(100, (1100, 1300), (3000, 4000)), (150, (50, 1500), (2400, 3000)), (110, (7300, 20), (700, 9000))],
)
def test_a_small_face_of_a_large_picture_is_found_where_it_is(
    detector, astronaut, astronaut_landmarks, pixels, at, size
) -> None:
    face = find_face(placed(astronaut, pixels, at, size), detector)
    wanted = (astronaut_landmarks + 0.5) * (pixels / FACE) - 0.5 + at
    assert face.others == 0, "a face that two tiles share is one"
    assert np.abs(face.landmarks - wanted).mean() < 0.05 * pixels


class SquareDetector:
    """Finds a white square whole: sees nothing in whole pictures, and in tiles what lies within them."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def faces(self, picture: np.ndarray) -> list[Box]:
        return []

    def scan(self, tile: np.ndarray) -> list[Box]:
        self.sizes.append(tile.shape[:2])
        rows, columns = (np.flatnonzero((tile[..., 0] > 127).any(axis=axis)) for axis in (1, 0))
        if not len(rows) or rows[0] == 0 or columns[0] == 0 or rows[-1] == len(tile) - 1:
            return []
        inside = columns[-1] < tile.shape[1] - 1
        return [Box(columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5)] if inside else []


@pytest.mark.parametrize("left", [5, 1100, 1210, 1400, 1590, 2300, 3760])
@pytest.mark.parametrize("side", [80, 230])
def test_wherever_a_face_lies_a_tile_has_it_whole(left: int, side: int) -> None:
    picture = np.zeros((1700, 4000, 3), np.uint8)
    picture[1300 : 1300 + side, left : left + side] = 255
    detector = SquareDetector()
    (box,) = still_faces(picture, detector)
    np.testing.assert_allclose(box, [left - 0.5, 1299.5, left + side - 0.5, 1299.5 + side], atol=1)
    assert max(max(size) for size in detector.sizes) <= TILE


def test_a_picture_is_looked_at_more_finely_until_a_face_is_found(monkeypatch) -> None:
    looks = []
    monkeypatch.setattr(search, "_in_tiles", lambda picture, scale, detector: looks.append(scale) or [])
    assert still_faces(np.zeros((20, 16000, 3), np.uint8), SquareDetector()) == []
    assert looks == [5120 / 16000, 1.0]
    looks.clear()
    assert still_faces(np.zeros((800, 1280, 3), np.uint8), SquareDetector()) == [] and not looks


@pytest.mark.parametrize("shape", [(1, 5000), (2, 3000), (3000, 2), (1, 1), (31, 8000)])
def test_a_strip_shows_no_face(detector, shape) -> None:
    with pytest.raises(Rejected, match="strip: no face was found"):
        find_face(np.full((*shape, 3), 90, np.uint8), detector, "strip")


def test_a_picture_that_lies_on_its_side_is_said_so(detector, astronaut) -> None:
    for turns in (1, 2, 3):
        with pytest.raises(Rejected, match="lies on its side or stands on its head"):
            find_face(np.ascontiguousarray(np.rot90(astronaut, turns)), detector)


def test_a_face_that_does_not_look_out_of_the_picture_is_refused_for_that(detector, astronaut) -> None:
    tilted = cv2.warpAffine(astronaut, cv2.getRotationMatrix2D((220, 130), 47, 1), (512, 512))
    with pytest.raises(Rejected, match=r"turned aside, tilted or half hidden: give a picture that shows it upright"):
        find_face(tilted, detector)
    with pytest.raises(Rejected, match="no face was found"):
        find_face(texture(400, 600), detector)


def test_without_the_model_of_other_sides_a_face_is_just_not_found(detector, tmp_path, astronaut) -> None:
    lacking = DlibDetector.__new__(DlibDetector)
    lacking.__dict__ |= {**detector.__dict__, "_any_way": tmp_path / "none.dat"}
    assert not lacking.turned_away(astronaut)
