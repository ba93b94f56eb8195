"""Stage animate: every test clip by every row of the comparison, as mp4s with sound."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from talking import cluster
from talking.core.accelerators import best_device
from talking.core.files import atomic_folder, read_json, sha256_of, write_json
from talking.corpora.roles import Adaptation, TestClip, test_clips
from talking.data.members import SOUND
from talking.data.shards import ShardFolder, fingerprint
from talking.media.audio import read_wav
from talking.media.video import encode_frames
from talking.models.backbone import Backbone
from talking.models.tuned import load_tuned
from talking.orchestration.clips import keys_of, rows_of
from talking.orchestration.params import Animate, Params
from talking.orchestration.stage import STATE, parts_of, run_stage, source_fingerprint
from talking.systems.mm22.delivery import Delivery
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.material import MaterialReader
from talking.systems.mm22.methods import METHODS, WRONG_AUDIO
from talking.systems.mm22.predict import MARK, RowMaker

RUN = "run.json"  # of stage one: which run of the tracker it was, which no video tells


@dataclass(frozen=True)
class Sources:
    """The folders that videos are made from."""

    resampled: Path
    aligned: Path
    codes: Path
    windows: Path
    backbone: Path
    stage_one: Path
    stage_two: Path


@dataclass
class AnimateWork:
    """Makes the videos of one clip."""

    section: Animate
    sources: Sources

    def prepare(self) -> None:
        """Load the models and open the shards."""
        device = best_device()
        self.model = Ensemble.load(self.sources.stage_one).to(device)
        self.linear = LinearFit.load(self.sources.stage_one)
        self.pair = Backbone.load(self.sources.backbone).to(device)
        self.tuned = Backbone.load(self.sources.backbone).generator.to(device)
        aligned, codes, windows = map(ShardFolder, (self.sources.aligned, self.sources.codes, self.sources.windows))
        self.reader = MaterialReader(aligned, codes, windows, self.section.size)
        self.resampled = ShardFolder(self.sources.resampled)

    def name(self, clip: TestClip) -> str:
        """The clip's key."""
        return clip.key

    def __call__(self, clip: TestClip, folder: Path) -> int:
        """Write one mp4 per row, in a folder of the row; return the number of frames."""
        self.tuned.load_state_dict(load_tuned(self.sources.stage_two, clip.speaker, self.pair.generator))
        delivery = Delivery.of(self.section.rest, self.section.expression, known=clip.known)
        maker = RowMaker(self.model, self.linear, self.pair.generator, self.tuned, self.section.size, delivery)
        material = self.reader.material(clip, self.reader.crops(clip))
        sound, other = self._sound(clip.key), self._sound(clip.other)
        for row, frames in maker.rows(material):
            encode_frames(
                frames,
                folder / row / f"{clip.key}.mp4",
                crf=self.section.crf,
                sound=other if row == WRONG_AUDIO else sound,
                metadata=MARK,
                preset=self.section.preset,
            )
        return len(material.codes)

    def _sound(self, key: str) -> np.ndarray:
        return read_wav(self.resampled.clip(key).members[SOUND])[0]


def state_of(params: Params, sources: Sources, clips: Iterable[TestClip]) -> Path:
    """Return the folder where finished clips are kept: its name tells the inputs, the parameters and the code."""
    shards = (sources.resampled, sources.aligned, sources.codes, sources.windows)
    hashes = [row.sha256 for folder in shards for row in ShardFolder(folder).rows.values()]
    models = (sources.backbone, sources.stage_one, sources.stage_two)
    files = [path for folder in models for path in sorted(folder.iterdir()) if path.is_file() and path.name != RUN]
    hashes += [sha256_of(path) for path in files]
    mark = fingerprint(parts_of(params.animate), parts_of(list(clips)), source_fingerprint(__name__), *hashes)[:16]
    return (STATE / params.labels["corpus"] / "animate" / mark).resolve()


def main(
    params: Params,
    manifest: Path,
    resampled: Path,
    aligned: Path,
    codes: Path,
    windows: Path,
    backbone: Path,
    stage_one: Path,
    stage_two: Path,
    out: Path,
) -> None:
    """Make the videos of every test clip."""
    sources = Sources(
        *(path.resolve() for path in (resampled, aligned, codes, windows, backbone, stage_one, stage_two))
    )
    tuned_on = [Adaptation.of(row) for row in read_json(stage_two / "adaptations.json")]
    usable = keys_of(manifest, ShardFolder(codes)) & keys_of(manifest, ShardFolder(windows))
    clips = test_clips(rows_of(manifest), usable, tuned_on)
    state = state_of(params, sources, clips)
    kept = cluster.KeepingItems(AnimateWork(params.animate, sources), state)
    with cluster.connect(params.cluster):
        frames = sum(cluster.map_items(kept, clips, params.cluster))
    with atomic_folder(out) as folder:
        kept.publish(folder, clips)
        write_json(folder / "clips.json", [asdict(clip) for clip in clips])
        write_json(folder / "methods.json", METHODS.as_plain())
    kept.forget()
    print(f"animate: {len(METHODS.names)} videos of each of {len(clips)} clips, {frames} frames each row")


if __name__ == "__main__":
    names = ("manifest", "resampled", "aligned", "codes", "windows", "backbone", "stage_one", "stage_two", "out")
    run_stage(main, __doc__, *names)
