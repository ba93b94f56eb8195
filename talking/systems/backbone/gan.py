"""Adversarial training of StyleGAN2 on aligned faces (thesis 3.3.1.2), in one process or many; resumable to the bit."""

import copy
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

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
from talking.training.pictures import PictureSource, draw_batch
from talking.training.processes import half_life_decay, move_average, step_generator

CHECKPOINT = "state.pt"
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
        trainer = GanTrainer(self, context)
        trainer.resume()
        trainer.run()


class GanTrainer:
    """The state of one process: both networks and their optimizers, the average of G, the step."""

    def __init__(self, job: GanJob, context: TrainContext) -> None:
        self.job, self.context, self.params = job, context, job.params
        generator, discriminator = new_networks(job.params, job.seed)
        generator, discriminator = generator.to(context.device), discriminator.to(context.device)
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self.share = Share("gan.batch", job.params.batch, context.rank, context.world_size)
        self.steps = AdversarialSteps(job.params, generator, discriminator, self.share)
        self.pictures, _ = job.source.load(job.params.resolution)
        self.measure: FrechetMeasure | None = None
        self.step = 0

    @property
    def generator(self) -> Generator:
        """G as it is trained."""
        return self.steps.generator

    def resume(self) -> None:
        """Take up everything from the context's checkpoint, if there is one."""
        with self.context.resume_from() as folder:
            if folder is None:
                return
            state = torch.load(folder / CHECKPOINT, weights_only=True, map_location=self.context.device)
        steps = self.steps
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        steps.path.mean = state["path_mean"]
        steps.augmentation.take(state["augmentation"])
        self.step = state["step"]

    def run(self) -> None:
        """Train from the present step to the last."""
        found: dict[str, list[float]] = defaultdict(list)
        while self.step < self.params.steps:
            for name, value in self._update().items():
                found[name].append(value)
            self.step += 1
            last = self.step == self.params.steps
            saves = last or self.step % self.params.save_every == 0
            if saves or self.step % self.params.report_every == 0:
                self._report({name: sum(values) / len(values) for name, values in found.items()}, saves)
                found.clear()

    def _update(self) -> dict[str, float]:
        """One step of D and one of G, and their regularisers when it is their turn."""
        params, context = self.params, self.context
        place = (self.job.seed, context.rank, self.step)
        draw = step_generator(context.device, *place)
        order = step_generator(None, *place, 1)
        real = draw_batch(self.pictures, self.share.size, order, context.device, mirror=params.mirror)
        losses = self.steps.discriminate(real, draw)
        if params.r1_gamma and self.step % params.r1_every == 0:
            losses |= self.steps.penalise_gradients(real, draw)
        losses |= self.steps.generate(draw)
        if params.path_weight and self.step % params.path_every == 0:
            losses |= self.steps.penalise_paths(draw)
        if params.augment == "adaptive" and (self.step + 1) % params.ada_every == 0:
            self.steps.adapt(params.ada_every * params.batch)
        seen = self.step * params.batch
        keep = half_life_decay(params.batch, params.average_half_life, seen, params.average_rampup)
        move_average(self.average, self.generator, keep)
        return losses | {"ada_p": self.steps.augmentation.p}

    def _report(self, losses: dict[str, float], saves: bool) -> None:
        images = self.step * self.params.batch
        metrics = {"step": float(self.step), "images": float(images), **losses}
        folder = None
        if saves and self.context.rank == 0:
            metrics |= self._measured()
            write_strip(self._shown(), self.job.scratch / SAMPLES / f"step-{self.step:08d}.png")
            folder = self.job.scratch / "checkpoint"
            self._write(folder)
        self.context.report(metrics, folder)

    def _measured(self) -> dict[str, float]:
        """The Fréchet distance of the average's pictures, of fixed z, from training pictures."""
        params = self.params
        if self.measure is None:
            chosen = torch.linspace(0, len(self.pictures) - 1, min(params.measured, len(self.pictures))).long()
            inception = Path(params.inception) if params.inception else None
            self.measure = FrechetMeasure(self.pictures[chosen], inception, self.context.device)
        return {self.measure.name: self.measure(self._samples(params.measured, 0))}

    @torch.no_grad()
    def _samples(self, count: int, place: int) -> Iterator[Tensor]:
        """Draw `count` pictures of the average from fixed z, in batches."""
        draw = step_generator(None, self.job.seed, -1, place)
        z = torch.randn(count, self.params.style_dim, generator=draw)
        for part in z.split(CHUNK):
            w = self.average.map(part.to(self.context.device))
            yield self.average(w[:, None].expand(-1, self.average.n_styles, -1))

    def _shown(self) -> np.ndarray:
        return np.concatenate([to_frames(batch) for batch in self._samples(self.params.shown, 1)])

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        steps = self.steps
        return {
            "generator": steps.generator,
            "discriminator": steps.discriminator,
            "average": self.average,
            "generator_optimizer": steps.generator_optimizer,
            "discriminator_optimizer": steps.discriminator_optimizer,
        }

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self._parts().items()}
        rest = {"path_mean": self.steps.path.mean, "augmentation": self.steps.augmentation.state(), "step": self.step}
        torch.save({**state, **rest}, folder / CHECKPOINT)
        outcome = folder / OUTCOME
        save_network(outcome, "generator", self.average, self.average.config)
        save_network(outcome, "discriminator", self.steps.discriminator, self.steps.discriminator.config)
        mean = mean_latent(self.average, self.job.seed)
        save_network(outcome, "latent_avg", {"latent_avg": mean}, {})


@torch.no_grad()
def mean_latent(generator: Generator, seed: int, count: int = MEAN_OF) -> Tensor:
    """Return the mean (style_dim,) of w = map(z) over `count` random z."""
    draw = step_generator(None, seed, -1, 2)
    z = torch.randn(count, generator.style_dim, generator=draw).to(generator.input.input.device)
    return generator.map(z).mean(dim=0)
