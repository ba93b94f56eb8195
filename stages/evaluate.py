"""Stage evaluate: videos and true crops -> metrics, plots, contact sheets, the table; added to stage one's run."""

import csv
from dataclasses import dataclass
from pathlib import Path

from stages.common import rows_of, run_stage, tags_of
from talking import cluster, tracking
from talking.config import Evaluate, Params
from talking.corpora.clip import Segment
from talking.corpora.roles import TestClip
from talking.faces.finders import make_finder
from talking.files import atomic_folder, atomic_path, read_json, write_json
from talking.media.video import decode_frames
from talking.metrics.evaluate import Networks
from talking.metrics.identity import load_identity
from talking.metrics.inception import load_inception
from talking.metrics.measure import Measured, Measurer
from talking.metrics.perceptual import load_lpips
from talking.metrics.unavailable import Unavailable
from talking.report.evaluation import Report, Table, bars
from talking.shards import ClipStatus, ShardFolder
from talking.synthesis.animate import ROWS
from talking.synthesis.codes import best_device

IDENTITY_EVERY = 75
BARS = ("mouth_correlation", "lmd", "psnr", "ssim")


@dataclass
class EvaluateWork:
    """Measures every row of one clip."""

    section: Evaluate
    aligned: Path
    videos: Path
    phones: dict[str, tuple[Segment, ...]]

    def prepare(self) -> None:
        """Load the finder and whatever networks have their weights."""
        device, weights = str(best_device()), Path(self.section.weights) if self.section.weights else None
        self.measurer = Measurer(
            finder=make_finder(self.section.finder),
            networks=Networks(load_lpips(weights, device=device), load_identity(), identity_every=IDENTITY_EVERY),
            inception=load_inception(weights, device=device),
            columns=self.section.sheet_columns,
            thumbnail=self.section.thumbnail,
        )
        self.folder = ShardFolder(self.aligned)

    def __call__(self, clip: TestClip) -> Measured:
        """Return the measures of one clip."""
        sample = self.folder.sample(ClipStatus(clip.key, clip.speaker, clip.shard, "ok"))
        made = {row: decode_frames(self.videos / row / f"{clip.key}.mp4") for row in ROWS}
        true = decode_frames(sample.members["crops.mp4"])
        phones = self.phones[clip.key]
        return self.measurer.measure(true, made, phones, key=clip.key, speaker=clip.speaker, split=clip.split)


def main(
    params: Params,
    manifest: Path,
    aligned: Path,
    videos: Path,
    stage_one: Path,
    metrics: Path,
    plots: Path,
    report: Path,
) -> None:
    """Measure every test clip and write the report."""
    clips = [TestClip(**row) for row in read_json(videos / "clips.json")]
    phones = {row.key: row.phones for row in rows_of(manifest)}
    work = EvaluateWork(params.evaluate, aligned.resolve(), videos.resolve(), phones)
    weights = Path(params.evaluate.weights) if params.evaluate.weights else None
    network = load_inception(weights, device=str(best_device()))
    with atomic_folder(report) as folder, cluster.connect(params.cluster):
        gathered = Report(folder, params.evaluate.sheet_columns, network if isinstance(network, Unavailable) else None)
        for measured in cluster.map_items(work, clips, params.cluster):
            gathered.add(measured)
        tables = gathered.finish()
        gathered.write_series(plots / "opening.csv")
    write_json(metrics / "evaluate.json", tables["unseen"])
    write_json(metrics / "evaluate_seen.json", tables["seen"])
    write_bars(tables["unseen"], plots / "rows.csv")
    add_to_run(params, stage_one, tables, report, videos, clips)
    print((report / "table.txt").read_text())


def write_bars(table: Table, target: Path) -> None:
    """Write the metrics per row as CSV, for `dvc plots`."""
    with atomic_path(target) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["row", *BARS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(bars(table, BARS))


def add_to_run(
    params: Params, stage_one: Path, tables: dict[str, Table], report: Path, videos: Path, clips: list[TestClip]
) -> None:
    """Add final metrics, plots, a sample video and the contact sheets to the run that trained the model."""
    run_id = read_json(stage_one / "run.json")["run_id"]
    with tracking.run(params.tracking, "stage_one", run_id=run_id, tags=tags_of(params)) as run:
        for group, table in tables.items():
            for row, values in table.items():
                run.metrics({f"{group}.{row}.{name}": float(v) for name, v in values.items() if v is not None})
        run.artifact(report, "report")
        run.artifact(videos / "stage_two" / f"{clips[0].key}.mp4", "videos")


if __name__ == "__main__":
    names = ("manifest", "aligned", "videos", "stage_one", "metrics", "plots", "report")
    run_stage(main, __doc__, *names)
