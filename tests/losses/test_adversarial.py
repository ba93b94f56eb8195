"""The adversarial losses against hand-computed cases and finite differences, through our own layers."""

import math

import pytest
import torch
from torch import nn

from talking.losses.adversarial import (
    PathLength,
    discriminator_loss,
    generator_loss,
    lazy_adam,
    path_lengths,
    path_term,
    r1_penalty,
    r1_term,
)
from talking.models.discriminator import Discriminator
from talking.models.stylegan2 import Generator


def test_logistic_losses_of_known_scores() -> None:
    zero, two = torch.zeros(3, 1), torch.full((3, 1), 2.0)
    assert generator_loss(zero).item() == pytest.approx(math.log(2))
    assert generator_loss(two).item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert discriminator_loss(two, zero).item() == pytest.approx(math.log(1 + math.exp(-2)) + math.log(2))
    # The cross-entropies of a logistic classifier, by torch's own.
    real, fake = torch.randn(5, 1), torch.randn(5, 1)
    entropy = nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real, torch.ones(5, 1)) + entropy(fake, torch.zeros(5, 1))
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_generator_still_learns_where_the_discriminator_is_sure() -> None:
    score = torch.full((1, 1), -20.0, requires_grad=True)
    generator_loss(score).backward()
    assert score.grad.item() == pytest.approx(-1)


def test_r1_of_a_linear_discriminator_is_the_square_of_its_weights() -> None:
    weights = torch.randn(3 * 4 * 4, 1, dtype=torch.float64, requires_grad=True)
    pictures = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty(pictures.flatten(1) @ weights, pictures)
    assert penalty.item() == pytest.approx(weights.square().sum().item())
    penalty.backward()
    torch.testing.assert_close(weights.grad, 2 * weights.detach())


def test_r1_is_the_mean_over_pictures_and_not_the_sum() -> None:
    pictures = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).requires_grad_()
    penalty = r1_penalty((pictures**2).flatten(1), pictures)  # gradients 2 and 4
    assert penalty.item() == pytest.approx((4 + 16) / 2)


def test_a_regulariser_in_one_of_k_steps_counts_for_k() -> None:
    assert r1_term(torch.tensor(3.0), gamma=10, every=16).item() == pytest.approx(10 / 2 * 3 * 16)
    assert path_term(torch.tensor(3.0), weight=2, every=4).item() == pytest.approx(2 * 3 * 4)


def test_adam_is_slowed_for_the_additional_steps() -> None:
    rate, betas = lazy_adam(0.002, (0.0, 0.99), every=16)
    assert rate == pytest.approx(0.002 * 16 / 17) and betas == (0.0, pytest.approx(0.99 ** (16 / 17)))
    assert lazy_adam(0.002, (0.0, 0.99), every=0) == (0.002, (0.0, 0.99))


def r1_of(network: Discriminator, pictures: torch.Tensor) -> torch.Tensor:
    pictures = pictures.detach().requires_grad_()
    return r1_penalty(network(pictures), pictures)


def finite_difference(function, parameter: torch.Tensor, place: int, step: float = 1e-5) -> float:
    """The central difference of a scalar in one number of a parameter."""
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            parameter.view(-1)[place] += sign * step
        values.append(function().item())
        with torch.no_grad():
            parameter.view(-1)[place] -= sign * step
    return (values[0] - values[1]) / (2 * step)


def test_r1_through_our_discriminator_differentiates_twice() -> None:
    torch.manual_seed(0)
    network = Discriminator(16, channel_max=4).double()
    pictures = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    network.zero_grad()
    r1_of(network, pictures).backward()
    for name in ("convs.0.0.weight", "convs.1.conv2.1.weight", "convs.2.skip.1.weight", "final_conv.0.weight"):
        parameter = network.get_parameter(name)
        expected = finite_difference(lambda: r1_of(network, pictures), parameter, 1)
        assert parameter.grad.view(-1)[1].item() == pytest.approx(expected, rel=1e-3, abs=1e-9), name


def lengths_of(generator: Generator, w: torch.Tensor) -> torch.Tensor:
    w = w.detach().requires_grad_()
    return path_lengths(generator(w), w, torch.Generator().manual_seed(5))


def test_path_lengths_of_our_generator_are_finite_differences_along_the_noise() -> None:
    torch.manual_seed(1)
    generator = Generator(8, style_dim=3, n_mlp=1, channel_max=4)
    w = torch.randn(2, generator.n_styles, 3)
    noise = torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(5)).double() / 8  # the side
    lengths, generator, w = lengths_of(generator, w), generator.double(), w.double()
    for sample in range(2):
        squares = 0.0
        for place in range(w[sample].numel()):
            shift = torch.zeros_like(w).view(2, -1)
            shift[sample, place] = 1e-5
            shift = shift.view_as(w)
            with torch.no_grad():
                change = (generator(w + shift) - generator(w - shift)) / 2e-5  # a column of the Jacobian
            squares += float((change * noise).sum()) ** 2
        assert lengths[sample].item() == pytest.approx(math.sqrt(squares / generator.n_styles), rel=1e-3)


def test_path_length_penalty_through_our_generator_differentiates_twice() -> None:
    torch.manual_seed(2)
    generator = Generator(8, style_dim=4, n_mlp=1, channel_max=4).double()
    w = torch.randn(2, generator.n_styles, 4, dtype=torch.float64)

    def penalty() -> torch.Tensor:
        return PathLength(torch.tensor(0.3, dtype=torch.float64), decay=0.0)(lengths_of(generator, w))

    penalty().backward()
    for name in ("conv1.conv.weight", "convs.0.conv.weight", "convs.0.conv.modulation.weight", "to_rgbs.0.conv.weight"):
        parameter = generator.get_parameter(name)
        # Demodulation computes in 32 bits whatever it is given: a longer step keeps its rounding out.
        expected = finite_difference(penalty, parameter, 2, step=1e-3)
        assert parameter.grad.view(-1)[2].item() == pytest.approx(expected, rel=3e-3, abs=1e-7), name


def test_the_running_mean_moves_by_its_share_and_the_penalty_is_against_it() -> None:
    path = PathLength(torch.tensor(1.0), decay=0.1)
    lengths = torch.tensor([2.0, 4.0])
    penalty = path(lengths)
    assert path.mean.item() == pytest.approx(0.9 * 1 + 0.1 * 3)
    assert penalty.item() == pytest.approx(((2 - 1.2) ** 2 + (4 - 1.2) ** 2) / 2)


def test_the_mean_is_that_of_all_processes() -> None:
    path = PathLength(torch.tensor(0.0), decay=1.0, average=lambda value: (value + 7) / 2)
    path(torch.tensor([3.0]))
    assert path.mean.item() == pytest.approx(5)
