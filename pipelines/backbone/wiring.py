"""What the stages of this pipeline do alike: params and arguments in, training under Ray Train, an MLflow run out."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.backbone.params import PairParams, load_pair_params
from talking import cluster
from talking.core.files import sha256_of
from talking.data.shards import ShardFolder, fingerprint
from talking.evaluation.report.picture_grid import evenly, picture_grid, read_strip, write_png
from talking.orchestration import stage as common
from talking.orchestration import tracking
from talking.orchestration.clips import keys_of
from talking.orchestration.params import as_plain
from talking.orchestration.stage import STATE, source_fingerprint
from talking.training.context import TrainResult
from talking.training.pictures import PictureSource

if TYPE_CHECKING:  # Neither stage runs the other's training.
    from talking.systems.backbone.encoder import EncoderJob
    from talking.systems.backbone.gan import GanJob

PARAMS = Path("pipelines/backbone/params.yaml")
ROWS = 10
Curves = list[tuple[int, dict[str, float]]]


def run_stage(main: Callable[..., None], doc: str | None, *names: str) -> None:
    """Run a stage as those of the main graph are run, with this pipeline's params: `main(params, **paths)`."""
    common.run_stage(main, doc, *names, load=lambda: (load_pair_params(PARAMS),))


def source_of(params: PairParams) -> PictureSource:
    """Return where the pictures lie; of crops, the training clips, and those of the validation speakers."""
    pictures = params.pictures
    folder = Path(pictures.folder).resolve()
    if pictures.source == "faces":
        return PictureSource(folder, most=pictures.most, held_out=pictures.held_out)
    train, held_out = (
        tuple(sorted(keys_of(Path(pictures.manifest), ShardFolder(folder), split))) for split in ("train", "validation")
    )
    return PictureSource(folder, train, held_out, pictures.most, pictures.held_out)


def state_of(params: PairParams, stage: str, inputs: Iterable[Path], *parts: object) -> Path:
    """Return the folder for what a resume needs: its name tells the inputs, the parameters and the code."""
    rows = ShardFolder(Path(params.pictures.folder)).rows.values()
    places = [sorted(place.iterdir()) if place.is_dir() else [place] for place in inputs]
    files = [path for place in places for path in place if path.is_file()]
    hashes = [row.sha256 for row in rows] + [sha256_of(path) for path in files]
    mark = fingerprint(*map(repr, parts), source_fingerprint(__name__), *hashes)[:16]
    return (STATE / "backbone" / params.name / stage / mark).resolve()


def train(job: "GanJob | EncoderJob", params: PairParams, stage: str) -> tuple[Path, Curves]:
    """Train under Ray Train, going on from where an earlier run of the same job was stopped.

    Return the last checkpoint's folder, and the reported numbers.
    """

    def show(metrics: dict[str, float]) -> None:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items() if name != "step")
        print(f"{stage}: step {metrics['step']:.0f}: {numbers}", flush=True)

    with cluster.connect(params.cluster):
        name, storage, most = job.scratch.name, job.scratch.parent / "ray", job.params.batch
        result = cluster.train(job, params.cluster, name=name, storage=storage, progress=show, most_workers=most)
    return result.finished(stage), _curves(result)


def _curves(result: TrainResult) -> Curves:
    """Return the reported numbers as (step, numbers) pairs."""
    rows = ((row, int(row["step"])) for row in result.history)
    return [(step, {name: value for name, value in row.items() if name != "step"}) for row, step in rows]


def last_of(curves: Curves) -> dict[str, float]:
    """Return the last value of each number."""
    found: dict[str, float] = {}
    for _, values in curves:
        found |= values
    return found


def publish_samples(samples: Path, target: Path) -> None:
    """Copy the strips of a training into `target/samples`, and write `target/samples.png`, strips over time."""
    strips = sorted(samples.glob("step-*.png"))
    shutil.copytree(samples, target / "samples")
    rows = {f"step {int(strip.stem.split('-')[1])}": read_strip(strip) for strip in evenly(strips, ROWS)}
    write_png(picture_grid(rows), target / "samples.png")


def record(
    params: PairParams, stage: str, curves: Curves, numbers: Mapping[str, float], artifacts: Iterable[Path]
) -> None:
    """Record a stage's curves, numbers and pictures in an MLflow run of its own."""
    tags = {"pipeline": "backbone", "backbone": params.name}
    with tracking.run(params.tracking, f"backbone_{stage}", tags=tags) as run:
        run.params(as_plain(PARAMS))
        run.metric_history(curves)
        run.metrics(numbers)
        for artifact in artifacts:
            run.artifact(artifact)
