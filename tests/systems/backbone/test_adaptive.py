"""Adaptive augmentation: identity at p = 0, each kind of change, gradients, and a probability that follows D."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from talking.systems.backbone.adaptive import AdaptiveProbability, Strengths, adaptively_augmented

NOTHING = Strengths(whole_shift=0, shift=0, scale=0, brightness=0, contrast=0, saturation=0)


def pictures(count: int = 4, size: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_probability_pictures_are_what_they_were() -> None:
    before = pictures()
    assert adaptively_augmented(before, 0.0, draw()) is before


def test_a_picture_that_no_change_fell_on_is_the_same_to_the_bit() -> None:
    before = pictures(400, 8)
    after = adaptively_augmented(before, 0.05, draw())
    same = (after == before).flatten(1).all(dim=1).float().mean().item()
    # Half a mirror, shift, scale, turns, drift, brightness, contrast, saturation, each spared by 0.95.
    assert same == pytest.approx(0.975 * 0.95**7, abs=0.08)


def test_the_same_draw_changes_pictures_alike_and_another_does_not() -> None:
    before = pictures()
    first, again, other = (adaptively_augmented(before, 1.0, draw(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_gradients_reach_every_picture() -> None:
    before = pictures().requires_grad_()
    (adaptively_augmented(before, 1.0, draw()) ** 2).sum().backward()
    assert before.grad is not None and before.grad.isfinite().all()
    assert (before.grad.flatten(1).abs().sum(dim=1) > 0).all()


def test_brightness_contrast_and_saturation_do_what_they_say() -> None:
    flat = torch.full((64, 3, 8, 8), 0.2) + torch.tensor([-0.1, 0.0, 0.1]).view(1, 3, 1, 1)
    for name, strength in (("brightness", 0.5), ("contrast", 1.0), ("saturation", 1.0)):
        how = Strengths(**{**vars(NOTHING), name: strength})
        after = adaptively_augmented(flat, 1.0, draw(), how)
        torch.testing.assert_close(after, after[:, :, :1, :1].expand_as(after))  # moves leave flat pictures flat
        colour = after[:, :, 0, 0]
        mean, spread = colour.mean(dim=1), colour[:, 2] - colour[:, 0]
        if name == "brightness":
            torch.testing.assert_close(spread, torch.full((64,), 0.2))
            assert mean.std().item() == pytest.approx(0.5, rel=0.3)
        elif name == "contrast":
            torch.testing.assert_close(mean / spread, torch.full((64,), 1.0))  # 0.2 / 0.2, both scaled
            assert torch.log2(spread / 0.2).std().item() == pytest.approx(1.0, rel=0.3)
        else:
            torch.testing.assert_close(mean, torch.full((64,), 0.2))
            assert torch.log2(spread / 0.2).std().item() == pytest.approx(1.0, rel=0.3)


def centre_of(picture: Tensor) -> np.ndarray:
    """Centre of mass (x, y) in pixels from the middle, of a picture of light on black."""
    mass = (picture.mean(dim=0) + 1).double().numpy()
    y, x = np.mgrid[: mass.shape[0], : mass.shape[1]] - (mass.shape[0] - 1) / 2
    return np.array([(x * mass).sum(), (y * mass).sum()]) / mass.sum()


def blob(right: float, size: int = 32) -> Tensor:
    """A small light blob on black, `right` pixels off the middle."""
    y, x = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    return (2 * torch.exp(-((x - right) ** 2 + y**2) / 4) - 1).expand(1, 3, -1, -1)


def test_turns_keep_the_distance_from_the_middle_and_reach_all_round() -> None:
    many = blob(5).expand(60, -1, -1, -1)
    centres = np.array([centre_of(after) for after in adaptively_augmented(many, 1.0, draw(), NOTHING)])
    np.testing.assert_allclose(np.hypot(*centres.T), 5, atol=0.1)
    assert len(np.unique(np.floor(np.arctan2(*centres.T) / (np.pi / 2)))) == 4


def test_scaling_moves_things_outwards_or_inwards_by_its_factor() -> None:
    how = Strengths(**{**vars(NOTHING), "scale": 0.5})
    many = blob(5).expand(200, -1, -1, -1)
    distances = [np.hypot(*centre_of(after)) for after in adaptively_augmented(many, 1.0, draw(), how)]
    assert np.log2(np.array(distances) / 5).std() == pytest.approx(0.5, rel=0.3)


def test_whole_shifts_move_whole_pixels_within_their_reach() -> None:
    how = Strengths(**{**vars(NOTHING), "whole_shift": 0.125})
    many = blob(0).expand(80, -1, -1, -1)
    moved = np.array([centre_of(after) for after in adaptively_augmented(many, 1.0, draw(), how)])
    lengths = (moved**2).sum(axis=1)  # turns leave them: sums of two squares of whole numbers
    np.testing.assert_allclose(lengths, lengths.round(), atol=0.2)
    assert 2 < np.sqrt(lengths).max() <= 4 * np.sqrt(2) + 0.1


def test_the_probability_rises_when_the_discriminator_overfits_and_falls_otherwise() -> None:
    probability = AdaptiveProbability(target=0.6, images=1000)
    for _ in range(5):
        probability.observe(torch.ones(8, 1))  # sure of every real picture
        probability.adapt(probability.overfitting, shown=100)
    assert probability.p == pytest.approx(0.5)
    for _ in range(2):
        probability.observe(torch.tensor([[1.0], [-1.0]]))
        assert probability.overfitting == 0
        probability.adapt(probability.overfitting, shown=100)
    assert probability.p == pytest.approx(0.3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), max_size=40))
def test_the_probability_is_always_one(readings) -> None:
    probability = AdaptiveProbability(target=0.6, images=300)
    for reading in readings:
        probability.adapt(reading, shown=100)
        assert 0 <= probability.p <= 1


def test_r_t_is_the_mean_sign_and_outlives_a_checkpoint() -> None:
    probability = AdaptiveProbability(target=0.6, images=1000)
    probability.observe(torch.tensor([[3.0], [0.5], [-0.1], [2.0]]))
    resumed = AdaptiveProbability(target=0.6, images=1000)
    resumed.take(probability.state())
    assert resumed.overfitting == 0.5 and resumed.state() == probability.state()
