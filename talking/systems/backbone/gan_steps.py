"""The four kinds of steps of adversarial training: D, D's R1, G, G's path lengths (Karras et al. 2020, config F)."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from talking.data.share import Share
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
from talking.models.generator import FrameGenerator
from talking.models.stylegan2 import Generator
from talking.systems.backbone.adaptive import AdaptiveProbability, adaptively_augmented
from talking.systems.backbone.params import Gan
from talking.training.loop import Descend, Losses
from talking.training.processes import weighted_mean


def draw_codes(generator: FrameGenerator, count: int, draw: torch.Generator, mixing: float) -> Tensor:
    """Return W+ codes (B, L, D) of random z; with probability `mixing` the styles from a random one on are another z's.

    `draw` is a generator of the network's device.
    """
    device = next(generator.parameters()).device
    z = torch.randn(2 * count, generator.style_dim, generator=draw, device=device)
    first, second = generator.map(z).chunk(2)  # (B, D)
    crossing = torch.randint(1, generator.n_styles, (count,), generator=draw, device=device)
    mixed = torch.rand(count, generator=draw, device=device) < mixing
    before = torch.arange(generator.n_styles, device=device) < crossing[:, None]  # (B, L)
    return torch.where((before | ~mixed[:, None])[..., None], first[:, None], second[:, None])


def with_fresh_noise(generator: Generator, codes: Tensor, draw: torch.Generator) -> Tensor:
    """Draw the pictures (B, 3, R, R) of W+ `codes` with noise maps of their own instead of the stored ones."""
    maps = {
        f"noises.{name}": torch.randn(len(codes), *held.shape[1:], generator=draw, device=held.device)
        for name, held in generator.noises.named_buffers()
    }
    result: Tensor = functional_call(generator, maps, (codes,))
    return result


class AdversarialSteps:
    """Both networks with their optimizers; a method per kind of step, which returns what it minimised, by name.

    A process makes a step on its `share` of the pictures, and of the fewer ones for path lengths.
    """

    def __init__(self, params: Gan, generator: Generator, discriminator: Discriminator, share: Share) -> None:
        self.params, self.share = params, share
        self.path_share = replace(share, batch=max(share.world_size, share.batch // params.path_shrink))
        self.generator, self.discriminator = generator, discriminator
        device = generator.input.input.device
        self.optimizers = {
            "generator": _adam(generator, params, params.path_every if params.path_weight else 0),
            "discriminator": _adam(discriminator, params, params.r1_every if params.r1_gamma else 0),
        }
        self.path = PathLength(
            torch.zeros((), device=device), average=lambda mean: weighted_mean(mean, self.path_share)
        )
        self.augmentation = AdaptiveProbability(params.ada_target, params.ada_images)

    def discriminate(self, real: Tensor, draw: torch.Generator, descend: Descend) -> Losses:
        """Train D on `real` pictures (B, 3, R, R) and as many made ones."""
        with torch.no_grad(), self._precision(real):
            fake = self._made(len(real), draw)
        with self._precision(real):
            real_scores = self.discriminator(self._augmented(real, draw))
            fake_scores = self.discriminator(self._augmented(fake.float(), draw))
        self.augmentation.observe(real_scores)
        loss = discriminator_loss(real_scores, fake_scores)
        descend(loss, "discriminator")
        return {"loss_d": loss.item(), "score_real": real_scores.mean().item(), "score_made": fake_scores.mean().item()}

    def penalise_gradients(self, real: Tensor, draw: torch.Generator, descend: Descend) -> Losses:
        """Train D's R1, at the pictures as D sees them: resampling is not differentiated twice."""
        seen = self._augmented(real, draw).detach().requires_grad_()
        penalty = r1_penalty(self.discriminator(seen), seen)
        term = r1_term(penalty, self.params.r1_gamma, self.params.r1_every)
        descend(term, "discriminator")
        return {"r1": penalty.item()}

    def generate(self, draw: torch.Generator, descend: Descend) -> Losses:
        """Train G on made pictures."""
        self.discriminator.requires_grad_(False)
        with self._precision(self.path.mean):
            fake = self._made(self.share.size, draw)
            loss = generator_loss(self.discriminator(self._augmented(fake.float(), draw)))
        descend(loss, "generator")
        self.discriminator.requires_grad_(True)
        return {"loss_g": loss.item()}

    def penalise_paths(self, draw: torch.Generator, descend: Descend) -> Losses:
        """Train G's path lengths on made pictures, `path_shrink` times fewer."""
        codes = draw_codes(self.generator, self.path_share.size, draw, self.params.style_mixing)
        lengths = path_lengths(with_fresh_noise(self.generator, codes, draw), codes, draw)
        penalty = self.path(lengths)
        term = path_term(penalty, self.params.path_weight, self.params.path_every)
        descend(term, "generator", self.path_share)
        return {"path_length": lengths.mean().item(), "path_penalty": penalty.item()}

    def adapt(self, shown: int) -> None:
        """Move the augmentation's probability after `shown` real pictures of all processes."""
        overfitting = torch.tensor(self.augmentation.overfitting, device=self.path.mean.device)
        self.augmentation.adapt(float(weighted_mean(overfitting, self.share)), shown)

    def _made(self, count: int, draw: torch.Generator) -> Tensor:
        codes = draw_codes(self.generator, count, draw, self.params.style_mixing)
        return with_fresh_noise(self.generator, codes, draw)

    def _augmented(self, pictures: Tensor, draw: torch.Generator) -> Tensor:
        if self.params.augment == "none":
            return pictures
        return adaptively_augmented(pictures, self.augmentation.p, draw)

    def _precision(self, like: Tensor) -> torch.autocast:
        """16 bits where params ask for it; the regularisers, differentiated twice, are computed in 32."""
        return torch.autocast(like.device.type, dtype=torch.bfloat16, enabled=self.params.bf16)


def _adam(network: nn.Module, params: Gan, every: int) -> torch.optim.Adam:
    rate, betas = lazy_adam(params.lr, params.betas, every)
    return torch.optim.Adam(network.parameters(), lr=rate, betas=betas)
