"""The linear floor of a training's clips, and what moves the lips: fitted before stage one and kept beside it."""

from pathlib import Path

from talking.data.clips import all_clips
from talking.data.shards import ShardFolder
from talking.models.basis import Basis, Projector
from talking.systems.mm22.linear import LinearFit, fit_linear
from talking.systems.mm22.lip_readout import fit_readout, lip_clips, save_readout
from talking.systems.mm22.stage_one import StageOneJob


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
