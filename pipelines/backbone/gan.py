"""Stage gan: faces -> a StyleGAN2 generator with its mean latent, its discriminator, and strips over time."""

import shutil
from dataclasses import replace
from pathlib import Path

from pipelines.backbone.params import PairParams
from pipelines.backbone.wiring import (
    last_of,
    publish_samples,
    record,
    run_stage,
    source_of,
    state_of,
    train,
)
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, write_json
from talking.evaluation.report.series import write_curves
from talking.systems.backbone.gan import OUTCOME, SAMPLES, GanJob


def job_of(params: PairParams) -> GanJob:
    """Return the training's inputs; what a resume needs lies under a name that tells its inputs and parameters."""
    job = GanJob(params.gan, params.seed, source_of(params), Path())
    start = Path(params.gan.start) if params.gan.start else None
    if start and not start.is_dir():
        raise TalkingError(f"gan.start is {start}, which is no folder: give that of a backbone, or null.")
    inception = Path(params.gan.inception) if params.gan.inception else None
    inputs = [path for path in (start, inception) if path]
    return replace(job, scratch=state_of(params, "gan", inputs, job))


def main(params: PairParams, out: Path, metrics: Path, plots: Path) -> None:
    """Train; keep the averaged generator, its curves and its pictures over time."""
    job = job_of(params)
    checkpoint, curves = train(job, params, "gan")
    with atomic_folder(out) as folder:
        shutil.copytree(checkpoint / OUTCOME, folder, dirs_exist_ok=True)
        publish_samples(job.scratch / SAMPLES, folder)
    write_json(metrics, last_of(curves))
    write_curves(curves, plots)
    record(params, "gan", curves, {}, [out / "samples.png", out / "samples"])
    print(f"gan: {last_of(curves)}")


if __name__ == "__main__":
    run_stage(main, __doc__, "out", "metrics", "plots")
