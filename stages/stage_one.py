"""Stage stage_one: codes, windows, basis -> audio encoder and latent decoder on Ray Train, and the linear floor."""

from pathlib import Path

import torch

from talking import cluster
from talking.core.files import atomic_folder, write_json
from talking.evaluation.report.series import write_curves
from talking.orchestration import tracking
from talking.orchestration.jobs import job_of, members_of
from talking.orchestration.params import Params, as_plain
from talking.orchestration.prepared import Prepared
from talking.orchestration.stage import PARAMS, run_stage, tags_of
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.floor import fit_floor
from talking.systems.mm22.ignored_sound import ignored_sound
from talking.systems.mm22.stage_one import BEST, StageOneJob, losses_of
from talking.systems.mm22.talking_head import TalkingHead, trainable_parameters
from talking.training.context import TrainResult


def train(job: StageOneJob, params: Params) -> TrainResult:
    """Train one talking head under Ray Train, going on from where an earlier run of the same job was stopped."""
    name, storage, most = job.scratch.name, job.scratch.parent / "ray", job.params.batch
    return cluster.train(job, params.cluster, name=name, storage=storage, most_workers=most)


def main(
    params: Params,
    manifest: Path,
    aligned: Path,
    codes: Path,
    windows: Path,
    basis: Path,
    backbone: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Train stage one; keep the best models by validation, the first one's curves, and the id of the MLflow run."""
    job = job_of(params, manifest, aligned, codes, windows, basis, backbone)
    fit = fit_floor(job, aligned)
    with cluster.connect(params.cluster):
        trained = [train(member, params) for member in members_of(job)]
    history = losses_of(trained[0].history)
    model = Ensemble([TalkingHead.load(result.finished("stage_one") / BEST) for result in trained])
    best = min((losses for _, losses in history), key=lambda losses: losses[f"validation_{job.params.best_by}"])
    numbers = {
        **best,
        "linear_explained": float(fit.explained.mean()),
        "linear_penalty": fit.penalty,
        "parameters": float(trainable_parameters(model)),
    }
    write_json(metrics, numbers)
    write_curves(history, plots)
    with tracking.run(params.tracking, "stage_one", tags=tags_of(params)) as run, atomic_folder(out) as folder:
        model.save(folder)
        Prepared.of(params).save(folder)
        fit.save(folder)
        write_json(folder / "run.json", {"run_id": run.id})
        run.params(as_plain(PARAMS))
        run.metric_history(history)
        run.metrics(numbers)
    if told := ignored_sound(history):
        print(told)
    print(f"stage_one: {numbers} on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    names = ("manifest", "aligned", "codes", "windows", "basis", "backbone", "out", "metrics", "plots")
    run_stage(main, __doc__, *names)
