"""The rows of the comparison: which codes each is made from, and which generator draws it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from talking.core.moments import Moments
from talking.corpora.roles import TestClip as RoleClip
from talking.media.video import encode_frames, read_metadata
from talking.models.basis import fit_basis
from talking.models.ridge import Ridge
from talking.models.stylegan2 import Generator
from talking.synthesis.codes import synthesise_frames
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.material import Material
from talking.systems.mm22.methods import METHODS
from talking.systems.mm22.predict import MARK, RowMaker, from_rest, linear_codes, predicted_codes, rest_of
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize

STYLES, WIDTH, K, FRAMES = 6, 8, 3, 4


@pytest.fixture(scope="module")
def model() -> TalkingHead:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    basis = fit_basis(Moments.of(np.random.default_rng(0).normal(size=(60, STYLES * WIDTH))), K, STYLES)
    return TalkingHead(basis, TalkingHeadSize(width=4, lstm_layers=1, code_dim=16, hidden=8, whiten=True)).eval()


@pytest.fixture(scope="module")
def linear() -> LinearFit:
    weights = np.random.default_rng(1).normal(size=(336 + K + 1, K)) * 0.1
    return LinearFit(
        Ridge(weights),
        np.ones(K, np.float32),
        np.zeros(12, np.float32),
        np.ones(12, np.float32),
        np.zeros(K, np.float32),
        np.ones(K, np.float32),
        penalty=1.0,
    )


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(2)
    windows, other = rng.normal(size=(2, FRAMES, 12, 28)).astype(np.float32)
    identity = rng.integers(0, 256, (24, 24, 3), np.uint8)
    return Material(rng.normal(size=(FRAMES, STYLES, WIDTH)).astype(np.float32), windows, other, identity)


def generator(seed: int) -> Generator:
    torch.manual_seed(seed)
    return Generator(16, style_dim=WIDTH, n_mlp=1, channel_max=8).eval()


def test_each_row_is_made_from_its_codes_by_its_generator(model, linear, material) -> None:
    own, tuned = generator(1), generator(2)
    rows = dict(RowMaker(model, linear, own, tuned, 24).rows(material))
    assert set(rows) == set(METHODS.names)
    assert all(frames.shape == (FRAMES, 24, 24, 3) and frames.dtype == np.uint8 for frames in rows.values())
    start = material.codes[0]
    spoken, wrong = (predicted_codes(model, sound, start) for sound in (material.windows, material.other))
    wanted = {
        "inversion": (own, material.codes),
        "inversion_tuned": (tuned, material.codes),
        "linear": (tuned, linear_codes(linear, model, material.windows, start)),
        "wrong_audio": (tuned, wrong),
        "stage_one": (own, spoken),
        "stage_two": (tuned, spoken),
    }
    for name, (network, codes) in wanted.items():
        assert np.array_equal(rows[name], synthesise_frames(network, codes, 24)), name
    assert all(np.array_equal(frame, material.identity) for frame in rows["static"])
    for name, (network, _) in wanted.items():
        if ceiling := METHODS[name].ceiling:
            assert wanted[ceiling][0] is network and wanted[ceiling][1] is material.codes, f"the ceiling of {name}"


def test_the_wrong_audio_changes_the_codes(model, material) -> None:
    start = material.codes[0]
    gap = predicted_codes(model, material.windows, start) - predicted_codes(model, material.other, start)
    assert np.abs(gap).max() > 1e-4


@torch.no_grad()
def test_predicted_codes_are_the_models_for_the_identity_code(model, material) -> None:
    start = material.codes[2].astype(np.float16)
    made = predicted_codes(model, material.windows, start)
    wanted = model(torch.from_numpy(material.windows)[None], torch.from_numpy(start.astype(np.float32))[None])[0]
    assert made.shape == (FRAMES, STYLES, WIDTH)
    np.testing.assert_allclose(made, wanted, atol=1e-6)


def test_linear_codes_are_the_regressions_coefficients_through_the_basis(model, linear, material) -> None:
    start, basis = material.codes[0], model.projector
    scale = basis.scale.numpy()
    identity = (start.ravel() - basis.mean.numpy()) @ basis.components.numpy().T / scale
    inputs = np.c_[material.windows.reshape(FRAMES, -1), np.tile(identity, (FRAMES, 1)), np.ones(FRAMES)]
    wanted = start.ravel() + (inputs @ linear.ridge.weights * scale) @ basis.components.numpy()
    made = linear_codes(linear, model, material.windows, start)
    np.testing.assert_allclose(made.reshape(FRAMES, -1), wanted, atol=1e-4)


def test_the_model_stays_on_its_device(model, linear, material, monkeypatch) -> None:
    def moved(*_: object) -> None:
        raise AssertionError("a module was moved")

    monkeypatch.setattr(nn.Module, "_apply", moved)
    linear_codes(linear, model, material.windows, material.codes[0])
    predicted_codes(model, material.windows, material.codes[0])


def test_every_video_is_marked_as_synthetic(tmp_path) -> None:
    encode_frames(np.zeros((2, 16, 16, 3), np.uint8), tmp_path / "made.mp4", metadata=MARK)
    kept = read_metadata(tmp_path / "made.mp4")
    assert "synthetic" in kept["comment"]
    assert kept["description"].endswith("/digitalsourcetype/trainedAlgorithmicMedia")


@given(arrays(np.float32, (7, 2, 3), elements=st.floats(-3, 3, width=32)))
def test_from_rest_the_beginning_has_the_identity_code_and_every_movement_stays(codes: np.ndarray) -> None:
    identity = np.full((2, 3), 0.5, np.float32)
    moved = from_rest(codes, identity)
    np.testing.assert_allclose(moved[:5].mean(axis=0), identity, atol=1e-5)
    np.testing.assert_allclose(np.diff(moved, axis=0), np.diff(codes, axis=0), atol=1e-5)


def test_a_stranger_rests_as_pictured_in_every_row_that_predicts_codes(model, linear, material) -> None:
    own, tuned = generator(1), generator(2)
    learned = dict(RowMaker(model, linear, own, tuned, 24).rows(material))
    pictured = dict(RowMaker(model, linear, own, tuned, 24, "picture").rows(material))
    different = {row for row, frames in learned.items() if (frames != pictured[row]).any()}
    assert different == {"wrong_audio", "linear", "stage_one", "stage_two"}
    start = material.codes[0]
    codes = from_rest(predicted_codes(model, material.windows, start), start)
    np.testing.assert_array_equal(pictured["stage_one"], synthesise_frames(own, codes, 24))


@pytest.mark.parametrize(
    ("asked", "known", "rest"),
    [
        ("auto", True, "learned"),
        ("auto", False, "picture"),
        ("learned", False, "learned"),
        ("picture", True, "picture"),
    ],
)
def test_by_itself_only_people_of_the_training_set_rest_as_learned(asked, known, rest) -> None:
    assert rest_of(asked, RoleClip("s1_a", "s1", "", "unseen", "", "", known=known)) == rest
