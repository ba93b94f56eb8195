"""Runs the data stages' work on one shard in this process, and prints the peak memory of each as JSON.

`python -m tests.stages.memory_probe <folder> <clip.mpg> <clips>`: the same clip `clips` times, under as many names.
"""

import json
import shutil
import sys
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch

from talking.core.files import sha256_of
from talking.corpora.manifest import ManifestRow
from talking.data.shards import ClipStatus, ShardFolder, ShardRow, write_index
from talking.evaluation.evaluate import Networks
from talking.evaluation.measure import Measurer
from talking.evaluation.report.evaluation import Report
from talking.faces.detectors import make_detector
from talking.media.video import decode_frames
from talking.metrics.unavailable import Unavailable
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.orchestration.params import Params, load_params
from talking.orchestration.windows import config_of
from talking.orchestration.work.align import AlignWork
from talking.orchestration.work.invert import InvertWork
from talking.orchestration.work.mfcc import MfccWork
from talking.orchestration.work.resample import ResampleWork
from talking.systems.mm22.methods import METHODS
from talking.systems.mm22.principal import clip_moments

SHARD = "s1-000.tar"
STATUS = Path("/proc/self/status")


def peak_mb(action: Callable[[], object]) -> float:
    """Return the highest resident memory of this process while `action` runs, in MB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    action()
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def raw_rows(folder: Path, clip: Path, count: int) -> list[ManifestRow]:
    """Copy the clip under `count` names of the grammar; return their rows."""
    names = ["".join(parts) for parts in islice(product("bl", "bg", "ab", "abcdef", "123456789", "anps"), count)]
    (folder / "raw" / "s1").mkdir(parents=True)
    for name in names:
        shutil.copy(clip, folder / "raw" / "s1" / f"{name}.mpg")
    shared = {"corpus": "demo", "speaker": "s1", "split": "train", "sentence": "", "words": (), "phones": ()}
    return [
        ManifestRow(key=f"s1_{name}", name=name, path=f"s1/{name}.mpg", shard=SHARD, **shared)  # type: ignore[arg-type]
        for name in names
    ]


def finished(folder: Path, statuses: list[ClipStatus]) -> ShardFolder:
    """Write the index that the map would write."""
    path = folder / SHARD
    usable = sum(status.status == "ok" for status in statuses)
    write_index(folder, [ShardRow(SHARD, usable, path.stat().st_size, sha256_of(path))], statuses)
    return ShardFolder(folder)


def worked(work: Callable[[str, Path], list[ClipStatus]], folder: Path, count: int) -> tuple[float, ShardFolder]:
    """Run a stage's work on the shard; return its peak and its outcome."""
    statuses: list[ClipStatus] = []
    folder.mkdir()
    peak = peak_mb(lambda: statuses.extend(work(SHARD, folder / SHARD)))
    assert [status.status for status in statuses] == ["ok"] * count
    return peak, finished(folder, statuses)


def save_pair(folder: Path) -> None:
    """An untrained pair of 64 pixels."""
    torch.manual_seed(0)
    generator = Generator(64, style_dim=32, n_mlp=1, channel_max=8)
    encoder = ResNetEncoder(generator.n_styles, 32, width=4, stem="small", stem_stride=2)
    Backbone(generator, encoder, torch.zeros(32)).save(folder)


def evaluated(folder: Path, params: Params) -> None:
    """Measure every clip against itself, as the stage evaluate does clip by clip, and write the report."""
    missing = Unavailable("no weights")
    measurer = Measurer(make_detector("dlib"), Networks(missing, missing), missing, columns=4, thumbnail=32)
    report, aligned = Report(folder / "report", 4, missing, METHODS), ShardFolder(folder / "aligned")
    for sample in aligned.read(SHARD):
        crops = decode_frames(sample.members["crops.mp4"])[:25]
        made = dict.fromkeys(("static", "linear", "inversion", "stage_one", "stage_two"), crops)
        report.add(measurer.measure(crops, made, (), key=sample.key, speaker="s1", split="unseen"))
    report.finish()


def main(folder: Path, clip: Path, count: int) -> dict[str, float]:
    """Return the peak of each stage."""
    params = load_params(Path("params.yaml"))
    works = {
        "resampled": ResampleWork(params.resample, 3, folder / "raw", {SHARD: raw_rows(folder, clip, count)}),
        "aligned": AlignWork(folder / "resampled", params.align),
        "windows": MfccWork(folder / "resampled", config_of(params)),
        "codes": InvertWork(folder / "aligned", folder / "backbone", 16),
    }
    save_pair(folder / "backbone")
    peaks = {}
    for name, work in works.items():
        work.prepare()
        peaks[name], codes = worked(work, folder / name, count)
    keys = frozenset(status.clip for status in codes.statuses)
    peaks["pca"] = peak_mb(lambda: np.asarray(clip_moments(codes, [SHARD], keys, displacements=True)))
    peaks["evaluate"] = peak_mb(lambda: evaluated(folder, params))
    return peaks


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
