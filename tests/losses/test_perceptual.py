"""LPIPS as a loss: equal to the package's, frozen, the same for a seed, and at home with small pictures."""

import warnings
from pathlib import Path

import lpips
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from talking.core.errors import TalkingError
from talking.losses.perceptual import PerceptualLoss


def pictures(count: int = 2, size: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def package_lpips(net: str, state: dict[str, Tensor]) -> lpips.LPIPS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    reference.load_state_dict(state)
    return reference


def trunk_file(folder: Path, net: str = "squeeze", prefix: str = "features.") -> Path:
    """A file in torchvision's layout, with numbers of its own and a classifier that must be ignored."""
    trunk = PerceptualLoss(net, seed=99).lpips.net.state_dict()
    content = {prefix + name.split(".", 1)[1]: value.clone() for name, value in trunk.items()}
    torch.save(content | {"classifier.1.weight": torch.zeros(3)}, folder / f"{net}.pth")
    return folder / f"{net}.pth"


@pytest.mark.parametrize("net", ["squeeze", "alex", "vgg"])
def test_the_value_is_that_of_the_lpips_package(net: str) -> None:
    loss = PerceptualLoss(net, seed=3)
    prediction, target = pictures(seed=1), pictures(seed=2)
    expected = package_lpips(net, loss.lpips.state_dict())(prediction, target).flatten()
    torch.testing.assert_close(loss(prediction, target), expected, rtol=1e-5, atol=1e-7)


def test_equal_pictures_are_at_distance_zero_and_others_are_not() -> None:
    loss = PerceptualLoss("squeeze", seed=0)
    distance = loss(torch.cat([pictures(1, seed=1), pictures(1, seed=2)]), pictures(1, seed=1).expand(2, -1, -1, -1))
    assert distance.shape == (2,)
    assert distance[0] == 0
    assert distance[1] > 1e-3


def test_the_same_seed_gives_the_same_trunk_and_another_seed_another() -> None:
    prediction, target = pictures(seed=1), pictures(seed=2)
    first, again, other = (PerceptualLoss("squeeze", seed=seed)(prediction, target) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(1234)
    expected = torch.rand(3)
    torch.manual_seed(1234)
    PerceptualLoss("squeeze", seed=7)
    assert torch.equal(torch.rand(3), expected)


def test_the_trunk_is_frozen_and_the_picture_gets_a_gradient() -> None:
    loss = PerceptualLoss("squeeze")
    prediction = pictures(seed=1).requires_grad_()
    loss(prediction, pictures(seed=2)).sum().backward()
    assert prediction.grad is not None and prediction.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_training_mode_does_not_switch_dropout_on() -> None:
    model = torch.nn.Sequential(PerceptualLoss("squeeze"))
    model.train()
    prediction, target = pictures(seed=1), pictures(seed=2)
    assert torch.equal(model[0](prediction, target), model[0](prediction, target))
    assert not any(module.training for module in model[0].modules())


def test_features_that_are_all_zero_give_no_nan_gradient() -> None:
    loss = PerceptualLoss("squeeze")
    for parameter in loss.lpips.net.parameters():
        parameter.zero_()
    prediction = pictures(seed=1).requires_grad_()
    loss(prediction, pictures(seed=2)).sum().backward()
    assert prediction.grad is not None and torch.isfinite(prediction.grad).all()


@pytest.mark.parametrize("size", [16, 32, 64, 100])
def test_pictures_of_any_size_are_compared(size: int) -> None:
    distance = PerceptualLoss("squeeze")(pictures(size=size, seed=1), pictures(size=size, seed=2))
    assert distance.shape == (2,) and (distance > 0).all()


def test_optimising_the_distance_brings_a_picture_nearer() -> None:
    loss, target = PerceptualLoss("squeeze"), pictures(1, seed=2)
    prediction = torch.zeros(1, 3, 64, 64, requires_grad=True)
    optimiser = torch.optim.Adam([prediction], lr=0.05)
    before = loss(prediction, target).item()
    for _ in range(15):
        optimiser.zero_grad()
        loss(prediction, target).sum().backward()
        optimiser.step()
    assert loss(prediction, target).item() < 0.7 * before


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_trunk_weights_come_from_the_file(tmp_path: Path, prefix: str) -> None:
    loss = PerceptualLoss("squeeze", trunk_file(tmp_path, prefix=prefix), seed=1)
    expected = PerceptualLoss("squeeze", seed=99).lpips.net.state_dict()
    assert loss.published and not PerceptualLoss("squeeze").published
    assert all(torch.equal(value, expected[name]) for name, value in loss.lpips.net.state_dict().items())


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    content = torch.load(trunk_file(tmp_path), weights_only=True)
    save_file(content, tmp_path / "trunk.safetensors")
    prediction, target = pictures(seed=1), pictures(seed=2)
    values = [
        PerceptualLoss("squeeze", tmp_path / name)(prediction, target) for name in ("trunk.safetensors", "squeeze.pth")
    ]
    assert torch.equal(*values)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match=r"nowhere\.pth is not there"):
        PerceptualLoss("squeeze", tmp_path / "nowhere.pth")


def test_weights_of_another_net_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match="has no fitting numbers for"):
        PerceptualLoss("alex", trunk_file(tmp_path, "squeeze"))


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(TalkingError, match=r"bad\.pth"):
        PerceptualLoss("squeeze", tmp_path / "bad.pth")


def test_an_unknown_net_is_refused() -> None:
    with pytest.raises(TalkingError, match=r"resnet.*squeeze, vgg, alex"):
        PerceptualLoss("resnet")
