"""L_latent against hand-computed values."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.systems.mm22.latent_loss import latent_loss


def test_norm_is_the_mean_over_frames_of_each_frames_length() -> None:
    prediction = torch.zeros(1, 2, 1, 4)
    prediction[0, 0, 0, :2] = torch.tensor([3.0, 4.0])
    prediction[0, 1, 0, 3] = 12.0
    assert latent_loss(prediction, torch.zeros_like(prediction), "norm").item() == pytest.approx((5 + 12) / 2)


def test_mean_square_is_the_mean_over_all_numbers() -> None:
    prediction = torch.zeros(1, 2, 1, 4)
    prediction[0, 0, 0, :2] = torch.tensor([3.0, 4.0])
    assert latent_loss(prediction, torch.zeros_like(prediction), "mean_square").item() == pytest.approx(25 / 8)


@given(st.floats(0.1, 100), st.sampled_from(["norm", "mean_square"]))
def test_norm_grows_as_the_difference_and_mean_square_as_its_square(factor: float, kind: str) -> None:
    prediction = torch.randn(2, 3, 10, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = torch.zeros_like(prediction)
    expected = factor if kind == "norm" else factor**2
    assert (
        latent_loss(factor * prediction, target, kind) / latent_loss(prediction, target, kind)
    ).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["norm", "mean_square"])
def test_the_gradient_at_equal_codes_is_zero_and_not_nan(kind: str) -> None:
    prediction = torch.ones(1, 2, 10, 512, requires_grad=True)
    latent_loss(prediction, torch.ones_like(prediction), kind).backward()
    assert prediction.grad is not None and (prediction.grad == 0).all()


def test_coefficients_are_compared_like_codes() -> None:
    codes = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    flat = codes.flatten(start_dim=2)
    assert latent_loss(flat, flat * 0).item() == pytest.approx(latent_loss(codes, codes * 0).item())


def test_shapes_that_differ_are_refused_instead_of_broadcast() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        latent_loss(torch.zeros(2, 3, 10, 8), torch.zeros(2, 1, 10, 8))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TalkingError, match="'l3' is not known; use one of norm, mean_square"):
        latent_loss(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), "l3")
