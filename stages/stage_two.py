"""Stage stage_two: a generator per test speaker, tuned on a short clip or on one picture."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from talking import cluster
from talking.core.accelerators import best_device
from talking.core.files import atomic_folder, write_json
from talking.corpora.roles import Adaptation, Span
from talking.data.members import CROPS, LANDMARKS, QUADS
from talking.data.shards import ShardFolder, decode_array
from talking.faces.alignment import to_crop
from talking.losses.perceptual import PerceptualLoss
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.models.tuned import save_tuned
from talking.orchestration.adapting import chosen_adaptations
from talking.orchestration.params import Params
from talking.orchestration.stage import record, run_stage
from talking.synthesis.codes import invert_frames
from talking.systems.mm22.params import StageTwo
from talking.systems.mm22.stage_two import Faces, evenly, shares, tune_generator


@dataclass
class TuneWork:
    """Tunes the generator on one speaker."""

    section: StageTwo
    lpips_net: str
    lpips_trunk: str | None
    seed: int
    aligned: Path
    backbone: Path
    target: Path

    def prepare(self) -> None:
        """Load the backbone and the perceptual loss."""
        device = best_device()
        self.pair = Backbone.load(self.backbone).to(device)
        trunk = Path(self.lpips_trunk) if self.lpips_trunk else None
        self.perceptual = PerceptualLoss(self.lpips_net, trunk, seed=self.seed).to(device)
        self.folder = ShardFolder(self.aligned)

    def __call__(self, adaptation: Adaptation) -> dict[str, float]:
        """Write the speaker's generator; return its first and last loss, its steps, and the megabytes that it takes."""
        faces = self._faces(adaptation)
        tuned, losses = tune_generator(self.pair.generator, faces, self.section, self.perceptual, seed=self.seed)
        size = save_tuned(self.target, adaptation.speaker, tuned, self.pair.generator)
        first, last = (losses[0], losses[-1]) if losses else (0.0, 0.0)
        return {"first_loss": first, "last_loss": last, "steps": float(len(losses)), "megabytes": size / 1e6}

    def _faces(self, adaptation: Adaptation) -> Faces:
        counts = shares(self.section.frames, len(adaptation.seen))
        parts = [self._seen(span, count) for span, count in zip(adaptation.seen, counts, strict=True) if count]
        crops, points = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Faces(invert_frames(self.pair, crops), crops, points)

    def _seen(self, span: Span, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return `count` crops of the span's frames, or all it has, and the landmarks in their pixels."""
        status = next(status for status in self.folder.statuses if status.clip == span.key)
        members = self.folder.sample(status).members
        crops = decode_frames(members[CROPS])[: span.end]
        few = evenly(count, len(crops))
        landmarks, quads = (decode_array(members[name])[few] for name in (LANDMARKS, QUADS))
        return crops[few], to_crop(landmarks, quads, crops.shape[1])


def tune_all(
    params: Params, chosen: Iterable[Adaptation], aligned: Path, backbone: Path, folder: Path
) -> list[dict[str, float]]:
    """Tune one generator per adaptation, into `folder`."""
    work = TuneWork(
        section=params.stage_two,
        lpips_net=params.stage_one.lpips_net,
        lpips_trunk=params.stage_one.lpips_trunk,
        seed=params.seed,
        aligned=aligned.resolve(),
        backbone=backbone.resolve(),
        target=folder.resolve(),
    )
    with cluster.connect(params.cluster):
        return list(cluster.map_items(work, list(chosen), params.cluster))


def main(params: Params, manifest: Path, aligned: Path, backbone: Path, out: Path) -> None:
    """Tune a generator for every test speaker."""
    chosen = chosen_adaptations(manifest, ShardFolder(aligned), params.stage_two.adapt_on)
    with atomic_folder(out) as folder:
        losses = tune_all(params, chosen, aligned, backbone, folder)
        write_json(folder / "adaptations.json", [asdict(adaptation) for adaptation in chosen])
    mean = {key: sum(row[key] for row in losses) / len(losses) for key in losses[0]}
    print(
        f"stage_two: {len(chosen)} speakers, loss {mean['first_loss']:.4f} -> {mean['last_loss']:.4f} in "
        f"{mean['steps']:.0f} steps, {mean['megabytes']:.2f} MB each"
    )
    record(params, "stage_two", {"speakers": len(chosen), **mean})


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "aligned", "backbone", "out")
