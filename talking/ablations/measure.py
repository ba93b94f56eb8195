"""A trained model, its floors and its ceiling measured on a few held-out clips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from talking.ablations.table import SHOWN
from talking.corpora.clip import Segment
from talking.faces.finders import Finder
from talking.metrics.evaluate import ClipScores, Value, score_clip, summarise
from talking.metrics.inversion import face_box, sight_of
from talking.synthesis.animate import RowMaker
from talking.synthesis.codes import resize_frames
from talking.synthesis.material import Material

KEPT = (*SHOWN, "frames", "clips", "speakers")
FEW = ("mouth_correlation", "lmd", "psnr")


@dataclass(frozen=True)
class HeldOut:
    """A clip: what rows are drawn from, its true crops (T, R, R, 3) uint8 and its phones."""

    key: str
    speaker: str
    material: Material
    crops: np.ndarray
    phones: Sequence[Segment] = ()


def few_of(numbers: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """Return what is compared at a glance, of `{row: {metric: value}}`: of stage two, or of stage one without it."""
    own = numbers.get("stage_two") or numbers["stage_one"]
    return {name: own[name] for name in FEW}


def first_of_each(clips: Iterable[tuple[str, str]], most: int) -> list[str]:
    """Return the keys of at most `most` clips of each speaker, of (key, speaker) pairs in order."""
    taken: dict[str, list[str]] = {}
    for key, speaker in clips:
        taken.setdefault(speaker, []).append(key)
    return [key for keys in taken.values() for key in keys[:most]]


def score_rows(maker: RowMaker, clip: HeldOut, finder: Finder, rows: Iterable[str]) -> list[ClipScores]:
    """Return the scores of a clip's rows, as the stage evaluate scores them but before any encoding."""
    true = resize_frames(clip.crops[: len(clip.material.codes)], maker.size)
    box = face_box(true, finder)
    truth = sight_of(true, finder, box)
    return [
        score_clip(
            truth, sight_of(frames, finder, box), key=clip.key, speaker=clip.speaker, row=row, phones=clip.phones
        )
        for row, frames in maker.rows(clip.material, rows)
    ]


def summary(scores: Sequence[ClipScores]) -> dict[str, dict[str, Value]]:
    """Return `{row: {metric: value}}` of the measures that need no network."""
    return {row: {name: values[name] for name in KEPT} for row, values in summarise(scores).items()}
