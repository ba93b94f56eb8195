"""A crop put back where it was cut from gives the picture again; outside the mask nothing changes."""

import numpy as np
import pytest
import skimage.data

from talking.app.label import labelled
from talking.faces.alignment import crop
from talking.faces.detectors import make_detector
from talking.faces.face import Face, find_face
from talking.faces.paste import MASK_SIZE, Paste, face_mask


@pytest.fixture(scope="module")
def face() -> Face:
    return find_face(skimage.data.astronaut()[:501, :451], make_detector("dlib"))


@pytest.mark.parametrize("size", [128, 256, 512])
def test_the_crop_itself_fits_where_it_was_cut_out(face, size) -> None:
    paste = Paste(face)
    whole = paste(crop(face.picture, face.quad, size))
    assert whole.shape == (*paste.shape, 3) and whole.dtype == np.uint8
    assert not whole.shape[0] % 2 and not whole.shape[1] % 2
    nothing = paste(np.zeros((size, size, 3), np.uint8))
    changed = (nothing != whole).any(axis=2)
    error = np.abs(whole.astype(int) - Paste(face)._picture)[changed].mean()
    shifted = np.abs(np.roll(whole, 2, axis=1).astype(int) - whole)[changed].mean()
    assert error < 0.5 * shifted, "nearer than a shift by two pixels"


def test_the_mask_holds_the_face_and_stays_within_the_crop(face) -> None:
    points = (face.landmarks - face.quad[0]) / np.linalg.norm(face.quad[3] - face.quad[0])
    assert points.min() > 0
    angle = np.arctan2(*(face.quad[3] - face.quad[0])[::-1])
    turned = points @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mask = face_mask((turned * MASK_SIZE).astype(np.float32))
    assert mask.min() == 0 and mask.max() > 0.999
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) < 1e-3
    mouth = np.rint(turned[48:68] * MASK_SIZE).astype(int)
    assert (mask[mouth[:, 1], mouth[:, 0]] > 0.99).all()
    steps = np.abs(np.diff(mask, axis=0)).max(), np.abs(np.diff(mask, axis=1)).max()
    assert max(steps) < 0.2, "a soft edge"


@pytest.mark.parametrize("shape", [(64, 64), (256, 256), (300, 1000), (1000, 300)])
def test_the_label_is_inside_a_corner_and_the_frame_is_left_alone(shape) -> None:
    frame = np.full((*shape, 3), 90, np.uint8)
    marked = labelled(frame)
    assert (frame == 90).all()
    rows, columns = np.nonzero((marked != 90).any(axis=2))
    assert rows.min() > shape[0] / 2 and columns.max() < 0.75 * shape[1]
    assert marked.max() > 150 and marked.min() == 0
