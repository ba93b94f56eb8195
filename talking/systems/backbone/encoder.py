"""Training an image encoder E_I on a fixed generator (thesis 3.3.2.2), in one process or many; resumable to the bit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.data.share import Share
from talking.evaluation.report.picture_grid import write_strip
from talking.losses.trunk import read_state
from talking.metrics.image import psnr
from talking.models.backbone import Backbone
from talking.models.psp import GradualStyleEncoder
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stored import filled, load_network
from talking.models.stylegan2 import Generator
from talking.synthesis.codes import invert_frames, synthesise_frames
from talking.systems.backbone.encoder_loss import EncoderLoss, Inversion
from talking.systems.backbone.gan_steps import draw_codes
from talking.systems.backbone.params import Encoder
from talking.training.context import TrainContext
from talking.training.loop import Descend, LoopSettings, Losses, Recipe, train
from talking.training.pictures import PictureSource, draw_batch
from talking.training.processes import step_generator

OUTCOME = "outcome"
SAMPLES = "samples"
TRUNK_PARTS = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")


@dataclass(frozen=True)
class EncoderJob:
    """Everything a training process needs; `generator` is a folder with a generator and its mean latent."""

    params: Encoder
    seed: int
    source: PictureSource
    generator: Path
    scratch: Path

    def __call__(self, context: TrainContext) -> None:
        """Train to the last step, reporting curves and checkpoints through the context."""
        train(EncoderRecipe(self, context), self.settings, context)

    @property
    def settings(self) -> LoopSettings:
        """What the loop is told."""
        params = self.params
        return LoopSettings(
            section="encoder",
            remedy="lower encoder.lr, and start again",
            steps=params.steps,
            seed=self.seed,
            report_every=params.report_every,
            save_every=params.save_every,
            schedule=_schedule,
            # Early on over all steps so far: else the ema would remember the untrained weights for long.
            ema=lambda step: min(params.ema, step / (step + 10)),
        )


class EncoderRecipe(Recipe):
    """The encoder of a pair, trained on real pictures and on G's own samples."""

    averaged = ("encoder",)

    def __init__(self, job: EncoderJob, context: TrainContext) -> None:
        self.job, self.context, self.params = job, context, job.params
        self.pair = new_pair(job).to(context.device)
        self.pair.generator.requires_grad_(False)
        self.networks = {"encoder": self.pair.encoder}
        adam = torch.optim.Adam(self.pair.encoder.parameters(), lr=job.params.lr, betas=job.params.betas)
        self.optimizers = {"encoder": adam}
        self.share = Share("encoder.batch", job.params.batch, context.rank, context.world_size)
        self.known = replace(self.share, batch=max(context.world_size, job.params.known))
        self.loss = EncoderLoss(job.params, job.seed, self.known.weight / self.share.weight).to(context.device)
        self.pictures, self.held_out = job.source.load(self.pair.resolution)

    def step(self, step: int, descend: Descend) -> Losses:
        """Train E_I on a batch."""
        place, device = (self.job.seed, self.context.rank, step), self.context.device
        order, draw = step_generator(None, *place, 3), step_generator(device, *place, 4)
        target = draw_batch(self.pictures, self.share.size, order, device, mirror=self.params.mirror)
        terms = self.loss(self._inverted(target, draw))
        descend(terms["loss"], "encoder")
        return {name: term.item() for name, term in terms.items()}

    def _inverted(self, target: Tensor, draw: torch.Generator) -> Inversion:
        """Send real pictures through both networks, and G's own samples, whose codes are known, through E_I."""
        self.pair.encoder.train()
        count = self.known.size if self.params.known and self.params.lambda_known else 0
        with torch.autocast(target.device.type, dtype=torch.bfloat16, enabled=self.params.bf16):
            if not count:
                return Inversion(target, self.pair(target))
            with torch.no_grad():
                known = draw_codes(self.pair.generator, count, draw, mixing=self.params.known_mixing).float()
                samples = self.pair.synthesise(known).clamp(-1, 1).float()
            codes = self.pair.invert(torch.cat([target, samples]))
            return Inversion(target, self.pair.synthesise(codes[: len(target)]), known, codes[len(target) :])

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Return the PSNR of held-out pictures, and write a strip of them; on process 0 alone."""
        if self.context.rank:
            return {}
        pair, target = self._paired(networks), self.held_out.permute(0, 2, 3, 1).numpy()
        prediction = synthesise_frames(pair.generator, invert_frames(pair, target), pair.resolution)
        shown = np.linspace(0, len(target) - 1, min(self.params.shown, len(target))).astype(int)
        pictures = np.concatenate([target[shown], prediction[shown]])
        write_strip(pictures, self.job.scratch / SAMPLES / f"step-{step:08d}.png")
        return {"held_out_psnr": float(psnr(target, prediction).mean())}

    def export(self, networks: Mapping[str, nn.Module], folder: Path) -> None:
        """Write the pair."""
        self._paired(networks).save(folder / OUTCOME)

    def _paired(self, networks: Mapping[str, nn.Module]) -> Backbone:
        encoder = networks["encoder"]
        assert isinstance(encoder, ResNetEncoder | GradualStyleEncoder)
        return Backbone(self.pair.generator, encoder, self.pair.latent_avg, self.pair.input_size).eval()


def new_pair(job: EncoderJob) -> Backbone:
    """Return the job's generator and mean latent with an encoder to train, the same on every process."""
    config, state = load_network(job.generator, "generator")
    generator = filled(Generator, config, state, job.generator / "generator.safetensors")
    _, mean = load_network(job.generator, "latent_avg")
    params = job.params
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        encoder = _new_encoder(params, generator)
    if isinstance(encoder, ResNetEncoder):
        _start_at_the_mean(encoder)
        if params.imagenet:
            load_imagenet(encoder, Path(params.imagenet))
    return Backbone(generator, encoder, mean["latent_avg"], params.input_size)


