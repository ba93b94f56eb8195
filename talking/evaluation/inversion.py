"""The quality of a backbone: how much of a face, and of its lips, survives G(E_I(x)) on people it has not met."""

from collections.abc import Sequence

import numpy as np

from talking.data.masks import faces_in
from talking.data.members import CROPS
from talking.data.shards import ShardFolder
from talking.evaluation.evaluate import ClipScores, Sight, score_clip, summarise
from talking.faces.detectors import Box, LandmarkDetector
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.synthesis.codes import invert_frames, synthesise_frames

KEPT = ("psnr", "ssim", "lmd", "mouth_correlation", "opening_slope", "frames", "missed_frames", "clips", "speakers")


def inversion_quality(
    backbone: Backbone, aligned: ShardFolder, keys: Sequence[str], detector: LandmarkDetector
) -> dict[str, float | int | None]:
    """Return the means over the clips `keys` of the measures of G(E_I(x)) against x, at the size of the crops.

    Frames, and clips, in which no face is seen are left out.
    """
    statuses = {status.clip: status for status in aligned.statuses}
    scores: list[ClipScores] = []
    for key in keys:
        members = aligned.clip(key).members
        crops = decode_frames(members[CROPS])
        prediction = synthesise_frames(backbone.generator, invert_frames(backbone, crops), crops.shape[1])
        box = face_box(crops, detector)
        target_sight, predicted_sight = (sight_of(frames, detector, box) for frames in (crops, prediction))
        shown = faces_in(members, len(crops))
        if not (target_sight.found & shown).any():
            continue
        speaker = statuses[key].speaker
        scores.append(
            score_clip(target_sight, predicted_sight, key=key, speaker=speaker, row="inversion", measured=shown)
        )
    row = summarise(scores).get("inversion", {})
    return {name: row.get(name) for name in KEPT}


def face_box(frames: np.ndarray, detector: LandmarkDetector) -> Box | None:
    """Return the box of the face in aligned frames (T, H, W, 3): the detector's own, or the first that it detects."""
    if (known := detector.aligned_box(frames.shape[1])) is not None:
        return known
    return next((box for frame in frames if (box := detector.detect(frame)) is not None), None)


def sight_of(frames: np.ndarray, detector: LandmarkDetector, box: Box | None) -> Sight:
    """Return aligned frames (T, H, W, 3) with the landmarks that the detector sees in them, looking in `box`.

    True and made frames are looked at in one box, the true face's: a detector's points depend on its box, and in
    made frames, which are softer, a detector boxes the face otherwise, which would be measured as motion of the lips.
    Whether there is a face at all is asked of each frame alone. Without a box there is none.
    """
    if box is None:
        return Sight(frames, np.full((len(frames), 68, 2), np.nan, np.float32), np.zeros(len(frames), bool))
    found = np.array([detector.shows_face(frame) for frame in frames], bool)
    points = [detector.landmarks(frame, box) for frame in frames]
    return Sight(frames, np.array(points, np.float32).reshape(len(frames), 68, 2), found)
