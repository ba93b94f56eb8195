"""E_A learns to hear before it sees a face: mouth shapes from synthetic speech, of which there is any amount.

What the lips of a few people teach of sound is little. The shapes are those of the demo corpus's articulation, known
exactly; their read-out is thrown away afterwards, and what is kept is an audio encoder for stage one to begin with.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.core.typed import number
from talking.core.wording import shown, shown_key
from talking.data.members import MOUTH, WINDOWS
from talking.data.shards import ShardFolder, decode_array
from talking.data.share import Share
from talking.models.stored import filled, load_network, save_network
from talking.systems.mm22.audio_encoder import AudioEncoder
from talking.systems.mm22.utterances import SHAPE
from talking.training.context import TrainContext
from talking.training.loop import Descend, LoopSettings, Losses, Recipe, train
from talking.training.processes import step_generator

NAME = "audio_encoder"
OUTCOME = "outcome"


@dataclass(frozen=True)
class Hear:
    """Sizes of E_A, which must be those of stage one, and its training; in-line noise stands for other voices."""

    width: int = number(4)
    lstm_layers: int = number(1)
    code_dim: int = number(8)
    steps: int = number(1)
    batch: int = number(1)
    sequence: int = number(2)
    lr: float = number(above=0)
    weight_decay: float = number(0)
    gain: float = number(0)
    offset: float = number(0)
    noise: float = number(0)
    held_out: int = number(1)
    report_every: int = number(1)


@dataclass(frozen=True)
class HearingJob:
    """Everything a training process needs, as values and paths that every process can open."""

    params: Hear
    seed: int
    speech: Path
    scratch: Path

    def __call__(self, context: TrainContext) -> None:
        """Train to the last step, reporting curves and checkpoints through the context."""
        train(HearingRecipe(self, context), self.settings, context)

    @property
    def settings(self) -> LoopSettings:
        """What the loop is told."""
        return LoopSettings(
            section="hear",
            remedy="lower hear.lr",
            steps=self.params.steps,
            seed=self.seed,
            report_every=self.params.report_every,
            save_every=self.params.report_every,
            schedule=_schedule,
        )


class HearingRecipe(Recipe):
    """E_A with a linear read-out of the mouth's shape, by the mean square of standardised shapes."""

    def __init__(self, job: HearingJob, context: TrainContext) -> None:
        self.job, self.context, params = job, context, job.params
        self.share = Share("hear.batch", params.batch, context.rank, context.world_size)
        self.windows, self.shapes, self.held = read_speech(job.speech, params.held_out)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            encoder = AudioEncoder(
                *self.windows.shape[2:],
                code_dim=params.code_dim,
                lstm_layers=params.lstm_layers,
                width=params.width,
            )
            read_out = nn.Linear(params.code_dim, len(SHAPE))
        self.networks = {"encoder": encoder.to(context.device), "read_out": read_out.to(context.device)}
        parameters = [parameter for network in self.networks.values() for parameter in network.parameters()]
        adam = torch.optim.AdamW(parameters, lr=params.lr, weight_decay=params.weight_decay)
        self.optimizers = {"adam": adam}

    def step(self, step: int, descend: Descend) -> Losses:
        """Hear this process's share of the step's sequences, each through a microphone and a voice of its own."""
        rng = step_generator(None, self.job.seed, self.context.rank, step)
        windows, shapes = self._sequences(rng)
        loss = (self._read(windows) - shapes).square().mean()
        descend(loss, "adam")
        return {"shape": loss.item()}

    def _sequences(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        params, count = self.job.params, self.share.size
        chosen = torch.randint(len(self.windows), (count,), generator=rng)
        start = int(torch.randint(self.windows.shape[1] - params.sequence + 1, (1,), generator=rng))
        taken = slice(start, start + params.sequence)
        windows, shapes = self.windows[chosen, taken], self.shapes[chosen, taken]
        draw = partial(torch.randn, generator=rng)
        each = (count, 1, windows.shape[2], 1)
        windows = windows * (1 + params.gain * draw(each)) + params.offset * draw(each)
        windows = windows + params.noise * draw(windows.shape)
        return windows.to(self.context.device), shapes.to(self.context.device)

    def _read(self, windows: Tensor) -> Tensor:
        result: Tensor = self.networks["read_out"](self.networks["encoder"](windows))
        return result

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Return the correlation of each part of the mouth's shape over the utterances that are not trained on."""
        del step
        windows, shapes = self.held
        heard = networks["read_out"](networks["encoder"](windows.to(self.context.device))).cpu()
        pairs = zip(SHAPE, heard.flatten(0, 1).T.numpy(), shapes.flatten(0, 1).T.numpy(), strict=True)
        return {f"validation_{name}": float(np.corrcoef(found, target)[0, 1]) for name, found, target in pairs}

    def export(self, networks: Mapping[str, nn.Module], folder: Path) -> None:
        """Write E_A, as `begin_hearing` reads it."""
        encoder = networks["encoder"]
        assert isinstance(encoder, AudioEncoder)
        save_network(folder / OUTCOME, NAME, encoder, encoder.config)


def read_speech(folder: Path, held_out: int) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Return standardised windows (N, T, 12, 28) and shapes (N, T, 5), and the same of the `held_out` first utterances.

    Raises `TalkingError` where there are no more than these.
    """
    shards = ShardFolder(folder)
    pairs = [
        (decode_array(sample.members[WINDOWS]), decode_array(sample.members[MOUTH]))
        for name in shards.names
        for sample in shards.read(name)
    ]
    if len(pairs) <= held_out:
        raise TalkingError(
            f"{folder} has {len(pairs)} utterances, of which {held_out} are held out: raise speech.utterances."
        )
    windows, shapes = (np.stack(part).astype(np.float32) for part in zip(*pairs, strict=True))
    mean, deviation = (getattr(windows, name)((0, 1, 3))[:, None] for name in ("mean", "std"))  # (12, 1)
    windows = (windows - mean) / deviation
    shapes = (shapes - shapes.mean((0, 1))) / shapes.std((0, 1))
    sound, mouths = torch.from_numpy(windows), torch.from_numpy(shapes)
    return sound[held_out:], mouths[held_out:], (sound[:held_out], mouths[:held_out])


def begin_hearing(encoder: AudioEncoder, folder: Path) -> None:
    """Put the weights of an encoder that learned to hear into `encoder`.

    Raises `TalkingError` where the folder holds none, or one of other sizes.
    """
    config, state = load_network(folder, NAME)
    if config != encoder.config:
        keys = {**encoder.config, **config}
        key = next(name for name in keys if encoder.config.get(name) != config.get(name) or name not in encoder.config)
        raise TalkingError(
            f"stage_one.hearing is {folder}, whose {shown_key(key)} is {shown(config.get(key))} where stage one asks "
            f"for {shown(encoder.config.get(key))}: give the sizes of that encoder, or weights/none."
        )
    learned: Any = filled(AudioEncoder, config, state, folder / f"{NAME}.safetensors")
    encoder.load_state_dict(learned.state_dict())


def _schedule(progress: float) -> float:
    """Risen over the first twentieth, then a cosine to zero."""
    return min(1.0, 20 * progress + 0.02) * 0.5 * (1 + math.cos(math.pi * progress))


def shards_of(utterances: int, per_shard: int) -> Iterator[tuple[str, range]]:
    """Yield the names of the shards of so many utterances, each with the numbers that it holds."""
    for shard, first in enumerate(range(0, utterances, per_shard)):
        yield f"espeak-{shard:03d}.tar", range(first, min(first + per_shard, utterances))