def _new_encoder(params: Encoder, generator: Generator) -> ResNetEncoder | GradualStyleEncoder:
    if params.kind == "psp":
        if generator.style_dim != 512 or generator.n_styles < 7:
            raise TalkingError("encoder.kind psp needs a generator of 512 numbers per style and 7 styles: use resnet.")
        return GradualStyleEncoder(generator.n_styles)
    return ResNetEncoder(
        generator.n_styles,
        generator.style_dim,
        width=params.width,
        stem=params.stem,
        stem_stride=params.stem_stride,
        pool=params.pool,
    )


@torch.no_grad()
def _start_at_the_mean(encoder: ResNetEncoder) -> None:
    """Begin near the mean face, where the generator draws faces: far from it gradients lead nowhere."""
    encoder.linear.weight.mul_(0.1)
    encoder.linear.bias.zero_()


def load_imagenet(encoder: ResNetEncoder, path: Path) -> None:
    """Fill the convolutions and norms from torchvision's ResNet-18 file (thesis 3.3.2.2). Raises TalkingError."""
    stored, own = read_state(path), encoder.state_dict()
    wanted = [name for name in own if name.startswith(TRUNK_PARTS)]
    for name in wanted:
        if name not in stored or stored[name].shape != own[name].shape:
            raise TalkingError(
                f"{path} has no fitting {name}: give torchvision's resnet18, with encoder.width 64 and stem imagenet."
            )
    encoder.load_state_dict({**own, **{name: stored[name] for name in wanted}})


def _schedule(progress: float) -> float:
    """Warm up over the first hundredth, lest Adam's first steps leave the mean face; a cosine over the last third."""
    return min(1.0, 100 * progress + 0.05) if progress < 2 / 3 else 0.5 * (1 + math.cos(math.pi * (3 * progress - 2)))
