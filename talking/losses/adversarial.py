"""StyleGAN2's losses (Karras et al. 2020, section 3 and appendix B): logistic, and R1 and path length lazily."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(fake: Tensor) -> Tensor:
    """Non-saturating logistic loss of G, a scalar, of D's scores of made pictures: E softplus(-D(G(z)))."""
    return F.softplus(-fake).mean()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Logistic loss of D, a scalar, of its scores of real and made pictures: E softplus(-D(x)) + E softplus(D(G))."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def r1_penalty(scores: Tensor, pictures: Tensor) -> Tensor:
    """Return E |grad D(x)|^2, a scalar that can be differentiated again (Mescheder et al. 2018, eq. 9).

    `pictures` (B, 3, R, R) require gradients and `scores` (B, 1) were computed from them.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def r1_term(penalty: Tensor, gamma: float, every: int) -> Tensor:
    """Return what is minimised in one of `every` steps: gamma / 2 of the penalty, times the steps it stands for."""
    return penalty * (gamma / 2 * every)


def path_lengths(pictures: Tensor, latents: Tensor, draw: torch.Generator) -> Tensor:
    """Return the lengths (B,) of J_w^T y for normal pictures y: how far a step in w moves the picture (eq. 4).

    `pictures` (B, 3, R, R) were drawn from `latents` (B, L, D), which require gradients. y is divided by the picture's
    side, so that lengths do not grow with the resolution; squares are averaged over styles, as in the published code.
    `draw` is a generator of the pictures' device.
    """
    noise = torch.randn(pictures.shape, generator=draw, device=pictures.device)
    noise = noise / math.sqrt(pictures.shape[2] * pictures.shape[3])
    (gradient,) = torch.autograd.grad((pictures * noise).sum(), latents, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


class PathLength:
    """The path length penalty (eq. 4) against a running mean `mean`, a scalar tensor that a checkpoint keeps.

    `decay` is the share of the mean that a new batch makes up. `average` combines a number over the processes of a
    training; alone, it is left out.
    """

    def __init__(self, mean: Tensor, *, decay: float = 0.01, average: Callable[[Tensor], Tensor] | None = None) -> None:
        self.mean, self.decay = mean.detach(), decay
        self._average = average or (lambda value: value)

    def __call__(self, lengths: Tensor) -> Tensor:
        """Return E (length - mean)^2 of `lengths` (B,), a scalar, after moving the mean towards theirs."""
        self.mean = torch.lerp(self.mean, self._average(lengths.detach().mean()), self.decay)
        return (lengths - self.mean).square().mean()


def path_term(penalty: Tensor, weight: float, every: int) -> Tensor:
    """Return what is minimised in one of `every` steps: `weight` times the penalty, times the steps it stands for."""
    return penalty * (weight * every)


def lazy_adam(lr: float, betas: tuple[float, float], every: int) -> tuple[float, tuple[float, float]]:
    """Return Adam's rate and betas for `every` ordinary steps and one of the regulariser in turn (appendix B).

    With c = every / (every + 1) the rate is lr c and each beta is beta^c; `every` 0, no regulariser, changes nothing.
    """
    share = every / (every + 1) if every else 1.0
    return lr * share, (betas[0] ** share, betas[1] ** share)
