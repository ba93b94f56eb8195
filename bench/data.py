"""The data plane in figures: clips per second and core of each stage, two workers against one, what Ray costs, align.

`python -m bench.data --clips 4` makes a demo corpus of two speakers, `clips` each, measures, and prints one table. The
figures are of the machine it runs on and of what else runs there.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
import torch

from bench.align import align_against_detection
from talking.cluster import Cluster, ShardWork, connect, map_items, map_shards
from talking.cluster.kept import Finished, Keeping, publish
from talking.corpora.demo.writer import write_demo_corpus
from talking.corpora.manifest import make_manifest
from talking.corpora.readers import read_corpus
from talking.data.members import META, SOUND, VIDEO
from talking.data.shards import ClipStatus, Sample, ShardFolder, fingerprint, write_shard
from talking.media.video import decode_frames
from talking.orchestration.params import Params, load_params
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.windows import config_of
from talking.orchestration.work.align import AlignWork
from talking.orchestration.work.invert import InvertWork
from talking.orchestration.work.mfcc import MfccWork
from talking.orchestration.work.resample import ResampleWork

ROOT = Path(__file__).resolve().parents[1]
SPEAKERS = 2
EMPTY = 100  # Items of nothing, to see what one costs.
COPIES = 50  # Of a clip's sound, in the shards by which workers are compared at mfcc, which takes 0.01 s for one.
ALIGNED = 4  # Clips by which the tracked alignment is compared with detection.


@dataclass
class Nothing:
    """A work that does nothing."""

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: str) -> str:
        """Return the item."""
        return item


@dataclass
class Copies:
    """Writes a shard of copies of each clip's sound."""

    source: Path
    copies: int

    def prepare(self) -> None:
        """Open the folder that is copied."""
        self.folder = ShardFolder(self.source)
        self.speakers = {status.clip: status.speaker for status in self.folder.statuses}

    def __call__(self, shard: str, target: Path) -> list[ClipStatus]:
        """Write one shard."""
        statuses, samples = [], []
        for clip in self.folder.read(shard):
            members = {name: clip.members[name] for name in (SOUND, META)}
            for number in range(self.copies):
                samples.append(Sample(f"{clip.key}_{number:02d}", members))
                statuses.append(ClipStatus(samples[-1].key, self.speakers[clip.key], shard, "ok"))
        write_shard(target, samples)
        return statuses


@dataclass(frozen=True)
class Stage:
    """A data stage: its name, its work, and its shards' names with a mark each."""

    name: str
    work: ShardWork
    shards: dict[str, str]


def core_seconds(call: Callable[[], object]) -> float:
    """Return the seconds of a core that a call takes here and in processes that it waits for: no one else's count."""
    started = _used()
    call()
    return _used() - started


def _used() -> float:
    whose = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in whose)


def resample_stage(params: Params, raw: Path) -> Stage:
    """The stage resample, a shard per clip, so that workers have something to share."""
    clips, _ = read_corpus(params.the_corpus.reader, raw)
    rows = make_manifest(clips, {clip.key: "train" for clip in clips}, root=raw, clips_per_shard=1)
    shards = {row.shard: [row] for row in rows}
    work = ResampleWork(params.resample, params.the_corpus.clip_s, raw, shards)
    return Stage("resample", work, {name: fingerprint(name) for name in shards})


def later_stages(params: Params, folder: Path) -> list[Callable[[], Stage]]:
    """The stages that read shards, each made once the one before has written its own."""
    windows = config_of(params)
    aligned, resampled, backbone = folder / "align", folder / "resample", ROOT / "raw" / "backbones" / "demo"
    return [
        lambda: Stage("align", AlignWork(resampled, params.align), dict(shard_inputs(resampled))),
        lambda: Stage("mfcc", MfccWork(resampled, windows), dict(shard_inputs(resampled))),
        lambda: Stage("invert", InvertWork(aligned, backbone, params.invert.batch), dict(shard_inputs(aligned))),
    ]


def on_one_core(stage: Stage, folder: Path) -> float:
    """Write the stage's shards in this process; return clips per core second, loading and the first shard left out."""
    stage.work.prepare()
    kept = {name: folder / "state" / stage.name / name for name in stage.shards}
    Keeping(stage.work)(folder / "warm" / stage.name / next(iter(kept)))
    records: list[Finished] = []
    took = core_seconds(lambda: records.extend(Keeping(stage.work)(target) for target in kept.values()))
    publish(folder / stage.name, kept, records)
    return sum(len(record.statuses) for record in records) / took


