"""The graph that `bench.soak` kills: sound made, windows of it by the stage mfcc's own work, a training, all on Ray.

`python -m bench.soak_graph --folder <folder>` writes `<folder>/out`, and keeps what a resume needs in `<folder>/state`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from talking.cluster import Cluster, connect, map_shards, train
from talking.core.files import atomic_folder, write_json
from talking.core.leftovers import clean_tree
from talking.data.journal import Journal
from talking.data.members import META, SOUND, WINDOWS
from talking.data.shards import ClipStatus, Sample, ShardFolder, decode_array, write_shard
from talking.media.audio import MfccConfig, write_wav_bytes
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.stage import run_stage
from talking.orchestration.work.mfcc import MfccWork
from talking.training.context import TrainContext

SHARDS, CLIPS, STEPS = 5, 4, 12
SETTINGS = Cluster(workers=2, cpus_per_worker=0.5, train_cpus=0.5, retries=3, max_failures=2)


@dataclass
class SoundWork:
    """Writes clips of noise that their names alone decide."""

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, shard: str, target: Path) -> list[ClipStatus]:
        """Write one shard."""
        journal = Journal(target)
        keys = [f"{shard.split('-', maxsplit=1)[0]}_{letter}" for letter in "abcdefgh"[:CLIPS]]
        write_shard(target, (self._sample(key, journal) for key in keys))
        return [ClipStatus(key, key.split("_")[0], shard, "ok") for key in keys]

    def _sample(self, key: str, journal: Journal) -> Sample:
        journal.begin(key)
        time.sleep(0.02)
        noise = np.random.default_rng(list(key.encode())).uniform(-0.5, 0.5, 16000).astype(np.float32)
        return Sample(key, {SOUND: write_wav_bytes(noise, 16000), META: b'{"frames": 25}'})


class SlowMfcc(MfccWork):
    """The stage's own work, slowed down so that there is a time to kill it."""

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        """Return the windows of one clip."""
        time.sleep(0.02)
        return super().convert(sample)


@dataclass
class Regression:
    """Fits one weight per coefficient by Adam; resumes with weights, optimizer, step and random state."""

    windows: Path
    scratch: Path

    def __call__(self, context: TrainContext) -> None:
        """Train to the last step."""
        folder = ShardFolder(self.windows)
        clips = [decode_array(s.members[WINDOWS]) for name in folder.names for s in folder.read(name)]
        data = torch.from_numpy(np.stack(clips).mean(axis=(1, 3)))  # (clips, 12)
        torch.manual_seed(1)
        weight = torch.zeros(12, requires_grad=True)
        optimizer, step = torch.optim.Adam([weight], 0.05), 0
        with context.resume_from() as kept:
            if kept:
                state = torch.load(kept / "state.pt", weights_only=True)
                weight.data, step = state["weight"], state["step"]
                optimizer.load_state_dict(state["optimizer"])
                torch.set_rng_state(state["random"])
        while step < STEPS:
            chosen = torch.randint(len(data), (4,))
            loss = (data[chosen] @ weight - chosen).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            self._report(context, step, loss, weight, optimizer)

    def _report(
        self, context: TrainContext, step: int, loss: torch.Tensor, weight: torch.Tensor, optimizer: torch.optim.Adam
    ) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        state = {"weight": weight.detach(), "optimizer": optimizer.state_dict(), "step": step}
        torch.save({**state, "random": torch.get_rng_state()}, self.scratch / "state.pt")
        context.report({"step": step, "loss": loss.item()}, self.scratch if step % 3 == 0 else None)


def main(folder: Path) -> None:
    """Run what is not yet done, as the stages of a graph would."""
    clean_tree(folder)
    made, state = folder / "made", folder / "state"
    marks = {f"s{number}-000.tar": "0f" for number in range(SHARDS)}
    with connect(SETTINGS):
        if not (made / "sound").exists():
            map_shards(SoundWork(), marks, made / "sound", state / "sound", SETTINGS)
        if not (made / "windows").exists():
            work, inputs = SlowMfcc((made / "sound").resolve(), MfccConfig()), dict(shard_inputs(made / "sound"))
            map_shards(work, inputs, made / "windows", state / "windows", SETTINGS)
        loop = Regression((made / "windows").resolve(), (state / "scratch").resolve())
        result = train(loop, SETTINGS, name="regression", storage=state / "ray")
    assert result.checkpoint is not None
    weight = torch.load(result.checkpoint / "state.pt", weights_only=True)["weight"]
    with atomic_folder(folder / "out") as out:
        write_json(out / "training.json", {"weight": weight.tolist(), "history": result.history})
        for name in ("sound", "windows"):
            (out / name).mkdir()
            for path in (made / name).iterdir():
                (out / name / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    run_stage(main, __doc__, "folder", load=tuple)
