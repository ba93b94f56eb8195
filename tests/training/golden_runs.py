"""A short run of every training, and its numbers as a file keeps them: run this module to write that file anew."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talking.losses.perceptual import PerceptualLoss
from talking.systems.backbone.autoencoder import train_backbone
from talking.systems.backbone.encoder import OUTCOME
from talking.systems.mm22.stage_one import BEST
from talking.systems.mm22.stage_two import Faces, tune_generator
from talking.training.context import MemoryContext, train_locally

from . import test_backbone, test_encoder, test_gan, test_stage_one, test_stage_two
from .conftest import stage_one_jobs, toys_in

GOLDEN = Path(__file__).parent.parent / "golden" / "training_losses.json"
DEVICE = torch.device("cpu")


@dataclass(frozen=True)
class Run:
    """What a training reported, in order, and a hash and the length of all weights that it left."""

    history: list[dict[str, float]]
    weights: str
    norm: float


def run_of(history: Iterable[Mapping[str, float]], networks: Iterable[Mapping[str, Tensor]]) -> Run:
    """Return the run, its weights as one hash over their bytes in the order of their names."""
    digest, square = hashlib.sha256(), 0.0
    for network in networks:
        for name, value in sorted(network.items()):
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
            square += float(value.double().square().sum())
    return Run([dict(row) for row in history], digest.hexdigest(), square**0.5)


def backbone(folder: Path, **changes) -> Run:
    """The small backbone."""
    context, params = MemoryContext(DEVICE), replace(test_backbone.PARAMS, **changes)
    pair = train_backbone(test_backbone.photographs(), params, context, seed=1)
    return run_of(context.history, [pair.state_dict()])


def stored(folder: Path) -> Iterable[dict[str, Tensor]]:
    """Every network of a folder."""
    from safetensors.torch import load_file

    return [load_file(path) for path in sorted(folder.glob("*.safetensors"))]


def job_run(job: Callable, folder: Path, outcome: str) -> Run:
    """A training that leaves its outcome in its checkpoint."""
    result = train_locally(job, folder / "run", DEVICE)
    assert result.checkpoint is not None
    return run_of(result.history, stored(result.checkpoint / outcome))


def encoder(folder: Path, **changes) -> Run:
    """The image encoder."""
    return job_run(test_encoder.jobs_in(folder)(**changes), folder, OUTCOME)


def gan(folder: Path, **changes) -> Run:
    """The adversarial training."""
    return job_run(test_gan.jobs_in(folder)(**changes), folder, OUTCOME)


def stage_one(folder: Path, **changes) -> Run:
    """Stage one."""
    job = stage_one_jobs(toys_in(folder), folder)(**changes)
    return job_run(job, folder, BEST)


def stage_one_pictures(folder: Path, **changes) -> Run:
    """Stage one with pictures."""
    pair = test_stage_one.small_backbone(folder / "backbone")
    return stage_one(folder, styles=6, backbone=pair, lambda_lpips=5.0, lpips_every=2, **changes)


def stage_two(folder: Path, **changes) -> Run:
    """Stage two, with points that say where the mouth is."""
    codes, pictures = test_stage_two.speaker()
    landmarks = np.random.default_rng(1).uniform(8, 24, (len(codes), 68, 2)).astype(np.float32)
    tuned, losses = tune_generator(
        test_stage_two.generator(),
        Faces(codes, pictures, landmarks),
        replace(test_stage_two.PARAMS, lambda_lpips=1.0, mouth_weight=4.0, **changes),
        PerceptualLoss("squeeze"),
        seed=1,
    )
    rows = [{"step": step + 1.0, "loss": loss} for step, loss in enumerate(losses)]
    return run_of(rows, [tuned.state_dict()])


RUNS: dict[str, Callable[[Path], Run]] = {
    "backbone": backbone,
    "backbone, augmented, in 16 bits": lambda folder: backbone(folder, augment=True, bf16=True),
    "encoder": lambda folder: encoder(folder, report_every=2, save_every=3),
    "encoder, perceptual": lambda folder: encoder(folder, steps=3, lambda_lpips=1.0, input_size=32, save_every=3),
    "gan": lambda folder: gan(folder, report_every=2, save_every=3),
    "gan, in 16 bits": lambda folder: gan(folder, steps=3, augment="none", ema_rampup=None, bf16=True),
    "stage one": lambda folder: stage_one(folder, lambda_speed=0.5, best_by="moving"),
    "stage one, on a plateau": lambda folder: stage_one(folder, steps=9, lr=0.5, validate_every=1, halve_after=2),
    "stage one, stopped": lambda folder: stage_one(folder, steps=40, lr=0.5, validate_every=1, stop_after=3),
    "stage one, pictures": lambda folder: stage_one_pictures(folder, lambda_mouth=3.0, steps=4, batch=2),
    "stage one, in parts": lambda folder: stage_one(folder, accumulate=2, batch=2),
    "stage two": lambda folder: stage_two(folder, steps=8),
    "stage two, in 16 bits": lambda folder: stage_two(folder, steps=8, bf16=True),
    "stage two, settled": lambda folder: stage_two(folder, steps=40, batch=4, stop_after=5, lr=1e-12),
}


def machine() -> str:
    """What the bits of a result depend on: the processor, with all that it can do, and the version of torch."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    told = ("model name", "cpu family", "model\t", "stepping", "flags")
    kind = "\n".join(dict.fromkeys(line for line in lines if line.startswith(told)))
    return f"{hashlib.sha256(kind.encode()).hexdigest()[:16]}, torch {torch.__version__}"


def all_runs() -> dict[str, Run]:
    """Every run, on one thread."""
    torch.set_num_threads(1)
    found = {}
    for name, run in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = run(Path(folder))
    return found


if __name__ == "__main__":
    runs = {name: vars(run) for name, run in all_runs().items()}
    GOLDEN.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n")
