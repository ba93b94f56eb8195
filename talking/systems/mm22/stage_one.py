"""Stage one (MM'22 section 3.2.1): train E_A and D, the backbone fixed, in one process or many; resumable."""

import copy
import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from talking.core.errors import TalkingError
from talking.data.clips import Batch, ClipArrays, ClipStream, all_clips, draw_batches
from talking.data.shards import ShardFolder
from talking.data.share import Share
from talking.faces.finders import make_finder
from talking.losses.perceptual import PerceptualLoss
from talking.models.backbone import Backbone
from talking.models.basis import Basis
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.lip_readout import load_readout
from talking.systems.mm22.lips import LipFollower
from talking.systems.mm22.losses import ImageTerm, LatentTerm, Target
from talking.systems.mm22.params import StageOne
from talking.systems.mm22.predict import predicted_codes
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize
from talking.training.context import TrainContext
from talking.training.random_states import random_states, restore_random_states

CHECKPOINT = "state.pt"
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
        torch.manual_seed(self.seed + context.rank)
        trainer = Trainer(self, context)
        trainer.resume()
        trainer.run()


class Trainer:
    """The state of one training process: model, its moving average, optimizer, step."""

    def __init__(self, job: StageOneJob, context: TrainContext) -> None:
        self.job, self.context, self.params = job, context, job.params
        self.weight = Share("stage_one.batch", self.params.batch, context.rank, context.world_size).weight
        self.fit = LinearFit.load(job.linear)
        self.model = new_model(job, self.fit).to(context.device)
        self.wrapped = context.wrap(_Forward(self.model))
        self.average = _Average(self.model, multi_avg_fn=get_ema_multi_avg_fn(job.params.average))
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=self.params.lr,
            betas=self.params.betas,
            weight_decay=self.params.weight_decay,
        )
        self.latent, self.image = self._terms()
        self.codes, self.windows = ShardFolder(job.codes), ShardFolder(job.windows)
        self.validation = _validation_clips(
            self.codes, self.windows, frozenset(job.validation), self.params.validation_most
        )
        self.lips = self._lips()
        self.step, self.best, self.stale, self.factor = 0, math.inf, 0, 1.0
        self.best_state = copy.deepcopy(self.average.module.state_dict())

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
        return LipFollower(generator, make_finder(self.params.lips_finder), self.validation[: self.params.lips_clips])

    def resume(self) -> None:
        """Take up weights, average, optimizer, scheduler, step, best and random states from the checkpoint, if any.

        The step is the data position too: what a step draws depends on the seed and its number alone.
        """
        with self.context.resume_from() as folder:
            if folder is None:
                return
            state = torch.load(folder / CHECKPOINT, weights_only=True, map_location=self.context.device)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best, self.best_state = state["step"], state["best"], state["best_state"]
        self.stale, self.factor = state["scheduler"]["stale"], state["scheduler"]["factor"]
        restore_random_states(state["random"], self.context)

    def run(self) -> None:
        """Train from the present step to the last, or until validation has not improved for `stop_after` times."""
        stream = ClipStream(
            self.codes,
            self.windows,
            frozenset(self.job.train),
            seed=self.job.seed,
            rank=self.context.rank,
            world=self.context.world_size,
        )
        batches = draw_batches(
            stream,
            batch=self.params.batch,
            sequence=self.params.sequence,
            first_step=self.step * self.params.accumulate,
            anywhere=self.params.identity == "anywhere",
            smooth=self.params.smooth_codes,
            speed=self.params.audio_speed,
            altered=self.params.altered_share,
        )
        means = _Means()
        while self.step < self.params.steps and not self._stopped():
            for losses in self._update(batches):
                means.add(losses)
            self.step += 1
            if self.step % self.params.validate_every == 0 or self.step == self.params.steps:
                self._report(means.taken())

    def _stopped(self) -> bool:
        return self.params.stop_after is not None and self.stale >= self.params.stop_after

    def _update(self, batches: Iterator[Batch]) -> list[dict[str, float]]:
        """Take one step by the mean gradient of `accumulate` batches; return the losses of this process's parts."""
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for number, batch in enumerate(islice(batches, self.params.accumulate), 1):
            with self._alone(number < self.params.accumulate):
                losses.append(self._accumulate(batch))
        self._descend()
        return losses

    def _alone(self, alone: bool) -> AbstractContextManager[None]:
        """Within it the processes do not exchange gradients: they do once a step."""
        return self.wrapped.no_sync() if alone and isinstance(self.wrapped, DistributedDataParallel) else nullcontext()

    def _accumulate(self, batch: Batch) -> dict[str, float]:
        draw = torch.Generator().manual_seed(self.job.seed * 1_000_003 + self.step)
        batch = self._augment(batch)
        displacements = batch.codes - batch.identity[:, None]
        with torch.autocast(self.context.device.type, dtype=torch.bfloat16, enabled=self.params.bf16):
            coefficients = self.wrapped(batch.windows, batch.identity)
        coefficients = coefficients.float()
        latent = self.latent(coefficients, displacements)
        loss = self.params.lambda_latent * latent
        losses = {"latent": latent.item()}
        if self.params.lambda_speed:
            speed = self.latent(coefficients.diff(dim=1), displacements.diff(dim=1))
            loss = loss + self.params.lambda_speed * speed
            losses["speed"] = speed.item()
        if self.image is not None and self._looks_at_pictures():
            lpips = self.image(coefficients, Target(displacements, batch.identity), draw)
            loss = loss + self.params.lambda_lpips * self.params.lpips_every * lpips
            losses["lpips"] = lpips.item()
        if not torch.isfinite(loss):
            raise TalkingError(
                f"stage_one: the loss is {loss.item()} at step {self.step}: lower stage_one.lr or the loss weights."
            )
        (self.weight * loss / self.params.accumulate).backward()
        return {**losses, "loss": loss.item()}

    def _looks_at_pictures(self) -> bool:
        """Every `lpips_every` steps, with as much more weight: lazily, as StyleGAN2 regularises (section 3.1)."""
        return self.step >= self.params.lpips_from and self.step % self.params.lpips_every == 0

    def _descend(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), self.params.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.lr * self.factor * _schedule(self.step / self.params.steps)
        self.optimizer.step()
        self.average.update_parameters(self.model)

    def _augment(self, batch: Batch) -> Batch:
        """Noise on the sound, in units of its standard deviation, so that few speakers are not learned by heart."""
        windows, identity = batch.windows, batch.identity
        if self.params.audio_noise:
            seeds = [self.job.seed * 1_000_003 + position for position in batch.positions]
            draws = [torch.Generator().manual_seed(seed) for seed in seeds]
            noise = torch.stack([torch.randn(windows.shape[1:], generator=draw) for draw in draws])
            windows = windows + noise * self.params.audio_noise * self.model.window_std.cpu()
        device = self.context.device
        return Batch(windows.to(device), batch.codes.to(device), identity.to(device))

    def _report(self, losses: dict[str, float]) -> None:
        losses = self.context.mean({name: self.weight * value for name, value in losses.items()})
        metrics = {f"train_{name}": value for name, value in losses.items()} | self.validate()
        self._judge(metrics[f"validation_{self.params.best_by}"])
        folder = self.job.scratch / f"checkpoint-{self.context.rank}"
        states = random_states(self.context)
        if self.context.rank == 0:
            self._write(folder, states)
        self.context.report({"step": float(self.step), **metrics}, folder if self.context.rank == 0 else None)

    def _judge(self, loss: float) -> None:
        """Keep the best weights; count how long there were no better ones, and halve the rate on a plateau."""
        self.stale += 1
        if loss < self.best:
            self.best, self.stale = loss, 0
            self.best_state = copy.deepcopy(self.average.module.state_dict())
        elif self.params.halve_after and self.stale % self.params.halve_after == 0:
            self.factor /= 2

    def _write(self, folder: Path, random: dict[str, list[torch.Tensor]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {"model": self.model.state_dict(), "average": self.average.state_dict()}
        state |= {"optimizer": self.optimizer.state_dict(), "step": self.step, "random": random}
        state |= {"scheduler": {"stale": self.stale, "factor": self.factor}}
        torch.save({**state, "best": self.best, "best_state": self.best_state}, folder / CHECKPOINT)
        best = copy.deepcopy(self.model)
        best.load_state_dict(self.best_state)
        best.save(folder / BEST)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """L_latent and lips of the averaged model on the validation clips, with their own sound and another's.

        `validation_moving` is L_latent about each clip's mean over time: where a face rests is told by w_I, a single
        frame with all of E_I's jitter, and is most of the whole loss, so that the best whole is not the best motion.
        """
        model = self.average.module.eval()
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
        identity = codes[:, 0]
        made, true = model.coefficients(windows, identity), codes - identity[:, None]
        moving = self.latent(made - made.mean(dim=1, keepdim=True), true - true.mean(dim=1, keepdim=True))
        return self.latent(made, true).item(), moving.item()


class _Means:
    """Means of losses since they were last taken, each over the steps that had it."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._values.setdefault(name, []).append(value)

    def taken(self) -> dict[str, float]:
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        self._values = {}
        return means


class _Average(AveragedModel):
    """The moving average of a talking head's weights."""

    module: TalkingHead


class _Forward(nn.Module):
    """DistributedDataParallel hooks `forward`; training needs the coefficients rather than the codes."""

    def __init__(self, model: TalkingHead) -> None:
        super().__init__()
        self.model = model

    def forward(self, windows: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        return self.model.coefficients(windows, identity)


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
