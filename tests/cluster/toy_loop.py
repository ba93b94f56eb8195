"""A small training loop, which training processes import as the tests do."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from talking.core.errors import TalkingError
from talking.training.context import TrainContext
from talking.training.processes import average_gradients


@dataclass
class Loop:
    """Linear regression by Adam; state is weights, optimizer, step and random numbers.

    Dies once at step `die`, as soon as Ray has written into the folder `run` that it took a checkpoint in.
    """

    steps: int
    scratch: Path
    die: int = 0
    run: Path = Path()
    mistake: bool = False

    def __call__(self, context: TrainContext) -> None:
        if self.mistake:
            raise TalkingError("params.yaml: stage_one.rate is 0: give a positive one.")
        torch.manual_seed(context.rank)
        module = torch.nn.Linear(4, 1)
        torch.nn.init.constant_(module.weight, 0.5)
        torch.nn.init.zeros_(module.bias)
        optimizer = torch.optim.Adam(module.parameters(), 1e-2)
        step = self.resume(context, module, optimizer)
        with (self.scratch / "starts").open("a") as file:
            file.write(f"{step}\n")
        while step < self.steps:
            x = torch.randn(8, 4)
            loss = (module(x) - x.sum(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            average_gradients(module.parameters(), context.world_size)
            optimizer.step()
            step += 1
            if step == self.die and not (self.scratch / "died").exists():
                (self.scratch / "died").touch()
                while not list(self.run.glob("*snapshot.json")):
                    time.sleep(0.1)
                os._exit(9)
            context.report({"step": step, "loss": loss.item()}, self.save(context, module, optimizer, step))
        torch.save(module.state_dict(), self.scratch / f"rank-{context.rank}.pt")

    def save(
        self, context: TrainContext, module: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int
    ) -> Path | None:
        if step % 5 or context.rank:
            return None
        folder = self.scratch / "checkpoint"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        state = {
            "model": module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "random": torch.get_rng_state(),
        }
        torch.save(state, folder / "state.pt")
        return folder

    def resume(self, context: TrainContext, module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
        with context.resume_from() as folder:
            if folder is None:
                return 0
            state = torch.load(folder / "state.pt", weights_only=True)
        module.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        return state["step"]
