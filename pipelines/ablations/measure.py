"""Stage measure: a row's two stages on a few held-out clips -> metrics, the first of which `dvc exp show` compares."""

import copy
from collections.abc import Iterator
from pathlib import Path

from pipelines.ablations.wiring import run_stage
from talking.core.accelerators import best_device
from talking.core.files import write_json
from talking.corpora.roles import TestClip, test_clips
from talking.data.shards import ShardFolder
from talking.faces.detectors import make_detector
from talking.models.backbone import Backbone
from talking.models.tuned import load_tuned
from talking.orchestration.adapting import chosen_adaptations
from talking.orchestration.clips import keys_of, rows_of
from talking.orchestration.params import Params
from talking.systems.mm22.ablations.measure import HeldOut, few_of, first_of_each, score_rows, summary
from talking.systems.mm22.ablations.settings import Ablation
from talking.systems.mm22.delivery import Delivery
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.linear import LinearFit
from talking.systems.mm22.material import MaterialReader
from talking.systems.mm22.predict import RowMaker


def chosen_clips(manifest: Path, reader: MaterialReader, ablation: Ablation) -> list[TestClip]:
    """Return the first `clips` clips of each speaker of the role, as the stage evaluate chooses clips of its roles.

    What stage two may be tuned on is left out of them, tuned or not, so that all rows are measured on the same frames.
    Each comes with the next clip, whose sound is the wrong one.
    """
    splits, folders = (ablation.role,), (reader.aligned, reader.codes, reader.windows)
    usable = frozenset.intersection(*(keys_of(manifest, folder, *splits) for folder in folders))
    tuned_on = chosen_adaptations(manifest, reader.aligned, "clip", splits)
    clips = test_clips(rows_of(manifest, *splits), usable, tuned_on, splits)
    keys = first_of_each([(clip.key, clip.speaker) for clip in clips], ablation.clips)
    return [clip for clip in clips if clip.key in keys]


def clips_of(manifest: Path, reader: MaterialReader, ablation: Ablation) -> Iterator[HeldOut]:
    """Yield the clips, at most `frames` measured frames of each."""
    phones = {row.key: row.phones for row in rows_of(manifest, ablation.role)}
    for clip in chosen_clips(manifest, reader, ablation):
        crops = reader.crops(clip)
        material = reader.material(clip, crops, clip.measured_from + ablation.frames)
        yield HeldOut(clip, material, crops, phones[clip.key], reader.faces(clip, len(crops)))


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
    headline: Path,
) -> None:
    """Draw and score the clips, one by one."""
    device = best_device()
    model, pair = Ensemble.load(stage_one).to(device), Backbone.load(backbone).to(device)
    maker = RowMaker(model, LinearFit.load(stage_one), pair.generator, copy.deepcopy(pair.generator), ablation.size)
    reader = MaterialReader(ShardFolder(aligned), ShardFolder(codes), ShardFolder(windows), ablation.size)
    detector, scores = make_detector(params.evaluate.detector), []
    for clip in clips_of(manifest, reader, ablation):
        if ablation.tune_steps:
            maker.tuned.load_state_dict(load_tuned(stage_two, clip.clip.speaker, pair.generator))
        maker.delivery = Delivery.of(params.animate.rest, params.animate.expression, known=clip.clip.known)
        scores += score_rows(maker, clip, detector, ablation.measured)
    write_json(metrics, summary(scores))
    write_json(headline, {"ablation": few_of(summary(scores))})
    print(f"measure: {ablation.row}: {summary(scores)}")


if __name__ == "__main__":
    names = ("manifest", "aligned", "codes", "windows", "backbone", "stage_one", "stage_two", "metrics", "headline")
    run_stage(main, __doc__, *names)
