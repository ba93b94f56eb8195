"""The read-out from coefficients to the mouth: a known one is found again, moving heads are not taken for it."""

import numpy as np
import pytest
import torch

from talking.models.basis import Basis, Projector
from talking.systems.mm22.lip_readout import fit_readout, load_readout, mouth_shape, save_readout
from talking.systems.mm22.losses import LatentTerm

K, STYLES, WIDTH = 3, 2, 4


def projector() -> Projector:
    basis = Basis(
        np.eye(K, STYLES * WIDTH, dtype=np.float32),
        np.zeros(STYLES * WIDTH, np.float32),
        np.ones(K, np.float32),
        total_variance=1.0,
        n_styles=STYLES,
    )
    return Projector(basis, whiten=True)


def face(mouth: np.ndarray, place: np.ndarray, size: float = 1.0) -> np.ndarray:
    """Landmarks (T, 68, 2) of a face at places (T, 2), its mouth moved by (T, 20, 2)."""
    resting = np.random.default_rng(0).uniform(0, 1, (68, 2))
    resting[36:48] += [0, -3]
    points = np.repeat(resting[None], len(mouth), axis=0)
    points[:, 48:] += mouth
    return size * points + place[:, None]


def test_the_mouths_shape_is_that_of_the_face_wherever_and_however_large_it_is() -> None:
    rng = np.random.default_rng(1)
    mouth = 0.1 * rng.normal(size=(5, 20, 2))
    still = mouth_shape(face(mouth, np.zeros((5, 2))))
    np.testing.assert_allclose(mouth_shape(face(mouth, rng.normal(size=(5, 2)), size=7)), still, atol=1e-9)


def test_a_mouth_that_is_linear_in_the_codes_is_found_again_whatever_else_the_codes_hold() -> None:
    rng, target = np.random.default_rng(2), np.random.default_rng(3).normal(size=(K, 40))
    target[2] = 0  # What the third component holds is not the mouth.

    def clip() -> tuple[np.ndarray, np.ndarray]:
        codes = rng.normal(size=(60, STYLES, WIDTH)).astype(np.float32)
        mouth = codes.reshape(60, -1)[:, :K] @ target
        rest = rng.normal(size=STYLES * WIDTH).astype(np.float32)  # each clip rests at a face of its own
        return codes + 5 * rest.reshape(STYLES, WIDTH), face(mouth.reshape(60, 20, 2), rng.normal(size=(60, 2)))

    readout = fit_readout((clip() for _ in range(6)), projector())
    wanted = target * np.sqrt(40 / np.square(target).sum())
    np.testing.assert_allclose(readout, wanted, atol=0.03)


def test_a_mouth_that_never_moves_gives_zeros(tmp_path) -> None:
    codes = np.random.default_rng(4).normal(size=(9, STYLES, WIDTH)).astype(np.float32)
    readout = fit_readout([(codes, face(np.zeros((9, 20, 2)), np.zeros((9, 2))))], projector())
    assert readout.shape == (K, 40) and np.abs(readout).max() < 1e-6
    save_readout(readout, tmp_path)
    np.testing.assert_array_equal(load_readout(tmp_path), readout)


def test_the_share_of_the_lips_mixes_two_mean_squares() -> None:
    readout = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    prediction, target = torch.tensor([[[1.0, 0.0, 3.0]]]), torch.zeros(1, 1, STYLES, WIDTH)
    losses = []
    for share in (0.0, 0.25, 1.0):
        term = LatentTerm(
            projector(), between="coefficients", kind="mean_square", weights=torch.ones(K), readout=readout, lips=share
        )
        losses.append(term(prediction, target).item())
    assert losses == pytest.approx([10 / 3, 0.75 * 10 / 3 + 0.25 * 2, 2])
