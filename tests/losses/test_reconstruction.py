"""The backbone's reconstruction loss and its region weights, against hand-computed cases."""

import pytest
import torch
from torch import Tensor

from talking.losses.reconstruction import reconstruction_loss, region_weights


def random_pictures(seed: int) -> Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def face(mouth_x: float = 20.0) -> Tensor:
    """A mouth 8 wide and 4 high from (mouth_x, 40), a right eye at (10..14, 16..18), a left eye at (30..34, 16..18)."""
    points = torch.full((1, 68, 2), 25.0)
    for part, low, high in [
        (slice(48, 68), (mouth_x, 40.0), (mouth_x + 8, 44.0)),
        (slice(36, 42), (10.0, 16.0), (14.0, 18.0)),
        (slice(42, 48), (30.0, 16.0), (34.0, 18.0)),
    ]:
        points[:, part] = torch.tensor(low)
        points[:, part.start] = torch.tensor(high)
    return points


def test_equal_pictures_lose_nothing() -> None:
    assert reconstruction_loss(random_pictures(0), random_pictures(0)).item() == 0


def test_a_constant_offset_costs_its_square_and_its_absolute_value_and_no_edges() -> None:
    target = random_pictures(0)
    assert reconstruction_loss(target + 0.5, target).item() == pytest.approx(0.25 + 0.5, abs=1e-5)


def test_a_single_line_costs_its_edges() -> None:
    prediction, target = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    prediction[..., 1] = 1.0
    across, down = 2 / 3, 0.0
    assert reconstruction_loss(prediction, target, l2=0, l1=0, scales=1).item() == pytest.approx((across + down) / 2)


def test_fine_noise_costs_less_at_the_halved_scale() -> None:
    noise = torch.ones(1, 3, 8, 8)
    noise[..., ::2] = -1.0
    one, two = (reconstruction_loss(noise, noise * 0, l1=0, gradient=0, scales=n).item() for n in (1, 2))
    assert (one, two) == (1.0, 0.5)


def test_weights_that_are_all_alike_change_nothing() -> None:
    prediction, target = random_pictures(0), random_pictures(1)
    plain = reconstruction_loss(prediction, target).item()
    assert reconstruction_loss(prediction, target, torch.full((2, 1, 16, 16), 7.0)).item() == pytest.approx(
        plain, rel=1e-5
    )


def test_an_error_within_the_heavy_region_costs_its_weight() -> None:
    target, prediction = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    weights = torch.ones(1, 1, 8, 8)
    weights[..., :4, :] = 4.0
    prediction[..., :4, :] = 1.0
    inside = reconstruction_loss(prediction, target, weights, l1=0, gradient=0, scales=1).item()
    outside = reconstruction_loss(1 - prediction, target, weights, l1=0, gradient=0, scales=1).item()
    assert inside == pytest.approx(4 / 5)
    assert inside / outside == pytest.approx(4)


def test_the_weights_are_those_of_the_regions() -> None:
    weights = region_weights(face(), 64, mouth=4.0, eyes=2.0)[0, 0]
    assert weights.shape == (64, 64)
    expected = torch.ones(64, 64)
    expected[38:47, 18:31] = 4.0
    expected[15:20, 9:16] = 2.0
    expected[15:20, 29:36] = 2.0
    assert torch.equal(weights, expected)


def test_a_mouth_at_the_border_is_cut_there() -> None:
    weights = region_weights(face(mouth_x=-4.0), 64)[0, 0]
    assert (weights[40, :7] == 4).all() and weights[40, 7] == 1


def test_a_face_that_was_not_found_weighs_one_everywhere() -> None:
    both = torch.cat([face(), torch.full((1, 68, 2), float("nan"))])
    weights = region_weights(both, 64)
    assert weights[0].max() == 4 and torch.equal(weights[1], torch.ones(1, 64, 64))
