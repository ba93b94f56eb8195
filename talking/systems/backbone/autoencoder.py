"""A small backbone of our own: (E_I, G) trained together as an autoencoder on aligned faces, coarse to fine."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from talking.core.errors import TalkingError
from talking.losses.reconstruction import reconstruction_loss, region_weights
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.systems.backbone.augment import augmented
from talking.systems.backbone.params import TrainedBackbone as BackboneParams
from talking.training.context import TrainContext
from talking.training.images import Images
from talking.training.loop import Descend, LoopSettings, Losses, Recipe, train


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one output resolution, ending at the share `end` of all steps."""

    end: float
    resolution: int


def phases(resolution: int, *, started: bool = False) -> list[Phase]:
    """Grow the output from a quarter over a half to the whole resolution: structure first, then what is fine.

    A pair that was trained before (`started`) has its structure, and draws the whole picture at once.
    """
    if started:
        return [Phase(1.0, resolution)]
    return [Phase(0.12, max(8, resolution // 4)), Phase(0.35, max(8, resolution // 2)), Phase(1.0, resolution)]


def new_pair(params: BackboneParams, seed: int) -> tuple[Generator, ResNetEncoder]:
    """Return an untrained pair of the sizes that params ask for."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(
            params.resolution,
            params.style_dim,
            n_mlp=params.n_mlp,
            channel_multiplier=params.channel_multiplier,
            channel_max=params.channel_max,
        )
        encoder = ResNetEncoder(
            generator.n_styles,
            params.style_dim,
            width=params.encoder_width,
            stem="small",
            stem_stride=2,
            pool=params.encoder_pool,
        )
        return generator, encoder


def train_backbone(
    images: Images, params: BackboneParams, context: TrainContext, *, seed: int, start: Backbone | None = None
) -> Backbone:
    """Train the pair on the images and return its moving average, with the mean code of the images as mean latent.

    The same seed on the same machine gives the same weights, whether or not training was killed and goes on from the
    context's checkpoint. `start` is a pair to begin with; without it the pair is new. Raises `TalkingError` when
    `start` has other sizes than params ask for.
    """
    recipe = BackboneRecipe(images, params, context.device, seed=seed, start=start)
    settings = LoopSettings(
        section="backbone",
        remedy="lower the backbone's lr",
        steps=params.steps,
        seed=seed,
        report_every=params.report_every,
        save_every=params.report_every,
        schedule=_schedule,
        ema=lambda step: params.ema if step else 0.0,
    )
    ema = train(recipe, settings, context).ema["pair"]
    assert isinstance(ema, _Autoencoder)
    return _finished(ema, images, context.device, recipe.draw)


class BackboneRecipe(Recipe):
    """Both networks as one autoencoder, trained on batches that one generator of random numbers draws."""

    averaged = ("pair",)

    def __init__(
        self, images: Images, params: BackboneParams, device: torch.device, *, seed: int, start: Backbone | None
    ) -> None:
        self.images, self.params, self.device = images, params, device
        self.pair = (_started(start, params, seed) if start else _Autoencoder(*new_pair(params, seed))).to(device)
        self.networks = {"pair": self.pair}
        self.optimizers = {
            "pair": torch.optim.Adam(self.pair.parameters(), lr=params.lr, betas=params.betas, fused=True)
        }
        self.course = phases(params.resolution, started=start is not None)
        self.draw = torch.Generator().manual_seed(seed)

    def step(self, step: int, descend: Descend) -> Losses:
        """Train both networks to draw a batch again, at the step's resolution."""
        chosen = torch.randint(len(self.images.pictures), (self.params.batch,), generator=self.draw)
        batch = self.images.batch(chosen, self.device)
        if self.params.augment:
            batch = augmented(*batch, self.draw)
        loss = _loss(self.pair, batch, self.params, _resolution(step / self.params.steps, self.course))
        descend(loss, "pair")
        return {"reconstruction": loss.item()}

    def state(self) -> dict[str, Any]:
        """Return where the random numbers stand."""
        return {"draw": self.draw.get_state()}

    def take(self, state: dict[str, Any]) -> None:
        """Go on drawing there."""
        self.draw.set_state(state["draw"].cpu())


class _Autoencoder(nn.Module):
    def __init__(self, generator: Generator, encoder: ResNetEncoder) -> None:
        super().__init__()
        self.encoder, self.generator = encoder, generator

    def forward(self, pictures: torch.Tensor, resolution: int) -> torch.Tensor:
        result: torch.Tensor = self.generator(self.encoder(pictures), resolution=resolution)
        return result


def _started(start: Backbone, params: BackboneParams, seed: int) -> _Autoencoder:
    """Return the networks of a pair, its mean latent put back into the encoder's last bias."""
    generator, encoder = copy.deepcopy(start.generator), copy.deepcopy(start.encoder)
    new = _Autoencoder(*new_pair(params, seed))
    if (
        not isinstance(encoder, ResNetEncoder)
        or not isinstance(generator, Generator)
        or _shapes(old := _Autoencoder(generator, encoder)) != _shapes(new)
    ):
        raise TalkingError(
            f"backbones: the pair to start from has other sizes ({start.resolution} pixels) than the row asks for "
            f"({params.resolution}): give the row the sizes of that pair, or take the pair away."
        )
    with torch.no_grad():
        old.encoder.linear.bias.add_(start.latent_avg.flatten())
    return old.requires_grad_(True).train()


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in module.named_parameters()}


def _loss(
    pair: _Autoencoder, batch: tuple[torch.Tensor, torch.Tensor], params: BackboneParams, resolution: int
) -> torch.Tensor:
    pictures, landmarks = batch
    with torch.autocast(pictures.device.type, dtype=torch.bfloat16, enabled=params.bf16):
        made = pair(pictures, resolution)
    shrink = params.resolution // resolution
    weights = region_weights(landmarks, params.resolution, mouth=params.mouth_weight, eyes=params.eyes_weight)
    wanted = nn.functional.avg_pool2d(pictures, shrink)
    return reconstruction_loss(
        made.float(), wanted, nn.functional.avg_pool2d(weights, shrink), gradient=params.lambda_gradient
    )


def _resolution(progress: float, course: list[Phase]) -> int:
    return next(phase.resolution for phase in course if progress < phase.end)


def _schedule(progress: float) -> float:
    """Warm up over the first hundredth, then a cosine to a fiftieth."""
    return min(1.0, progress * 100 + 0.05) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


@torch.no_grad()
def _finished(pair: _Autoencoder, images: Images, device: torch.device, draw: torch.Generator) -> Backbone:
    """Settle the norms' running statistics on the averaged weights, and make the mean code the mean latent.

    Batches are mixed: in one of a single clip nearly everything is alike, and its variance far below that of faces.
    """
    norms = [module for module in pair.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    pair.train()
    batches = torch.randperm(len(images.pictures), generator=draw).split(64)[:32]
    for chosen in batches:
        pair.encoder(images.batch(chosen, device)[0])
    pair.eval()
    codes = torch.cat([pair.encoder(images.batch(chosen, device)[0]) for chosen in batches])
    return _centred(pair, codes.mean(dim=0))


def _centred(pair: _Autoencoder, mean: torch.Tensor) -> Backbone:
    """Move the mean code from the encoder's last bias into the mean latent, where published pairs keep it."""
    pair.encoder.linear.bias.sub_(mean.flatten())
    return Backbone(pair.generator, pair.encoder, mean).eval()
