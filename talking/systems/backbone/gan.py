"""Adversarial training of StyleGAN2 on aligned faces (thesis 3.3.1.2), in one process or many; resumable to the bit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talking.data.share import Share
from talking.evaluation.report.picture_grid import write_strip
from talking.media.pixels import to_frames
from talking.models.stored import save_network
from talking.models.stylegan2 import Generator
from talking.systems.backbone.gan_measure import CHUNK, FrechetMeasure
from talking.systems.backbone.gan_steps import AdversarialSteps
from talking.systems.backbone.params import Gan
from talking.systems.backbone.starting import new_networks
from talking.training.context import TrainContext
from talking.training.loop import Descend, LoopSettings, Losses, Recipe, train
from talking.training.pictures import PictureSource, draw_batch
from talking.training.processes import half_life_decay, step_generator

OUTCOME = "outcome"
SAMPLES = "samples"
MEAN_OF = 10_000


@dataclass(frozen=True)
class GanJob:
    """Everything a training process needs, as values and paths that every process can open."""

    params: Gan
    seed: int
    source: PictureSource
    scratch: Path

    def __call__(self, context: TrainContext) -> None:
        """Train to the last step, reporting curves and checkpoints through the context."""
        train(GanRecipe(self, context), self.settings, context)

    @property
    def settings(self) -> LoopSettings:
        """What the loop is told."""
        params = self.params
        return LoopSettings(
            section="gan",
            remedy="lower gan.lr or raise gan.r1_gamma, and start again",
            steps=params.steps,
            seed=self.seed,
            report_every=params.report_every,
            save_every=params.save_every,
            ema=lambda step: half_life_decay(
                params.batch, params.ema_half_life, step * params.batch, params.ema_rampup
            ),
        )


class GanRecipe(Recipe):
    """Both networks and their four kinds of steps, and the pictures that they are trained and measured on."""

    averaged = ("generator",)

    def __init__(self, job: GanJob, context: TrainContext) -> None:
        self.job, self.context, self.params = job, context, job.params
        generator, discriminator = new_networks(job.params, job.seed)
        generator, discriminator = generator.to(context.device), discriminator.to(context.device)
        self.share = Share("gan.batch", job.params.batch, context.rank, context.world_size)
        self.steps = AdversarialSteps(job.params, generator, discriminator, self.share)
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = self.steps.optimizers
        self.pictures, _ = job.source.load(job.params.resolution)
        self.measure: FrechetMeasure | None = None

    def step(self, step: int, descend: Descend) -> Losses:
        """One step of D and one of G, and their regularisers when it is their turn."""
        params, context, steps = self.params, self.context, self.steps
        place = (self.job.seed, context.rank, step)
        draw, order = step_generator(context.device, *place), step_generator(None, *place, 1)
        real = draw_batch(self.pictures, self.share.size, order, context.device, mirror=params.mirror)
        losses = steps.discriminate(real, draw, descend)
        if params.r1_gamma and step % params.r1_every == 0:
            losses |= steps.penalise_gradients(real, draw, descend)
        losses |= steps.generate(draw, descend)
        if params.path_weight and step % params.path_every == 0:
            losses |= steps.penalise_paths(draw, descend)
        if params.augment == "adaptive" and (step + 1) % params.ada_every == 0:
            steps.adapt(params.ada_every * params.batch)
        return losses | {"ada_p": steps.augmentation.p}

    def curves(self, step: int, losses: Losses) -> dict[str, float]:
        """Return the losses, and how many real pictures have been shown."""
        return {"images": float(step * self.params.batch), **losses}

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Return the Fréchet distance of G's pictures, of fixed z, from training pictures; write a strip of others.

        On process 0 alone.
        """
        if self.context.rank:
            return {}
        generator, params = _generator(networks), self.params
        if self.measure is None:
            chosen = torch.linspace(0, len(self.pictures) - 1, min(params.measured, len(self.pictures))).long()
            inception = Path(params.inception) if params.inception else None
            self.measure = FrechetMeasure(self.pictures[chosen], inception, self.context.device)
        found = {self.measure.name: self.measure(self._samples(generator, params.measured, 0))}
        strip = np.concatenate([to_frames(batch) for batch in self._samples(generator, params.shown, 1)])
        write_strip(strip, self.job.scratch / SAMPLES / f"step-{step:08d}.png")
        return found

    @torch.no_grad()
    def _samples(self, generator: Generator, count: int, place: int) -> Iterator[Tensor]:
        """Draw `count` pictures from fixed z, in batches."""
        draw = step_generator(None, self.job.seed, -1, place)
        z = torch.randn(count, self.params.style_dim, generator=draw)
        for part in z.split(CHUNK):
            w = generator.map(part.to(self.context.device))
            yield generator(w[:, None].expand(-1, generator.n_styles, -1))

    def export(self, networks: Mapping[str, nn.Module], folder: Path) -> None:
        """Write both networks, and the mean latent."""
        generator, discriminator = _generator(networks), self.steps.discriminator
        save_network(folder / OUTCOME, "generator", generator, generator.config)
        save_network(folder / OUTCOME, "discriminator", discriminator, discriminator.config)
        mean = mean_latent(generator, self.job.seed)
        save_network(folder / OUTCOME, "latent_avg", {"latent_avg": mean}, {})

    def state(self) -> dict[str, Any]:
        """Return the mean path length, and how far pictures are augmented."""
        return {"path_mean": self.steps.path.mean, "augmentation": self.steps.augmentation.state()}

    def take(self, state: dict[str, Any]) -> None:
        """Go on from both."""
        self.steps.path.mean = state["path_mean"]
        self.steps.augmentation.take(state["augmentation"])


def _generator(networks: Mapping[str, nn.Module]) -> Generator:
    generator = networks["generator"]
    assert isinstance(generator, Generator)
    return generator


@torch.no_grad()
def mean_latent(generator: Generator, seed: int, count: int = MEAN_OF) -> Tensor:
    """Return the mean (style_dim,) of w = map(z) over `count` random z."""
    draw = step_generator(None, seed, -1, 2)
    z = torch.randn(count, generator.style_dim, generator=draw).to(generator.input.input.device)
    return generator.map(z).mean(dim=0)
