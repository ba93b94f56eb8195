"""Stage measure: a row's two stages on a few clips of unseen speakers -> metrics that `dvc exp show` compares."""

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.ablations.wiring import run_stage
from stages.common import keys_of, rows_of
from talking.ablations.measure import HeldOut, first_of_each, score_model, summary
from talking.ablations.settings import Ablation
from talking.config import Params
from talking.corpora.manifest import ManifestRow
from talking.corpora.roles import adaptations
from talking.errors import TalkingError
from talking.faces.finders import make_finder
from talking.files import write_json
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.models.talking_head import TalkingHead
from talking.models.tuned import load_tuned
from talking.shards import ClipStatus, ShardFolder, decode_array
from talking.synthesis.codes import best_device


def chosen_clips(manifest: Path, folders: dict[str, ShardFolder], most: int) -> list[ManifestRow]:
    """Return the first `most` clips of each unseen speaker but the one that stage two may be tuned on.

    That one is left out whether a row was tuned on it or on its first frame, so that all rows see the same clips.
    """
    usable = frozenset.intersection(*(keys_of(manifest, folder, "unseen") for folder in folders.values()))
    rows = [row for row in rows_of(manifest, "unseen") if row.key in usable]
    tuned = {adaptation.key for adaptation in adaptations(rows, usable, picture=False) if not adaptation.picture}
    keys = first_of_each([(row.key, row.speaker) for row in rows if row.key not in tuned], most)
    if not keys:
        raise TalkingError(
            "measure: no clip of an unseen speaker is usable: name other unseen_speakers in params.yaml."
        )
    return [row for row in rows if row.key in keys]


def clips_of(rows: list[ManifestRow], folders: dict[str, ShardFolder], frames: int) -> Iterator[HeldOut]:
    """Yield the clips, at most `frames` frames of each."""
    for row in rows:
        status = ClipStatus(row.key, row.speaker, row.shard, "ok")
        members = {name: folder.sample(status).members for name, folder in folders.items()}
        yield HeldOut(
            row.key,
            row.speaker,
            decode_array(members["windows"]["windows.npy"])[:frames],
            decode_array(members["codes"]["codes.npy"])[0].astype(np.float32),
            decode_frames(members["aligned"]["crops.mp4"])[:frames],
            row.phones,
        )


def main(
    params: Params,
    ablation: Ablation,
    manifest: Path,
    aligned: Path,
    codes: Path,
    windows: Path,
    backbone: Path,
    stage_one: Path,
    stage_two: Path,
    metrics: Path,
) -> None:
    """Draw and score the clips, one by one."""
    device = best_device()
    model, pair = TalkingHead.load(stage_one).to(device), Backbone.load(backbone).to(device)
    finder, tuned = make_finder(params.evaluate.finder), copy.deepcopy(pair.generator)
    folders = {"aligned": ShardFolder(aligned), "codes": ShardFolder(codes), "windows": ShardFolder(windows)}
    rows = chosen_clips(manifest, folders, ablation.clips)
    scores = []
    for clip in clips_of(rows, folders, ablation.frames):
        tuned.load_state_dict(load_tuned(stage_two, clip.speaker, pair.generator))
        generators = {"stage_one": pair.generator, "stage_two": tuned}
        scores += score_model(model, generators, clip, finder, ablation.size)
    write_json(metrics, summary(scores))
    print(f"measure: {ablation.row}, seed {ablation.seed}: {summary(scores)}")


if __name__ == "__main__":
    names = ("manifest", "aligned", "codes", "windows", "backbone", "stage_one", "stage_two", "metrics")
    run_stage(main, __doc__, *names)
