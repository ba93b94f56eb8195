"""Stage encoder: a fixed generator and faces -> the pair (E_I, G) with its mean latent, as `Backbone.load` reads it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.backbone.params import PairParams
from pipelines.backbone.wiring import last_of, record, run_stage, source_of, state_of, train
from talking.core.accelerators import best_device
from talking.core.files import atomic_folder, write_json
from talking.evaluation.report.series import write_curves
from talking.metrics.image import psnr, ssim
from talking.models.backbone import Backbone
from talking.synthesis.codes import invert_frames, synthesise_frames
from talking.systems.backbone.encoder import OUTCOME, SAMPLES, EncoderJob


def job_of(params: PairParams, gan: Path) -> EncoderJob:
    """Return the training's inputs; what a resume needs lies under a name that tells its inputs and parameters."""
    job = EncoderJob(params.encoder, params.seed, source_of(params), gan.resolve(), Path())
    given = (params.encoder.lpips_trunk, params.encoder.imagenet, params.encoder.arcface)
    inputs = [gan, *(Path(path) for path in given if path)]
    return replace(job, scratch=state_of(params, "encoder", inputs, job))


def quality(pair: Backbone, target: np.ndarray) -> dict[str, float]:
    """Return the inversion's PSNR and SSIM on held-out pictures (N, R, R, 3), at the generator's resolution."""
    prediction = synthesise_frames(pair.generator, invert_frames(pair, target), pair.resolution)
    return {
        "psnr": float(psnr(target, prediction).mean()),
        "ssim": float(ssim(target, prediction).mean()),
        "pictures": len(target),
    }


def main(params: PairParams, gan: Path, out: Path, metrics: Path, plots: Path) -> None:
    """Train; keep the pair with the averaged encoder, its curves, and its quality on held-out pictures."""
    job = job_of(params, gan)
    checkpoint, curves = train(job, params, "encoder")
    with atomic_folder(out) as folder:
        shutil.copytree(checkpoint / OUTCOME, folder, dirs_exist_ok=True)
    pair = Backbone.load(out).to(best_device())
    _, held_out = job.source.load(pair.resolution)
    numbers = quality(pair, held_out.permute(0, 2, 3, 1).numpy())
    write_json(metrics, {**last_of(curves), **numbers})
    write_curves(curves, plots)
    record(params, "encoder", curves, numbers, [job.scratch / SAMPLES])
    print(f"encoder: {numbers} on held-out pictures")


if __name__ == "__main__":
    run_stage(main, __doc__, "gan", "out", "metrics", "plots")
