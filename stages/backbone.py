"""Stage backbone: the pair (E_I, G) and its mean latent - converted, kept or trained - and its measured quality."""

import shutil
from pathlib import Path

from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, sha256_of, write_json
from talking.corpora.roles import in_turn
from talking.data.shards import ShardFolder, fingerprint
from talking.evaluation.inversion import inversion_quality
from talking.evaluation.report.series import write_curves
from talking.faces.detectors import make_detector
from talking.models.backbone import Backbone
from talking.orchestration.clips import keys_of, rows_of
from talking.orchestration.params import Params
from talking.orchestration.stage import STATE, parts_of, record, run_stage, source_fingerprint
from talking.systems.backbone.autoencoder import train_backbone
from talking.systems.backbone.params import TrainedBackbone
from talking.training.context import LocalContext
from talking.training.images import load_crops, load_face_set
from talking.weights import kept_backbone, published_backbone

START = "start"  # a folder below the source, with a pair that training goes on from


def state_of(params: Params, row: TrainedBackbone, source: Path, manifest: Path, aligned: Path) -> Path:
    """Return the folder for what a resume needs: its name tells the inputs, the parameters and the code."""
    pictures = ShardFolder(source if row.most is None else aligned)
    keys = () if row.most is None else sorted(keys_of(manifest, pictures, "train"))
    hashes = [each.sha256 for each in pictures.rows.values()]
    start = source / START
    hashes += [sha256_of(path) for path in (sorted(start.iterdir()) if start.is_dir() else ())]
    mark = fingerprint(parts_of(row), str(params.seed), source_fingerprint(__name__), *keys, *hashes)[:16]
    return STATE / params.labels["corpus"] / "backbone" / mark


def obtain(
    params: Params, source: Path, manifest: Path, aligned: Path
) -> tuple[Backbone, list[tuple[int, dict[str, float]]]]:
    """Return the pair that params choose, and the curve of its training (empty when there is none).

    A training that was killed goes on from its last checkpoint.
    """
    row = params.the_backbone
    if not isinstance(row, TrainedBackbone):
        read = published_backbone if row.source == "published" else kept_backbone
        return read(source, row.resolution), []
    if row.most is None:
        images = load_face_set(source, row.resolution)
    else:
        keys = keys_of(manifest, ShardFolder(aligned), "train")
        images = load_crops(aligned, keys, row.resolution, row.most)

    def show(metrics: dict[str, float]) -> None:
        step, loss = metrics["step"], metrics["train_reconstruction"]
        print(f"backbone: step {step:.0f}/{row.steps}, loss {loss:.4f}", flush=True)

    begun = source / START
    start = Backbone.load(begun) if begun.is_dir() else None
    state = state_of(params, row, source, manifest, aligned)
    context = LocalContext(state, best_device(), progress=show)
    pair = train_backbone(images, row, context, seed=params.seed, start=start)
    rows = [dict(metrics) for metrics in context.result().history]
    return pair, [(int(metrics.pop("step")), metrics) for metrics in rows]


def main(params: Params, source: Path, manifest: Path, aligned: Path, out: Path, metrics: Path, plots: Path) -> None:
    """Obtain the pair, keep it, and measure it on validation clips: a pair that is chosen has not seen the test."""
    if not source.is_dir():
        raise TalkingError(
            f"{source} is missing: put there what backbone = {params.backbone} is made from (README, Backbones)."
        )
    pair, curve = obtain(params, source, manifest, aligned)
    with atomic_folder(out) as folder:
        pair.save(folder)
    folder_of_crops, section = ShardFolder(aligned), params.evaluate
    usable = keys_of(manifest, folder_of_crops, "validation")
    clips = [(row.key, row.speaker) for row in rows_of(manifest, "validation") if row.key in usable]
    quality = inversion_quality(
        pair.to(best_device()), folder_of_crops, in_turn(clips, section.backbone_clips), make_detector(section.detector)
    )
    write_json(metrics, quality)
    write_curves(curve, plots)
    print(f"backbone: {quality}")
    if isinstance(row := params.the_backbone, TrainedBackbone):
        shutil.rmtree(state_of(params, row, source, manifest, aligned), ignore_errors=True)
    record(params, "backbone", {key: value for key, value in quality.items() if value is not None})


if __name__ == "__main__":
    run_stage(main, __doc__, "source", "manifest", "aligned", "out", "metrics", "plots")
