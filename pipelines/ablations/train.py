"""Stage train: stage one with a row's setting and a seed, in this process, for the queue runs several of them."""

from pathlib import Path

from pipelines.ablations.wiring import run_stage
from talking.core.accelerators import best_device
from talking.core.files import atomic_folder
from talking.evaluation.report.series import write_curves
from talking.orchestration.jobs import job_of, members_of
from talking.orchestration.params import Params
from talking.systems.mm22.ablations.settings import Ablation
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.floor import fit_floor
from talking.systems.mm22.ignored_sound import ignored_sound
from talking.systems.mm22.stage_one import BEST, losses_of
from talking.systems.mm22.talking_head import TalkingHead
from talking.training.context import train_locally


def main(
    params: Params,
    ablation: Ablation,
    manifest: Path,
    aligned: Path,
    codes: Path,
    windows: Path,
    basis: Path,
    backbone: Path,
    out: Path,
    plots: Path,
) -> None:
    """Train; keep the best model by validation, and the curves."""
    job = job_of(params, manifest, aligned, codes, windows, basis, backbone)
    fit = fit_floor(job, aligned)
    trained = [train_locally(member, member.scratch / "run", best_device()) for member in members_of(job)]
    history = losses_of(trained[0].history)
    with atomic_folder(out) as folder:
        Ensemble([TalkingHead.load(result.finished("train") / BEST) for result in trained]).save(folder)
        fit.save(folder)
    write_curves(history, plots)
    print(f"train: seed {ablation.seed}: {history[-1]}\n{ignored_sound(history)}")


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "aligned", "codes", "windows", "basis", "backbone", "out", "plots")
