"""A trained model measured on a few held-out clips, drawn by the backbone's generator and by tuned ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from talking.ablations.table import SHOWN
from talking.corpora.clip import Segment
from talking.faces.finders import Finder
from talking.metrics.evaluate import ClipScores, Value, score_clip, summarise
from talking.metrics.inversion import face_box, sight_of
from talking.models.talking_head import TalkingHead
from talking.synthesis.animate import predicted_codes
from talking.synthesis.codes import resize_frames, synthesise_frames

KEPT = (*SHOWN, "frames", "clips", "speakers")


@dataclass(frozen=True)
class HeldOut:
    """A clip: windows (T, 12, 28), the code of its first frame (L, 512), true crops (T, R, R, 3) uint8, its phones."""

    key: str
    speaker: str
    windows: np.ndarray
    identity: np.ndarray
    crops: np.ndarray
    phones: Sequence[Segment] = ()


def first_of_each(clips: Iterable[tuple[str, str]], most: int) -> list[str]:
    """Return the keys of at most `most` clips of each speaker, of (key, speaker) pairs in order."""
    taken: dict[str, list[str]] = {}
    for key, speaker in clips:
        taken.setdefault(speaker, []).append(key)
    return [key for keys in taken.values() for key in keys[:most]]


def score_model(
    model: TalkingHead, generators: Mapping[str, torch.nn.Module], clip: HeldOut, finder: Finder, size: int
) -> list[ClipScores]:
    """Return the scores of one clip, a row per generator, as the stage evaluate scores it but before any encoding."""
    length = min(len(clip.windows), len(clip.crops))
    true = resize_frames(clip.crops[:length], size)
    box = face_box(true, finder)
    truth = sight_of(true, finder, box)
    codes = predicted_codes(model, clip.windows[:length], clip.identity)
    made = {row: synthesise_frames(generator, codes, size) for row, generator in generators.items()}
    return [
        score_clip(
            truth, sight_of(frames, finder, box), key=clip.key, speaker=clip.speaker, row=row, phones=clip.phones
        )
        for row, frames in made.items()
    ]


def summary(scores: Sequence[ClipScores]) -> dict[str, dict[str, Value]]:
    """Return `{row: {metric: value}}` of the measures that need no network."""
    return {row: {name: values[name] for name in KEPT} for row, values in summarise(scores).items()}
