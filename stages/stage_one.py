"""Stage stage_one: codes, windows, basis -> audio encoder and latent decoder on Ray Train, and the linear floor."""

from dataclasses import replace
from pathlib import Path

import torch

from stages.clips import keys_of
from stages.common import PARAMS, STATE, parts_of, run_stage, source_fingerprint, tags_of
from talking import cluster, tracking
from talking.config import Params, as_plain
from talking.errors import TalkingError
from talking.files import atomic_folder, sha256_of, write_json
from talking.models.basis import Basis, Projector
from talking.models.talking_head import TalkingHead, trainable_parameters
from talking.report.series import write_curves
from talking.shards import ShardFolder, fingerprint
from talking.training.clips import all_clips
from talking.training.linear import LinearFit, fit_linear
from talking.training.lip_readout import fit_readout, lip_clips, save_readout
from talking.training.stage_one import BEST, StageOneJob, losses_of

BASIS = "basis.safetensors"
SMALLEST_GAP = 0.02  # of the loss: below it the right sound and a wrong one are told apart by chance


def job_of(
    params: Params, manifest: Path, aligned: Path, codes: Path, windows: Path, basis: Path, backbone: Path
) -> StageOneJob:
    """Return the training's inputs; what a resume needs lies under a name that tells its inputs and parameters."""
    folder, sounds, faces = ShardFolder(codes), ShardFolder(windows), ShardFolder(aligned)
    job = StageOneJob(
        params=params.stage_one,
        seed=params.seed,
        codes=codes.resolve(),
        windows=windows.resolve(),
        basis=(basis / BASIS).resolve(),
        backbone=backbone.resolve(),
        linear=Path(),
        train=tuple(sorted(keys_of(manifest, folder, "train") & keys_of(manifest, sounds))),
        validation=tuple(sorted(keys_of(manifest, folder, "validation") & keys_of(manifest, sounds))),
        scratch=Path(),
    )
    hashes = [row.sha256 for source in (folder, sounds, faces) for row in source.rows.values()]
    trunk = params.stage_one.lpips_trunk
    if trunk and Path(trunk).is_file():
        hashes.append(sha256_of(Path(trunk)))
    mark = fingerprint(parts_of(job), sha256_of(basis / BASIS), source_fingerprint(__name__), *hashes)[:16]
    state = (STATE / params.labels["corpus"] / "stage_one" / mark).resolve()
    return replace(job, linear=state / "linear", scratch=state)


def fit_floor(job: StageOneJob, aligned: Path) -> LinearFit:
    """Fit the linear floor, which also says what sound can predict of each component, and what moves the lips."""
    folders = ShardFolder(job.codes), ShardFolder(job.windows)
    projector = Projector(Basis.load(job.basis), whiten=job.params.target == "whitened")
    fit = fit_linear(all_clips(*folders, job.train), all_clips(*folders, job.validation), projector)
    fit.save(job.linear)
    if fit.warning:
        print(fit.warning)
    if job.params.lips_share:
        clips = lip_clips(ShardFolder(aligned), folders[0], job.train)
        save_readout(fit_readout(clips, projector), job.linear)
    return fit


def ignored_sound(history: list[tuple[int, dict[str, float]]]) -> str:
    """Return a warning where the right sound never became better than a wrong one; nothing where it did."""
    gaps = [losses["validation_wrong_audio"] / losses["validation_latent"] - 1 for _, losses in history]
    if max(gaps) > SMALLEST_GAP:
        return ""
    return (
        f"warning: stage_one ignores the sound: with another clip's sound the loss is at most {max(gaps):.1%} higher. "
        "A mean face was learned; see README, Ablations and the paper's own setting."
    )


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
    """Train stage one; keep the best model by validation, its curves, and the id of its MLflow run."""
    job = job_of(params, manifest, aligned, codes, windows, basis, backbone)
    fit = fit_floor(job, aligned)
    with cluster.connect(params.cluster):
        name, storage, most = job.scratch.name, job.scratch.parent / "ray", job.params.batch
        result = cluster.train(job, params.cluster, name=name, storage=storage, most_workers=most)
    if result.checkpoint is None:
        raise TalkingError("stage_one: the training left no checkpoint: run the stage again.")
    history = losses_of(result.history)
    model = TalkingHead.load(result.checkpoint / BEST)
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
