"""The quality of a backbone: how much of a face, and of its lips, survives G(E_I(x)) on people it has not met."""

from collections.abc import Sequence

import numpy as np

from talking.faces.finders import Finder
from talking.faces.tracking import track
from talking.media.video import decode_frames
from talking.metrics.evaluate import ClipScores, Sight, score_clip, summarise
from talking.models.backbone import Backbone
from talking.shards import ShardFolder
from talking.synthesis.codes import invert_frames, synthesise_frames

KEPT = ("psnr", "ssim", "lmd", "mouth_correlation", "opening_slope", "frames", "missed_frames", "clips", "speakers")


def inversion_quality(
    backbone: Backbone, aligned: ShardFolder, keys: Sequence[str], finder: Finder
) -> dict[str, float | int | None]:
    """Return the means over the clips `keys` of the measures of G(E_I(x)) against x, at the size of the crops."""
    statuses = {status.clip: status for status in aligned.statuses}
    scores: list[ClipScores] = []
    for key in keys:
        crops = decode_frames(aligned.sample(statuses[key]).members["crops.mp4"])
        made = synthesise_frames(backbone.generator, invert_frames(backbone, crops), crops.shape[1])
        true_sight, made_sight = (sight_of(frames, finder) for frames in (crops, made))
        scores.append(score_clip(true_sight, made_sight, key=key, speaker=statuses[key].speaker, row="inversion"))
    row = summarise(scores).get("inversion", {})
    return {name: row.get(name) for name in KEPT}


def sight_of(frames: np.ndarray, finder: Finder) -> Sight:
    """Return frames (T, H, W, 3) with the landmarks that the finder sees in them."""
    return Sight.of(frames, track(frames, finder).landmarks)
