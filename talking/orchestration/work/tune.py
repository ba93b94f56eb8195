"""The work of stage two: a generator tuned on one speaker, with checkpoints, and where these are kept."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talking.core.accelerators import best_device
from talking.core.files import sha256_of
from talking.corpora.roles import Adaptation, Span
from talking.data.masks import faces_in
from talking.data.members import CROPS, LANDMARKS, QUADS
from talking.data.shards import ShardFolder, decode_array, fingerprint
from talking.faces.alignment import to_crop
from talking.losses.perceptual import PerceptualLoss
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.models.tuned import save_tuned
from talking.orchestration.params import Params
from talking.orchestration.stage import STATE, parts_of, source_fingerprint
from talking.synthesis.codes import invert_frames
from talking.systems.mm22.params import StageTwo
from talking.systems.mm22.stage_two import Faces, evenly, shares, tune_generator
from talking.training.context import LocalContext


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
        """Return `count` crops of the span's frames with a face, or all it has, and the landmarks in their pixels."""
        status = next(status for status in self.folder.statuses if status.clip == span.key)
        members = self.folder.sample(status).members
        crops = decode_frames(members[CROPS])[: span.end]
        shown = np.flatnonzero(faces_in(members, len(crops)))
        few = shown[evenly(count, len(shown))]
        landmarks, quads = (decode_array(members[name])[few] for name in (LANDMARKS, QUADS))
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