def longer(stage: Stage, folder: Path) -> Stage:
    """Return the stage mfcc over shards of many copies, and any other stage as it is."""
    if not isinstance(stage.work, MfccWork):
        return stage
    copies = Stage("copies", Copies(folder / "resample", COPIES), stage.shards)
    on_one_core(copies, folder)
    return Stage(stage.name, replace(stage.work, source=folder / "copies"), dict(shard_inputs(folder / "copies")))


def by_workers(stage: Stage, folder: Path, workers: int) -> float:
    """Return the seconds that so many workers take from their first shard's end to the last's."""
    times: list[float] = []
    settings = Cluster(workers=workers)
    target = folder / f"{stage.name}-{workers}"
    map_shards(
        stage.work,
        stage.shards,
        target,
        folder / "kept",
        settings,
        progress=lambda _: times.append(time.perf_counter()),
    )
    # Shards that ended before all workers had one are left out: starting is not what is measured.
    return (times[-1] - times[workers - 1]) / (len(times) - workers)


def cost_of_an_item() -> float:
    """Return the milliseconds that Ray takes for an item that is no work."""
    times = []
    for _ in map_items(Nothing(), ["x"] * EMPTY, Cluster(workers=1)):
        times.append(time.perf_counter())
    return 1000 * (times[-1] - times[0]) / (len(times) - 1)


def hours(rates: dict[str, float], clips: int, nodes: int, cores: int) -> list[str]:
    """Return how long each stage takes on so many nodes, in hours, if all their cores work alike."""
    return [f"{clips / (rate * cores * nodes) / 3600:.2g}" for rate in rates.values()]


def projection(rates: dict[str, float], cores: int) -> str:
    """Return the table of what whole corpora would take."""
    lines = [
        f"| corpus | nodes | {' | '.join(f'{name}, h' for name in rates)} |",
        f"| --- {'| --- ' * (len(rates) + 1)}|",
    ]
    for corpus, clips in (("GRID, 34,000 clips", 34_000), ("a million clips", 1_000_000)):
        for nodes in (1, 8, 64):
            lines.append(f"| {corpus} | {nodes} | {' | '.join(hours(rates, clips, nodes, cores))} |")
    return "\n".join(lines)


def measure(folder: Path, clips: int, workers: bool) -> tuple[list[tuple[str, str, str]], dict[str, float]]:
    """Return rows (what, how much, the goal), and the clips per core second of each stage."""
    params = load_params(ROOT / "params.yaml")
    write_demo_corpus(folder / "raw", speakers=SPEAKERS, clips=clips, seed=3, workers=1)
    rows, stages, rates = [], [], {}
    first = resample_stage(params, folder / "raw")
    for make in [lambda: first, *later_stages(params, folder)]:
        stages.append(make())
        rate = rates[stages[-1].name] = on_one_core(stages[-1], folder)
        rows.append((stages[-1].name, f"{rate:.2f} clips ({75 * rate:.0f} frames) per core second", ""))
    rows += alignment_rows(folder / "resample", list(first.shards)[:: max(len(first.shards) // ALIGNED, 1)][:ALIGNED])
    if workers:
        with connect(Cluster()):
            rows.append(("Ray, per shard", f"{cost_of_an_item():.1f} ms", "under 50"))
            for stage in [longer(stage, folder) for stage in stages]:
                one, two = (by_workers(stage, folder, count) for count in (1, 2))
                rows.append((f"{stage.name}, two workers against one", f"{one / two:.2f} times as fast", "1.7"))
    return rows, rates


def alignment_rows(resampled: Path, shards: list[str]) -> list[tuple[str, str, str]]:
    """Return how the tracked alignment compares with detection on every frame: the median of a clip of each shard."""
    folder = ShardFolder(resampled)
    clips = [next(folder.read(shard)).members[VIDEO] for shard in shards]
    times, likeness = zip(*(align_against_detection(islice(decode_frames(clip), 75)) for clip in clips), strict=True)
    spread = f"{median(times):.1f} times as fast ({min(times):.1f} to {max(times):.1f} in {len(times)} clips)"
    return [
        ("align, tracked, against dlib and PIL on every frame", spread, "10"),
        ("its crops against theirs", f"{median(likeness):.1f} dB", "40"),
    ]


def main(arguments: Sequence[str]) -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=8, help="per speaker")
    parser.add_argument("--cores", type=int, default=16, help="of a node, for the projection")
    parser.add_argument("--no-workers", action="store_true", help="leave out what needs Ray")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        rows, rates = measure(Path(folder), given.clips, not given.no_workers)
    print(
        f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}, torch {torch.__version__}, numpy {np.__version__}\n"
    )
    print("| what | measured | goal |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\nAt {given.cores} cores a node, this corpus's clips of 3 s:\n\n{projection(rates, given.cores)}")


if __name__ == "__main__":
    main(sys.argv[1:])
