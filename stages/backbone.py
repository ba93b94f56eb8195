"""Stage backbone: the pair (E_I, G) and its mean latent - converted, kept or trained - and its measured quality."""

from pathlib import Path

from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, write_json
from talking.corpora.roles import in_turn
from talking.data.shards import ShardFolder
from talking.evaluation.inversion import inversion_quality
from talking.evaluation.report.series import write_curves
from talking.faces.finders import make_finder
from talking.models.backbone import Backbone
from talking.orchestration.clips import keys_of, rows_of
from talking.orchestration.params import Params
from talking.orchestration.stage import record, run_stage
from talking.systems.backbone.autoencoder import train_backbone
from talking.systems.backbone.params import TrainedBackbone
from talking.training.images import load_crops, load_face_set
from talking.weights import kept_backbone, published_backbone

START = "start"  # a folder below the source, with a pair that training goes on from


def obtain(
    params: Params, source: Path, manifest: Path, aligned: Path
) -> tuple[Backbone, list[tuple[int, dict[str, float]]]]:
    """Return the pair that params choose, and the curve of its training (empty when there is none)."""
    row, curve = params.the_backbone, list[tuple[int, dict[str, float]]]()
    if not isinstance(row, TrainedBackbone):
        read = published_backbone if row.source == "published" else kept_backbone
        return read(source, row.resolution), curve
    if row.most is None:
        images = load_face_set(source, row.resolution)
    else:
        keys = keys_of(manifest, ShardFolder(aligned), "train")
        images = load_crops(aligned, keys, row.resolution, row.most)

    def report(step: int, losses: dict[str, float]) -> None:
        print(f"backbone: step {step}/{row.steps}, loss {losses['train_reconstruction']:.4f}", flush=True)
        curve.append((step, losses))

    begun = source / START
    start = Backbone.load(begun) if begun.is_dir() else None
    pair = train_backbone(images, row, seed=params.seed, device=best_device(), report=report, start=start)
    return pair, curve


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
        pair.to(best_device()), folder_of_crops, in_turn(clips, section.backbone_clips), make_finder(section.finder)
    )
    write_json(metrics, quality)
    write_curves(curve, plots)
    print(f"backbone: {quality}")
    record(params, "backbone", {key: value for key, value in quality.items() if value is not None})


if __name__ == "__main__":
    run_stage(main, __doc__, "source", "manifest", "aligned", "out", "metrics", "plots")
