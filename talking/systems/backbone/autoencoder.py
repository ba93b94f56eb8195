"""A small backbone of our own: (E_I, G) trained together as an autoencoder on aligned faces, coarse to fine."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from talking.core.errors import TalkingError
from talking.losses.reconstruction import reconstruction_loss, region_weights
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.systems.backbone.augment import augmented
from talking.systems.backbone.params import TrainedBackbone as BackboneParams
from talking.training.images import Images

Report = Callable[[int, dict[str, float]], None]


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
    images: Images,
    params: BackboneParams,
    *,
    seed: int,
    device: torch.device,
    report: Report,
    start: Backbone | None = None,
) -> Backbone:
    """Train the pair on the images and return its moving average, with the mean code of the images as mean latent.

    The same seed on the same machine gives the same weights. `start` is a pair to go on from; without it the pair is
    new. Raises `TalkingError` when `start` has other sizes than params ask for.
    """
    pair = (_started(start, params, seed) if start else _Autoencoder(*new_pair(params, seed))).to(device)
    course = phases(params.resolution, started=start is not None)
    average = _Average(pair, multi_avg_fn=get_ema_multi_avg_fn(params.average), use_buffers=False)
    optimizer = torch.optim.Adam(pair.parameters(), lr=params.lr, betas=params.betas, fused=True)
    draw = torch.Generator().manual_seed(seed)
    total = 0.0
    for step in range(params.steps):
        for group in optimizer.param_groups:
            group["lr"] = params.lr * _schedule(step / params.steps)
        chosen = torch.randint(len(images.pictures), (params.batch,), generator=draw)
        batch = images.batch(chosen, device)
        if params.augment:
            batch = augmented(*batch, draw)
        loss = _loss(pair, batch, params, _resolution(step / params.steps, course))
        if not torch.isfinite(loss):
            raise TalkingError(f"backbone: the loss is {loss.item()} at step {step}: lower the backbone's lr.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update_parameters(pair)
        total += loss.item()
        if (step + 1) % params.report_every == 0:
            report(step + 1, {"train_reconstruction": total / params.report_every})
            total = 0.0
    return _finished(average.module, images, device, draw)


class _Autoencoder(nn.Module):
    def __init__(self, generator: Generator, encoder: ResNetEncoder) -> None:
        super().__init__()
        self.encoder, self.generator = encoder, generator

    def forward(self, pictures: torch.Tensor, resolution: int) -> torch.Tensor:
        return self.generator(self.encoder(pictures), resolution=resolution)


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


class _Average(AveragedModel):
    module: _Autoencoder


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
