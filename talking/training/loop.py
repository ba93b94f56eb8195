"""The loop that every training runs, in one process or many: killed at any moment, it goes on to the same bits.

A training is a `Recipe`: its networks, its optimizers, one step. All that trainings have in common is here.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import is_zipfile

import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.data.share import Share
from talking.training.context import TrainContext
from talking.training.processes import average_gradients, move_ema
from talking.training.random_states import random_states, restore_random_states

CHECKPOINT = "state.pt"
Losses = dict[str, float]


class Descend(Protocol):
    """What a recipe's step calls to change its networks."""

    def __call__(self, loss: Tensor | Iterable[Tensor], optimizer: str, share: Share | None = None) -> None:
        """Take one step of the named optimizer down a scalar loss, or down the sum of several, computed in turn.

        `share` is what this process's examples are of those that the loss is a mean over: by default the recipe's.
        """


class Recipe(ABC):
    """What one training is. `networks` and `optimizers` have names, under which a checkpoint keeps them.

    The rates of the optimizers are the highest ones, which the schedule shrinks. `averaged` names the networks of which
    the loop keeps an exponential moving average (ema). `share` is what this process takes of the examples of a step.
    """

    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]
    averaged: tuple[str, ...] = ()
    share: Share = Share("batch", 1, 0, 1)

    @abstractmethod
    def step(self, step: int, descend: Descend) -> Losses:
        """Train for one step, number `step` from 0; return its losses by name, means over this process's examples.

        What a step draws depends on its number and the seed, on torch's global generator, or on what `state` returns.
        """

    def begin(self, step: int) -> None:  # noqa: B027
        """Get ready to go on at this step; the networks and the recipe's own state are those of that step."""

    def curves(self, step: int, losses: Losses) -> dict[str, float]:  # noqa: ARG002
        """Return what is reported of the mean losses since the last report, by the names of the curves."""
        return {f"train_{name}": value for name, value in losses.items()}

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:  # noqa: ARG002
        """Return metrics of the networks, an ema in place of each network that has one. Every process calls this."""
        return {}

    def export(self, networks: Mapping[str, nn.Module], folder: Path) -> None:  # noqa: B027
        """Write the outcome into the folder of a checkpoint; of an ema that is judged the networks are the best ones.

        Process 0 alone calls this.
        """

    def settled(self) -> bool:
        """Tell whether nothing is left to learn, so that training ends before its last step."""
        return False

    def state(self) -> dict[str, Any]:
        """Return what a resume needs beside the networks and optimizers: numbers, tensors, and lists of them."""
        return {}

    def take(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Go on from what `state` returned; its tensors are on the device that is trained on."""


@dataclass(frozen=True)
class LoopSettings:
    """What the loop is told; `section` of params is named in the error of a loss that is no number, with a `remedy`.

    There is a report every `report_every` steps; every `save_every` and at the end it comes with metrics and a
    checkpoint. `schedule` maps the share of all steps to the share of the rates; `ema` a step's number to the share
    that the ema keeps of itself. `judge` names the metric by which the best ema is kept; after `halve_after`
    validations without a better one the rates are halved, and after `stop_after` training ends.
    """

    section: str
    remedy: str
    steps: int
    seed: int
    report_every: int
    save_every: int
    schedule: Callable[[float], float] = lambda _: 1.0
    ema: Callable[[int], float] | None = None
    clip_norm: float | None = None
    judge: str | None = None
    halve_after: int | None = None
    stop_after: int | None = None


class Loop:
    """The state of one training process: the recipe with its networks, their ema, the step, the best so far."""

    def __init__(self, recipe: Recipe, settings: LoopSettings, context: TrainContext) -> None:
        self.recipe, self.settings, self.context = recipe, settings, context
        self.ema = {name: copy.deepcopy(recipe.networks[name]).requires_grad_(False) for name in recipe.averaged}
        self.step, self.best, self.stale, self.factor = 0, math.inf, 0, 1.0
        self.best_ema = self._copied_ema()
        groups = {name: optimizer.param_groups for name, optimizer in recipe.optimizers.items()}
        self._rates = {name: [group["lr"] for group in each] for name, each in groups.items()}

    def run(self) -> None:
        """Train from the last checkpoint, if there is one, to the last step."""
        settings, recipe = self.settings, self.recipe
        with _seeded(settings.seed + self.context.rank, self.context.device):
            # Seeding comes first: a checkpoint brings the generators' states of its own step.
            self.resume()
            recipe.begin(self.step)
            means = Means()
            while self.step < settings.steps and not self._ended():
                # The rates are functions of the step and of what a checkpoint holds: a resume needs no scheduler.
                self._set_rates(settings.schedule(self.step / settings.steps))
                # The recipe computes and the loop descends: a training says what it learns, not how gradients travel.
                means.add(recipe.step(self.step, self.descend))
                # The average is taken of what the step left, so that a checkpoint's networks and ema belong together.
                self._move_ema()
                self.step += 1
                # A checkpoint comes with a report, so that no mean of losses is cut in two by a kill.
                saves = self.step == settings.steps or self.step % settings.save_every == 0
                if saves or self.step % settings.report_every == 0:
                    self._report(means.taken(), saves)

    def descend(self, loss: Tensor | Iterable[Tensor], optimizer: str, share: Share | None = None) -> None:
        """See `Descend`. Raises `TalkingError` where a loss is no number."""
        chosen, share = self.recipe.optimizers[optimizer], share or self.recipe.share
        parameters = [parameter for group in chosen.param_groups for parameter in group["params"]]
        # Another optimizer's loss may have left gradients here: G's loss passes through D.
        chosen.zero_grad(set_to_none=True)
        for part in [loss] if isinstance(loss, Tensor) else loss:
            # Before the gradients: a network that has taken in a NaN cannot be saved any more.
            self._check(part)
            part.backward()
        # Once per step, after all parts: the exchange is what processes wait for.
        average_gradients(parameters, share.world_size, share.weight)
        # After the exchange: the mean gradient is clipped, as one process would have.
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.settings.clip_norm)
        chosen.step()

    def resume(self) -> None:
        """Take up everything from the context's checkpoint, if there is one."""
        with self.context.resume_from() as folder:
            if folder is None:
                return
            state = _read_checkpoint(folder, self.context.device)
        for name, part in self._parts().items():
            part.load_state_dict(state["parts"][name])
        self.step, self.best, self.best_ema = state["step"], state["best"], state["best_ema"]
        self.stale, self.factor = state["stale"], state["factor"]
        self.recipe.take(state["recipe"])
        restore_random_states(state["random"], self.context)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Everything that has a state dictionary, by its name in a checkpoint."""
        found: dict[str, nn.Module | torch.optim.Optimizer] = dict(self.recipe.networks)
        found |= {f"{name}.ema": network for name, network in self.ema.items()}
        return found | {f"{name}.optimizer": optimizer for name, optimizer in self.recipe.optimizers.items()}

    def _ended(self) -> bool:
        patience = self.settings.stop_after
        return self.recipe.settled() or (patience is not None and self.stale >= patience)

    def _set_rates(self, share: float) -> None:
        for name, optimizer in self.recipe.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * self.factor * share

    def _move_ema(self) -> None:
        for name, average in self.ema.items():
            assert self.settings.ema is not None, "a recipe with averaged networks needs a rule for their ema"
            move_ema(average, self.recipe.networks[name], self.settings.ema(self.step))

    def _check(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            section, remedy = self.settings.section, self.settings.remedy
            raise TalkingError(f"{section}: the loss is {loss.item()} at step {self.step}: {remedy}.")

    def _report(self, losses: Losses, saves: bool) -> None:
        weight = self.recipe.share.weight
        means = self.context.mean({name: weight * value for name, value in losses.items()})
        curves = self.recipe.curves(self.step, {name: means[name] for name in losses})
        metrics, folder = {"step": float(self.step), **curves}, None
        if saves:
            metrics |= self.recipe.validate({**self.recipe.networks, **self.ema}, self.step)
            self._judge(metrics)
            folder = self._save()
        self.context.report(metrics, folder)

    def _judge(self, metrics: Mapping[str, float]) -> None:
        """Keep the best ema; count how long there was no better one, and halve the rates on a plateau."""
        if (name := self.settings.judge) is None:
            return
        # All processes judge by one number, or they would train at different rates and end at different steps.
        value = self.context.mean({name: metrics[name]})[name]
        self.stale += 1
        if value < self.best:
            self.best, self.stale, self.best_ema = value, 0, self._copied_ema()
        elif self.settings.halve_after and self.stale % self.settings.halve_after == 0:
            self.factor /= 2

    def _copied_ema(self) -> dict[str, dict[str, Tensor]]:
        """Copies of the ema's weights, where the best are to be kept."""
        kept = self.ema if self.settings.judge else {}
        return {name: copy.deepcopy(dict(network.state_dict())) for name, network in kept.items()}

    def _save(self) -> Path | None:
        """Put a checkpoint together with the outcome so far, on process 0, where the context keeps checkpoints."""
        random = random_states(self.context)  # Every process takes part.
        if self.context.rank or self.context.scratch is None:
            return None
        folder = self.context.scratch / "checkpoint"
        folder.mkdir(parents=True, exist_ok=True)
        state = {"parts": {name: part.state_dict() for name, part in self._parts().items()}, "step": self.step}
        state |= {"best": self.best, "best_ema": self.best_ema, "stale": self.stale, "factor": self.factor}
        torch.save({**state, "recipe": self.recipe.state(), "random": random}, folder / CHECKPOINT)
        self.recipe.export({**self.recipe.networks, **self._best_networks()}, folder)
        return folder

    def _best_networks(self) -> dict[str, nn.Module]:
        best = self.ema | {name: copy.deepcopy(self.ema[name]) for name in self.best_ema}
        for name, weights in self.best_ema.items():
            best[name].load_state_dict(weights)
        return best


def _read_checkpoint(folder: Path, device: torch.device) -> dict[str, Any]:
    """Raises `TalkingError` when the checkpoint is damaged: a file that was cut off has lost its table of contents."""
    path = folder / CHECKPOINT
    try:
        if not is_zipfile(path):
            raise RuntimeError(f"{path} is no archive")
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
    except RuntimeError as error:
        raise TalkingError(
            f"{path} is damaged, most often by a power cut: remove {folder.parent} to begin this training anew."
        ) from error
    return state


class Means:
    """Means of losses since they were last taken, each over the steps that had it."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, losses: Mapping[str, float]) -> None:
        """Take the losses of a step."""
        for name, value in losses.items():
            self._values.setdefault(name, []).append(value)

    def taken(self) -> Losses:
        """Return the means by name, and begin anew."""
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        self._values = {}
        return means


def train(recipe: Recipe, settings: LoopSettings, context: TrainContext) -> Loop:
    """Run the recipe to its end; return the loop with the ema and the best so far."""
    loop = Loop(recipe, settings, context)
    loop.run()
    return loop


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators within; outside they are as they were."""
    with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type):
        torch.manual_seed(seed)
        yield
