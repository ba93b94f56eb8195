"""A trained model, its floors and its ceilings measured on a few held-out clips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from talking.corpora.clip import Segment
from talking.corpora.roles import TestClip
from talking.evaluation.evaluate import NOT_ASKED, ClipScores, Networks, Value, summarise
from talking.evaluation.measure import Measurer
from talking.faces.detectors import LandmarkDetector
from talking.systems.mm22.ablations.table import SHOWN
from talking.systems.mm22.material import Material
from talking.systems.mm22.methods import STAGE_ONE, STAGE_TWO
from talking.systems.mm22.predict import RowMaker

KEPT = (*SHOWN, "frames", "clips", "speakers")
FEW = ("mouth_correlation", "lmd", "psnr")


@dataclass(frozen=True)
class HeldOut:
    """A clip with its role: what rows are drawn from, its true crops (T, R, R, 3) uint8 and its phones.

    `faces` (T,) bool: which of the crops show a face, None: all.
    """

    clip: TestClip
    material: Material
    crops: np.ndarray
    phones: Sequence[Segment] = ()
    faces: np.ndarray | None = None


def few_of(numbers: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """Return what is compared at a glance, of `{row: {metric: value}}`: of stage two, or of stage one without it."""
    own = numbers.get(STAGE_TWO) or numbers[STAGE_ONE]
    return {name: own[name] for name in FEW}


def first_of_each(clips: Iterable[tuple[str, str]], most: int) -> list[str]:
    """Return the keys of at most `most` clips of each speaker, of (key, speaker) pairs in order."""
    taken: dict[str, list[str]] = {}
    for key, speaker in clips:
        taken.setdefault(speaker, []).append(key)
    return [key for keys in taken.values() for key in keys[:most]]


def score_rows(maker: RowMaker, clip: HeldOut, detector: LandmarkDetector, rows: Iterable[str]) -> list[ClipScores]:
    """Return the scores of a clip's rows as the stage evaluate takes them, but before any encoding and by no network.

    There are none where the detector sees no face in the true video.
    """
    measurer, test = Measurer(detector, Networks(), NOT_ASKED, columns=1, thumbnail=1), clip.clip
    return measurer.measure(
        clip.crops[: len(clip.material.codes)],
        dict(maker.rows(clip.material, rows)),
        clip.phones,
        key=test.key,
        speaker=test.speaker,
        split=test.split,
        measured_from=test.measured_from,
        faces=clip.faces,
    ).scores


def summary(scores: Sequence[ClipScores]) -> dict[str, dict[str, Value]]:
    """Return `{row: {metric: value}}` of the measures that need no network."""
    return {row: {name: values[name] for name in KEPT} for row, values in summarise(scores).items()}
