"""The rows of the comparison: which codes each is made from, and which generator draws it."""

import numpy as np
import pytest
import torch
from torch import nn

from talking.core.moments import Moments
from talking.media.video import encode_frames, read_metadata
from talking.models.basis import fit_basis
from talking.models.ridge import Ridge
from talking.models.stylegan2 import Generator
from talking.synthesis.codes import synthesise_frames
from talking.systems.mm22.delivery import Delivery
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.material import Material
from talking.systems.mm22.methods import METHODS
from talking.systems.mm22.predict import MARK, RowMaker, linear_codes, predicted_codes
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


def test_the_floors_that_predict_codes_have_the_models_delivery_and_the_others_none(model, linear, material) -> None:
    own, tuned, delivery = generator(1), generator(2), Delivery("picture", 1.2)
    plain = dict(RowMaker(model, linear, own, tuned, 24).rows(material))
    delivered = dict(RowMaker(model, linear, own, tuned, 24, delivery).rows(material))
    different = {row for row, frames in plain.items() if (frames != delivered[row]).any()}
    assert different == {"wrong_audio", "linear", "stage_one", "stage_two"}
    start = material.codes[0]
    codes = delivery(predicted_codes(model, material.windows, start), start)
    np.testing.assert_array_equal(delivered["stage_one"], synthesise_frames(own, codes, 24))
