"""LPIPS as a measure: by a trunk from a file, or not at all."""

from pathlib import Path

import lpips
import numpy as np
import pytest
import torch

from talking.losses.perceptual import PerceptualLoss
from talking.metrics.perceptual import Lpips, load_lpips
from talking.metrics.unavailable import Unavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trunk = PerceptualLoss("squeeze", seed=4).lpips.net.state_dict()
    torch.save(
        {name.split(".", 1)[1]: value.clone() for name, value in trunk.items()}, tmp_path / "squeezenet1_1-x.pth"
    )
    return tmp_path


def video(seed: int, length: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (length, 64, 64, 3), dtype=np.uint8)


def test_without_weights_there_is_a_reason_and_no_number(tmp_path: Path) -> None:
    value = load_lpips(tmp_path, device="cpu")
    assert isinstance(value, Unavailable) and "squeezenet1_1-b8a52dc0.pth" in value.reason
    assert isinstance(load_lpips(None, device="cpu"), Unavailable)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_value_is_the_packages_for_pictures_scaled_to_one(folder: Path) -> None:
    measure = load_lpips(folder, device="cpu")
    assert isinstance(measure, Lpips)
    target, prediction = video(0), video(1)
    reference = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    reference.load_state_dict(PerceptualLoss("squeeze", folder / "squeezenet1_1-x.pth").lpips.state_dict())
    a, b = (torch.from_numpy(frames).permute(0, 3, 1, 2) / 255.0 for frames in (target, prediction))
    expected = reference(a, b, normalize=True).flatten().detach().numpy()
    np.testing.assert_allclose(measure(target, prediction), expected, rtol=1e-4)
    assert (measure(target, target) == 0).all()


def test_the_batch_does_not_change_the_value(folder: Path) -> None:
    path = folder / "squeezenet1_1-x.pth"
    one, many = (Lpips("squeeze", path, device="cpu", batch=batch)(video(0), video(1)) for batch in (1, 4))
    np.testing.assert_allclose(one, many, rtol=1e-5)


def test_a_file_that_is_not_the_published_one_is_named_as_such(folder: Path) -> None:
    measure = load_lpips(folder, device="cpu")
    assert isinstance(measure, Lpips)
    assert "squeezenet1_1-x.pth" in measure.note and "not torchvision's published file" in measure.note


def test_the_first_net_whose_weights_are_there_is_taken(folder: Path) -> None:
    value = load_lpips(folder, device="cpu", nets=("alex", "vgg"))
    assert isinstance(value, Unavailable) and "alexnet-owt-7be5be79.pth, vgg16-397923af.pth" in value.reason
