"""What the training of stage one is given: its clips, its folders, and where a resume finds what it needs."""

from dataclasses import replace
from pathlib import Path

from talking.core.files import sha256_of
from talking.data.shards import ShardFolder, fingerprint
from talking.orchestration.clips import keys_of
from talking.orchestration.params import Params
from talking.orchestration.stage import STATE, parts_of, source_fingerprint
from talking.systems.mm22.stage_one import StageOneJob

BASIS = "basis.safetensors"
SEEDS_APART = 1000  # between members, so that a run of another seed trains none of these again


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
    given = (Path(path) for path in (params.stage_one.lpips_trunk, params.stage_one.hearing) if path)
    files = (file for path in given for file in (sorted(path.iterdir()) if path.is_dir() else [path]))
    hashes += [sha256_of(file) for file in files if file.is_file()]
    mark = fingerprint(parts_of(job), sha256_of(basis / BASIS), source_fingerprint(__name__), *hashes)[:16]
    state = (STATE / params.labels["corpus"] / "stage_one" / mark).resolve()
    return replace(job, linear=state / "linear", scratch=state)


def members_of(job: StageOneJob) -> list[StageOneJob]:
    """Return the trainings of `stage_one.members` talking heads, that of the job itself first, all on one floor."""
    scratch = job.scratch
    further = [
        replace(job, seed=job.seed + SEEDS_APART * number, scratch=scratch.with_name(f"{scratch.name}-{number}"))
        for number in range(1, job.params.members)
    ]
    return [job, *further]
