"""Stage evaluate: videos and true crops -> metrics, plots, contact sheets, tables, a page; added to stage one's run."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.evaluate_report import add_to_run, facts_of, table_two_of
from talking import cluster
from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, atomic_path, read_json, write_json
from talking.corpora.clip import Segment
from talking.corpora.roles import TestClip
from talking.data.masks import faces_in
from talking.data.members import CROPS, LANDMARKS, WHOLE
from talking.data.shards import Sample, ShardFolder, decode_array
from talking.evaluation.evaluate import Networks
from talking.evaluation.measure import TRUE, ClipMeasures, Measurer
from talking.evaluation.methods import VIEWS, MethodTable, View
from talking.evaluation.report.evaluation import GROUPS, Report, bars, group_of
from talking.evaluation.report.film import write_film
from talking.evaluation.report.findings import Findings, Table
from talking.evaluation.report.headline import headline
from talking.evaluation.report.html import PAGE, write_page
from talking.evaluation.videos import Videos, find_videos
from talking.faces.detectors import make_detector
from talking.media.sound_stream import extract_sound
from talking.media.video import decode_frames
from talking.metrics.identity import load_identity
from talking.metrics.inception import load_inception
from talking.metrics.perceptual import load_lpips
from talking.metrics.syncnet import load_sync
from talking.metrics.unavailable import Unavailable
from talking.orchestration.clips import rows_of
from talking.orchestration.params import Evaluate, Params
from talking.orchestration.stage import run_stage
from talking.systems.mm22.predict import MARK

TRUE_CROPS: dict[View, str] = {"aligned": CROPS, "whole_clip": WHOLE}
BARS = ("mouth_correlation", "lmd", "psnr", "ssim")


@dataclass
class EvaluateWork:
    """Measures every row of one clip; of the clips `filmed`, also puts true and made videos side by side in `films`."""

    section: Evaluate
    aligned: Path
    videos: Path
    phones: dict[str, tuple[Segment, ...]]
    methods: MethodTable
    others: Videos
    filmed: frozenset[str]
    films: Path

    def prepare(self) -> None:
        """Load the detector and whatever networks have their weights."""
        device, weights = str(best_device()), Path(self.section.weights) if self.section.weights else None
        self.measurer = Measurer(
            detector=make_detector(self.section.detector),
            networks=Networks(
                load_lpips(weights, device=device),
                load_identity(),
                load_sync(weights, device=device),
                lpips_every=self.section.lpips_every,
                identity_every=self.section.identity_every,
            ),
            inception=load_inception(weights, device=device),
            columns=self.section.sheet_columns,
            thumbnail=self.section.thumbnail,
        )
        self.folder = ShardFolder(self.aligned)

    def __call__(self, clip: TestClip) -> list[ClipMeasures]:
        """Return the measures of one clip, one for each view that some method's videos show."""
        sample = self.folder.clip(clip.key)
        every = ((view, self._made(clip, sample, view)) for view in self.methods.views)
        faces = faces_in(sample.members, len(decode_array(sample.members[LANDMARKS])))
        return [self._measured(clip, view, *predictions, faces) for view, predictions in every if predictions[1]]

    def _made(self, clip: TestClip, sample: Sample, view: View) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the true crops of a view, and the frames of each method that shows it and has the clip."""
        if TRUE_CROPS[view] not in sample.members:
            raise TalkingError(
                f"{', '.join(self.methods.of_view(view))} shows {VIEWS[view]}, and {self.aligned} has none: "
                "set align.whole_clip to true and run align again."
            )
        own = [name for name in self.methods.of_view(view) if name not in self.others.clips]
        predictions = {name: decode_frames(self.videos / name / f"{clip.key}.mp4") for name in own}
        target = decode_frames(sample.members[TRUE_CROPS[view]])
        side = predictions[own[0]].shape[1] if own else target.shape[1]
        return target, predictions | self.others.frames(clip.key, side, len(target), view)

    def _measured(
        self, clip: TestClip, view: View, target: np.ndarray, predictions: dict[str, np.ndarray], faces: np.ndarray
    ) -> ClipMeasures:
        side = next(iter(predictions.values())).shape[1]
        sound = extract_sound(self.videos / self.methods.reference / f"{clip.key}.mp4")
        if clip.key in self.filmed:
            rows = {TRUE: target} | {row: predictions[row] for row in self.methods.pictured() if row in predictions}
            write_film(rows, self.films / f"{group_of(clip.speaker, view)}.mp4", sound=sound, side=side, metadata=MARK)
        phones = self.phones[clip.key]
        return self.measurer.measure(
            target,
            predictions,
            phones,
            key=clip.key,
            speaker=clip.speaker,
            split=clip.split,
            measured_from=clip.measured_from,
            sound=sound,
            view=view,
            faces=faces,
        )


def main(
    params: Params,
    manifest: Path,
    aligned: Path,
    videos: Path,
    stage_one: Path,
    metrics: Path,
    plots: Path,
    report: Path,
    backbone: Path | None,
    resampled: Path | None,
    methods: Path | None,
) -> None:
    """Measure every test clip and write the report.

    `backbone` is for Table 2, `resampled` for the clips that it refused; `methods` holds other systems' videos.
    """
    clips = [TestClip.of(row) for row in read_json(videos / "clips.json")]
    own = MethodTable.of(read_json(videos / "methods.json"))
    others = find_videos(methods, [clip.key for clip in clips], (*own.names, TRUE))
    table = own.joined(others.methods)
    with atomic_folder(report) as folder:
        findings = measure(params, clips, table, others, manifest, aligned, videos, plots, folder)
        measured = table_two_of(stage_one, backbone, table.reference, others) if backbone else None
        lost = [ShardFolder(part) for part in (resampled, aligned) if part]
        write_page(folder, findings, facts_of(params, manifest, lost, stage_one, others.remarks, measured))
    write_json(metrics / "evaluate.json", findings["unseen"].table)
    write_json(metrics / "evaluate_seen.json", findings["seen"].table)
    for name, found in findings.items():
        if name not in GROUPS and found.table:
            write_json(report / f"{name}.json", found.table)
    few = headline(findings["unseen"].table, findings["seen"].table, table)
    write_json(metrics / "headline.json", few)
    write_json(metrics / "comparison.json", {group: found.differences for group, found in findings.items()})
    write_bars(findings["unseen"].table, plots / "rows.csv")
    if measured:
        write_json(metrics / "table2.json", measured.table)
    video = videos / table.reference / f"{clips[0].key}.mp4"
    add_to_run(params, stage_one, findings, few, measured, report, video)
    print((report / "table.txt").read_text())
    print(f"{measured}\n" if measured else "", end="")
    print(f"{report / PAGE} shows it with videos and pictures.")


def measure(
    params: Params,
    clips: list[TestClip],
    methods: MethodTable,
    others: Videos,
    manifest: Path,
    aligned: Path,
    videos: Path,
    plots: Path,
    folder: Path,
) -> dict[str, Findings]:
    """Measure every clip on the cluster and write the report's files into `folder`."""
    section = params.evaluate
    phones = {row.key: row.phones for row in rows_of(manifest)}
    filmed = frozenset({clip.speaker: clip.key for clip in reversed(clips)}.values())
    films = (folder / "films").resolve()
    work = EvaluateWork(section, aligned.resolve(), videos.resolve(), phones, methods, others, filmed, films)
    network = load_inception(Path(section.weights) if section.weights else None, device=str(best_device()))
    no_fid = network if isinstance(network, Unavailable) else None
    gathered = Report(
        folder, section.sheet_columns, no_fid, methods, tuple(others.clips), others.remarks, params.seed, clips
    )
    networks = section.weights is not None or section.detector == "face_alignment"
    resources = params.cluster if networks else cluster.on_cpus(params.cluster)
    with cluster.connect(params.cluster):
        for views in cluster.map_items(work, clips, resources):
            for measured in views:
                gathered.add(measured)
    gathered.write_series(plots / "opening.csv")
    return gathered.finish()


def write_bars(table: Table, target: Path) -> None:
    """Write the metrics per row as CSV, for `dvc plots`."""
    with atomic_path(target) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["row", *BARS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(bars(table, BARS))


if __name__ == "__main__":
    names = ("manifest", "aligned", "videos", "stage_one", "metrics", "plots", "report")
    run_stage(main, __doc__, *names, optional=("backbone", "resampled", "methods"))
