"""Stage one (MM'22 section 3.2.1): train E_A and D, the backbone fixed, in one process or many; resumable."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.data.clips import Batch, ClipArrays, ClipStream, all_clips, draw_batches
from talking.data.masks import first_face
from talking.data.shards import ShardFolder
from talking.data.share import Share
from talking.faces.detectors import make_detector
from talking.losses.perceptual import PerceptualLoss
from talking.models.backbone import Backbone
from talking.models.basis import Basis
from talking.systems.mm22.hearing import begin_hearing
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.lip_readout import load_readout
from talking.systems.mm22.lips import LipFollower
from talking.systems.mm22.losses import ImageTerm, LatentTerm, Target
from talking.systems.mm22.params import StageOne
from talking.systems.mm22.predict import predicted_codes
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize
from talking.training.context import TrainContext
from talking.training.loop import Descend, LoopSettings, Losses, Means, Recipe, train

BEST = "best"


@dataclass(frozen=True)
class StageOneJob:
    """Everything a training process needs, as values and paths that every process can open."""

    params: StageOne
    seed: int
    codes: Path
    windows: Path
    basis: Path
    backbone: Path
    linear: Path
    train: tuple[str, ...]
    validation: tuple[str, ...]
    scratch: Path

    def __call__(self, context: TrainContext) -> None:
        """Train to the last step, reporting losses and checkpoints through the context."""
        train(StageOneRecipe(self, context), self.settings, context)

    @property
    def settings(self) -> LoopSettings:
        """What the loop is told."""
        params = self.params
        return LoopSettings(
            section="stage_one",
            remedy="lower stage_one.lr or the loss weights",
            steps=params.steps,
            seed=self.seed,
            report_every=params.validate_every,
            save_every=params.validate_every,
            schedule=_schedule,
            ema=lambda step: params.ema if step else 0.0,
            clip_norm=params.clip_norm,
            judge=f"validation_{params.best_by}",
            halve_after=params.halve_after,
            stop_after=params.stop_after,
        )


class StageOneRecipe(Recipe):
    """E_A and D as one model, its losses, and the clips that it is trained on and judged by."""

    averaged = ("model",)

    def __init__(self, job: StageOneJob, context: TrainContext) -> None:
        self.job, self.context, self.params = job, context, job.params
        self.share = Share("stage_one.batch", self.params.batch, context.rank, context.world_size)
        self.fit = LinearFit.load(job.linear)
        self.model = new_model(job, self.fit).to(context.device)
        self.networks = {"model": self.model}
        adam = torch.optim.AdamW(
            self.model.parameters(),
            lr=self.params.lr,
            betas=self.params.betas,
            weight_decay=self.params.weight_decay,
        )
        self.optimizers = {"model": adam}
        self.latent, self.image = self._terms()
        self.codes, self.windows = ShardFolder(job.codes), ShardFolder(job.windows)
        self.validation = _validation_clips(
            self.codes, self.windows, frozenset(job.validation), self.params.validation_most
        )
        self.lips = self._lips()

    def _terms(self) -> tuple[LatentTerm, ImageTerm | None]:
        params, projector = self.params, self.model.projector
        weights = component_weights(self.fit.explained, params.component_weights)
        between = "codes" if params.target == "codes" else "coefficients"
        readout = torch.from_numpy(load_readout(self.job.linear)) if params.lips_share else None
        latent = LatentTerm(
            projector,
            between=between,
            kind=params.latent_norm,
            weights=weights,
            readout=readout,
            lips=params.lips_share,
        ).to(self.context.device)
        if params.lambda_lpips == 0 or params.lpips_frames == 0:
            return latent, None
        trunk = Path(params.lpips_trunk) if params.lpips_trunk else None
        perceptual = PerceptualLoss(params.lpips_net, trunk, seed=self.job.seed)
        generator = Backbone.load(self.job.backbone).generator
        mouth = params.lambda_mouth / params.lambda_lpips
        return latent, ImageTerm(projector, generator, perceptual, params.lpips_frames, mouth).to(self.context.device)

    def _lips(self) -> LipFollower | None:
        """What looks at the lips of a few validation clips, in one process."""
        if not self.params.lips_clips or self.context.rank:
            return None
        generator = Backbone.load(self.job.backbone).generator.to(self.context.device)
        return LipFollower(
            generator, make_detector(self.params.lips_detector), self.validation[: self.params.lips_clips]
        )

    def begin(self, step: int) -> None:
        """Open the stream of batches at the step: what a step draws depends on the seed and its number alone."""
        stream = ClipStream(
            self.codes,
            self.windows,
            frozenset(self.job.train),
            seed=self.job.seed,
            rank=self.context.rank,
            world=self.context.world_size,
        )
        self.batches = draw_batches(
            stream,
            batch=self.params.batch,
            sequence=self.params.sequence,
            first_step=step * self.params.accumulate,
            anywhere=self.params.identity == "anywhere",
            smooth=self.params.smooth_codes,
            speed=self.params.audio_speed,
            altered=self.params.altered_share,
        )

    def step(self, step: int, descend: Descend) -> Losses:
        """Descend the mean loss of `accumulate` batches; return the means of their losses."""
        self.model.train()
        means = Means()

        def parts() -> Iterator[Tensor]:
            for batch in islice(self.batches, self.params.accumulate):
                loss, terms = self._losses(batch, step)
                means.add({**terms, "loss": loss.item()})
                yield loss / self.params.accumulate

        descend(parts(), "model")
        return means.taken()

    def _losses(self, batch: Batch, step: int) -> tuple[Tensor, Losses]:
        draw = torch.Generator().manual_seed(self.job.seed * 1_000_003 + step)
        batch = self._augment(batch)
        displacements = batch.codes - batch.identity[:, None]
        with torch.autocast(self.context.device.type, dtype=torch.bfloat16, enabled=self.params.bf16):
            coefficients = self.model.coefficients(batch.windows, batch.identity)
        coefficients = coefficients.float()
        latent = self.latent(coefficients, displacements, batch.faces)
        loss = self.params.lambda_latent * latent
        losses = {"latent": latent.item()}
        if self.params.lambda_speed:
            pairs = None if batch.faces is None else batch.faces[:, 1:] & batch.faces[:, :-1]
            speed = self.latent(coefficients.diff(dim=1), displacements.diff(dim=1), pairs)
            loss = loss + self.params.lambda_speed * speed
            losses["speed"] = speed.item()
        if self.image is not None and self._looks_at_pictures(step):
            lpips = self.image(coefficients, Target(displacements, batch.identity, batch.faces), draw)
            loss = loss + self.params.lambda_lpips * self.params.lpips_every * lpips
            losses["lpips"] = lpips.item()
        return loss, losses

    def _looks_at_pictures(self, step: int) -> bool:
        """Every `lpips_every` steps, with as much more weight: lazily, as StyleGAN2 regularises (section 3.1)."""
        return step >= self.params.lpips_from and step % self.params.lpips_every == 0

    def _augment(self, batch: Batch) -> Batch:
        """Noise on the sound, in units of its standard deviation, so that few speakers are not learned by heart."""
        windows, identity = batch.windows, batch.identity
        if self.params.audio_noise:
            seeds = [self.job.seed * 1_000_003 + position for position in batch.positions]
            draws = [torch.Generator().manual_seed(seed) for seed in seeds]
            noise = torch.stack([torch.randn(windows.shape[1:], generator=draw) for draw in draws])
            windows = windows + noise * self.params.audio_noise * self.model.window_std.cpu()
        device = self.context.device
        faces = None if batch.faces is None else batch.faces.to(device)
        return Batch(windows.to(device), batch.codes.to(device), identity.to(device), faces=faces)

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:  # noqa: ARG002
        """L_latent and lips of the averaged model on the validation clips, with their own sound and another's.

        `validation_moving` is L_latent about each clip's mean over time: where a face rests is told by w_I, a single
        frame with all of E_I's jitter, and is most of the whole loss, so that the best whole is not the best motion.
        """
        model = _talking_head(networks).eval()
        sums = {"validation_latent": 0.0, "validation_wrong_audio": 0.0, "validation_moving": 0.0}
        for clip, other in zip(self.validation, self.validation[1:] + self.validation[:1], strict=True):
            whole, moving = self._clip_losses(model, clip, clip)
            sums["validation_latent"] += whole
            sums["validation_moving"] += moving
            sums["validation_wrong_audio"] += self._clip_losses(model, clip, other)[0]
        losses = {name: value / len(self.validation) for name, value in sums.items()}
        if self.lips is None:
            return losses
        lips = self.lips.correlations(partial(predicted_codes, model))
        return losses | {f"validation_{name}": value for name, value in lips.items()}

    def _clip_losses(self, model: TalkingHead, clip: ClipArrays, sound: ClipArrays) -> tuple[float, float]:
        length = min(len(clip.codes), len(sound.windows))
        device = self.context.device
        codes = torch.from_numpy(clip.codes[:length])[None].to(device)  # (1, T, L, 512)
        windows = torch.from_numpy(sound.windows[:length])[None].to(device)  # (1, T, 12, 28)
        shown = torch.from_numpy(clip.mask[:length]).to(device)  # (T,)
        identity = codes[:, first_face(clip.mask)]
        prediction, target = model.coefficients(windows, identity)[:, shown], (codes - identity[:, None])[:, shown]
        moving = self.latent(
            prediction - prediction.mean(dim=1, keepdim=True), target - target.mean(dim=1, keepdim=True)
        )
        return self.latent(prediction, target).item(), moving.item()

    def export(self, networks: Mapping[str, nn.Module], folder: Path) -> None:
        """Write the model."""
        _talking_head(networks).save(folder / BEST)


def _talking_head(networks: Mapping[str, nn.Module]) -> TalkingHead:
    model = networks["model"]
    assert isinstance(model, TalkingHead)
    return model


def component_weights(explained: np.ndarray, kind: str) -> torch.Tensor:
    """Return weights (K,) of mean 1: in proportion to what sound `explained` of each, or its square, or all alike."""
    shares = torch.from_numpy(explained)
    if kind == "none" or not shares.any():
        return torch.ones_like(shares)
    shares = shares.square() if kind == "predictability_squared" else shares
    return shares / shares.mean()


def new_model(job: StageOneJob, fit: LinearFit) -> TalkingHead:
    """Return an untrained model of the sizes that params ask for; the same on every process."""
    params = job.params
    whiten = params.target == "whitened"
    n_coefficients = len(fit.window_mean)
    size = TalkingHeadSize(
        n_coefficients=n_coefficients,
        n_steps=(len(fit.ridge.weights) - 1 - len(fit.identity_mean)) // n_coefficients,
        width=params.width,
        lstm_layers=params.lstm_layers,
        code_dim=params.code_dim,
        hidden=params.hidden,
        whiten=whiten,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        model = TalkingHead(Basis.load(job.basis), size)
    if params.hearing:
        begin_hearing(model.audio_encoder, Path(params.hearing))
    model.normalise((fit.window_mean, fit.window_std), (fit.identity_mean, fit.identity_std))
    return model


def _validation_clips(codes: ShardFolder, windows: ShardFolder, keys: frozenset[str], most: int) -> list[ClipArrays]:
    """The first `most` validation clips, so that memory stays flat."""
    clips = list(islice(all_clips(codes, windows, keys), most))
    if not clips:
        raise TalkingError("stage_one: no validation clip is usable: name other validation_speakers in params.yaml.")
    return clips


def _schedule(progress: float) -> float:
    """Risen over the first twentieth, then constant, and a cosine to zero over the last third.

    Few steps settle better so; without the rise a rate of 0.004 ended in a mean face.
    """
    settling = 1.0 if progress < 2 / 3 else 0.5 * (1 + math.cos(math.pi * (3 * progress - 2)))
    return min(1.0, (progress + 0.001) * 20) * settling


def losses_of(history: Iterable[dict[str, float]]) -> list[tuple[int, dict[str, float]]]:
    """Turn reported metrics into (step, losses) pairs for plots and trackers."""
    return [
        (int(row["step"]), {k: v for k, v in row.items() if k.startswith(("train_", "validation_"))}) for row in history
    ]
