"""Stage hear: synthetic speech -> an audio encoder that tells the mouth's shape, and how well it does."""

from dataclasses import replace
from pathlib import Path

from pipelines.hearing.params import HearingParams
from pipelines.hearing.wiring import PARAMS, run_stage
from talking import cluster
from talking.core.files import atomic_folder, write_json
from talking.data.shards import ShardFolder, fingerprint
from talking.evaluation.report.series import write_curves
from talking.models.stored import load_network, save_network
from talking.orchestration import tracking
from talking.orchestration.params import as_plain
from talking.orchestration.stage import STATE, parts_of, source_fingerprint
from talking.systems.mm22.hearing import NAME, OUTCOME, HearingJob


def job_of(params: HearingParams, speech: Path) -> HearingJob:
    """Return the training's inputs; what a resume needs lies under a name that tells its inputs and parameters."""
    job = HearingJob(params.hear, params.seed, speech.resolve(), Path())
    hashes = [row.sha256 for row in ShardFolder(speech).rows.values()]
    mark = fingerprint(parts_of(job), source_fingerprint(__name__), *hashes)[:16]
    return replace(job, scratch=(STATE / "hearing" / params.name / mark).resolve())


def main(params: HearingParams, speech: Path, out: Path) -> None:
    """Train on Ray Train; keep the encoder in half precision, its curves, and how well it tells a mouth's shape."""
    job = job_of(params, speech)
    with cluster.connect(params.cluster):
        name, storage, most = job.scratch.name, job.scratch.parent / "ray", job.params.batch
        result = cluster.train(job, params.cluster, name=name, storage=storage, most_workers=most)
    config, state = load_network(result.finished("hear") / OUTCOME, NAME)
    curves = [(int(row["step"]), {key: value for key, value in row.items() if key != "step"}) for row in result.history]
    numbers = {key: value for key, value in curves[-1][1].items() if key.startswith("validation_")}
    with atomic_folder(out) as folder:
        save_network(folder, NAME, state, config, half=True)
        write_json(folder / "metrics.json", numbers)
        write_curves(curves, folder / "curves.csv")
    with tracking.run(params.tracking, "hearing", tags={"pipeline": "hearing"}) as run:
        run.params(as_plain(PARAMS))
        run.metric_history(curves)
        run.metrics(numbers)
    print(f"hear: {numbers}")


if __name__ == "__main__":
    run_stage(main, __doc__, "speech", "out")
