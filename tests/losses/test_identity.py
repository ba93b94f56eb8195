"""The identity loss: ArcFace's weights from a file, frozen, on the face's middle."""

from pathlib import Path

import pytest
import torch

from talking.core.errors import TalkingError
from talking.losses.identity import IdentityLoss
from talking.models.ir_se50 import IRSE50


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A file in the published layout, with random numbers."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "model_ir_se50.pth"
    torch.save(IRSE50().state_dict(), path)
    return path


def test_it_is_one_less_the_cosine_within_the_crop_and_blind_outside_it(weights) -> None:
    loss = IdentityLoss(weights)
    loss.train()
    first, second = (torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(n)) * 2 - 1 for n in (1, 2))
    faces = [torch.nn.functional.adaptive_avg_pool2d(picture[:, :, 35:223, 32:220], 112) for picture in (first, second)]
    with torch.no_grad():
        cosine = torch.cosine_similarity(*(loss.network(face) for face in faces))
        torch.testing.assert_close(loss(first, second), 1 - cosine, rtol=1e-4, atol=1e-6)
        framed = first.clone()
        framed[:, :, :35], framed[:, :, :, 220:] = 0, 0
        assert loss(framed, first).item() == pytest.approx(0, abs=1e-5)
    assert loss(first, second) == loss(first, second)  # no dropout, whatever the mode around it


def test_it_leads_the_made_picture_and_trains_nothing_of_its_own(weights) -> None:
    loss = IdentityLoss(weights)
    made = torch.rand(1, 3, 64, 64).requires_grad_()
    loss(made, torch.rand(1, 3, 64, 64)).sum().backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_another_networks_file_is_refused(tmp_path) -> None:
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(TalkingError, match="is another network than IRSE50"):
        IdentityLoss(tmp_path / "other.pth")
