"""Stage stage_two: a generator per test speaker, tuned on a short clip or on one picture."""

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from stages.adapting import chosen_adaptations
from stages.common import STATE, parts_of, record, run_stage, source_fingerprint
from talking import cluster
from talking.config import Params, StageTwo
from talking.corpora.roles import Adaptation, Span
from talking.faces.alignment import to_crop
from talking.files import atomic_folder, sha256_of, write_json
from talking.losses.perceptual import PerceptualLoss
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.models.tuned import save_tuned
from talking.shards import ShardFolder, decode_array, fingerprint
from talking.synthesis.codes import best_device, invert_frames
from talking.training.context import LocalContext
from talking.training.stage_two import Faces, evenly, shares, tune_generator


@dataclass
class TuneWork:
    """Tunes the generator on one speaker."""

    section: StageTwo
    lpips_net: str
    lpips_trunk: str | None
    seed: int
    aligned: Path
    backbone: Path
    runs: Path  # of the checkpoints of a tuning, a folder per speaker

    def prepare(self) -> None:
        """Load the backbone and the perceptual loss."""
        device = best_device()
        self.pair = Backbone.load(self.backbone).to(device)
        trunk = Path(self.lpips_trunk) if self.lpips_trunk else None
        self.perceptual = PerceptualLoss(self.lpips_net, trunk, seed=self.seed).to(device)
        self.folder = ShardFolder(self.aligned)

    def name(self, adaptation: Adaptation) -> str:
        """The speaker."""
        return adaptation.speaker

    def __call__(self, adaptation: Adaptation, folder: Path) -> dict[str, float]:
        """Write the speaker's generator; return its first and last loss, its steps, and the megabytes that it takes.

        A tuning that was killed goes on from its last checkpoint.
        """
        faces = self._faces(adaptation)
        run = self.runs / adaptation.speaker
        context = LocalContext(run, best_device())
        tuned, losses = tune_generator(
            self.pair.generator, faces, self.section, self.perceptual, seed=self.seed, context=context
        )
        size = save_tuned(folder, adaptation.speaker, tuned, self.pair.generator)
        shutil.rmtree(run)
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
        crops = decode_frames(members["crops.mp4"])[: span.end]
        few = evenly(count, len(crops))
        landmarks, quads = (decode_array(members[name])[few] for name in ("landmarks.npy", "quads.npy"))
        return crops[few], to_crop(landmarks, quads, crops.shape[1])


def state_of(params: Params, chosen: Iterable[Adaptation], aligned: Path, backbone: Path) -> Path:
    """Return the folder for what a resume needs: its name tells the inputs, the parameters and the code."""
    section, trunk = params.stage_one, params.stage_one.lpips_trunk
    files = [*sorted(path for path in backbone.iterdir() if path.is_file()), *([Path(trunk)] if trunk else [])]
    hashes = [row.sha256 for row in ShardFolder(aligned).rows.values()]
    hashes += [sha256_of(path) for path in files if path.is_file()]
    parts = (params.stage_two, section.lpips_net, params.seed, list(chosen))
    mark = fingerprint(*map(parts_of, parts), source_fingerprint(__name__), *hashes)[:16]
    return (STATE / params.labels["corpus"] / "stage_two" / mark).resolve()


def work_of(params: Params, aligned: Path, backbone: Path, state: Path) -> TuneWork:
    """Return the work of tuning, whose checkpoints lie in `state`."""
    return TuneWork(
        section=params.stage_two,
        lpips_net=params.stage_one.lpips_net,
        lpips_trunk=params.stage_one.lpips_trunk,
        seed=params.seed,
        aligned=aligned.resolve(),
        backbone=backbone.resolve(),
        runs=state / "runs",
    )


def main(params: Params, manifest: Path, aligned: Path, backbone: Path, out: Path) -> None:
    """Tune a generator for every test speaker."""
    chosen = chosen_adaptations(manifest, ShardFolder(aligned), params.stage_two.adapt_on)
    state = state_of(params, chosen, aligned, backbone)
    kept = cluster.KeepingItems(work_of(params, aligned, backbone, state), state)
    with cluster.connect(params.cluster):
        losses = list(cluster.map_items(kept, chosen, params.cluster))
    with atomic_folder(out) as folder:
        kept.publish(folder, chosen)
        write_json(folder / "adaptations.json", [asdict(adaptation) for adaptation in chosen])
    kept.forget()
    mean = {key: sum(row[key] for row in losses) / len(losses) for key in losses[0]}
    print(
        f"stage_two: {len(chosen)} speakers, loss {mean['first_loss']:.4f} -> {mean['last_loss']:.4f} in "
        f"{mean['steps']:.0f} steps, {mean['megabytes']:.2f} MB each"
    )
    record(params, "stage_two", {"speakers": len(chosen), **mean})


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "aligned", "backbone", "out")
