"""All measures of one clip in one row of the comparison, and the table of rows that many clips add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talking.core.errors import TalkingError
from talking.corpora.clip import Segment
from talking.faces.landmarks import mouth_opening
from talking.metrics.closure import Closure, closure
from talking.metrics.identity import IdentityScore
from talking.metrics.image import psnr, ssim
from talking.metrics.mouth import lmd, lmd_normalised, mouth_correlation, opening_slope
from talking.metrics.perceptual import Lpips
from talking.metrics.syncnet import SAMPLES_PER_FRAME, Sync
from talking.metrics.unavailable import Unavailable

Value = float | int | None
# Means over clips, each clip counting once; the thesis averages per video too.
AVERAGED = (
    "psnr",
    "ssim",
    "lmd",
    "lmd_normalised",
    "lpips",
    "mouth_correlation",
    "opening_slope",
    "identity",
    "lse_d",
    "lse_c",
)
NOT_ASKED = Unavailable("it was not asked for")
NO_SOUND = Unavailable("the clip's sound was not given")
# Why a measure that was taken gave no number.
LACKS = {
    "fid": "it was not measured",
    "closure_recall": "no true frame has closed lips at a bilabial",
    "closure_precision": "the made lips never close",
    "closure_sensitivity": "no measured frame lies in a bilabial",
    "closure_specificity": "no measured frame of the speech lies outside bilabials",
    "closure_j": "it needs frames in bilabials and in other speech",
    "lse_d": "every clip is shorter than SyncNet's window",
    "lse_c": "every clip is shorter than SyncNet's window",
}
TOO_SHORT = "every clip has too few measured frames"


@dataclass(frozen=True)
class ClipScores:
    """What was measured of one clip in one row; where there is no number, `reasons` says why."""

    key: str
    speaker: str
    row: str
    frames: int
    missed_frames: int
    psnr: float
    ssim: float
    lmd: float | None
    lmd_normalised: float | None
    mouth_correlation: float | None
    opening_slope: float | None
    lpips: float | None = None
    identity: float | None = None
    lse_d: float | None = None
    lse_c: float | None = None
    closure: Closure | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Networks:
    """The measures that need a network, or the reason why there is none; being slow, they skip frames.

    LPIPS and identity look at one of every so many measured frames.
    """

    lpips: Lpips | Unavailable = NOT_ASKED
    identity: IdentityScore | Unavailable = NOT_ASKED
    sync: Sync | Unavailable = NOT_ASKED
    lpips_every: int = 5
    identity_every: int = 20


@dataclass(frozen=True)
class Sight:
    """A video and what a detector sees in it.

    frames: (T, H, W, 3) uint8. landmarks: (T, 68, 2), where the detector places its points, face or not. found: (T,)
    bool, in which frames there is a face.
    """

    frames: np.ndarray
    landmarks: np.ndarray
    found: np.ndarray

    @property
    def openings(self) -> np.ndarray:
        """The mouth's opening (T,) in pixels, NaN where no face is."""
        return np.where(self.found, mouth_opening(self.landmarks), np.nan)

    def __getitem__(self, chosen: np.ndarray) -> "Sight":
        """Return the sight of the chosen frames, (T,) bool."""
        return Sight(self.frames[chosen], self.landmarks[chosen], self.found[chosen])


def score_clip(
    target: Sight,
    prediction: Sight,
    *,
    key: str,
    speaker: str,
    row: str,
    measured: np.ndarray | None = None,
    phones: Sequence[Segment] = (),
    networks: Networks | None = None,
    sound: np.ndarray | None = None,
    rate: float = 25.0,
) -> ClipScores:
    """Measure a made clip against the true one, frame by frame.

    Both are whole clips of aligned frames of one size; LMD is the paper's at 256 pixels. `measured` (T,) bool says
    which frames count, by default all, and frames without a true face never do. `phones` are the true clip's labels,
    empty where it has none; `sound` (N,) is the true clip's, 16 kHz, to which the lips of every row are held: rows that
    another sound drove as well. Raises TalkingError when the videos differ in shape, or when no frame counts.
    """
    if target.frames.shape != prediction.frames.shape:
        raise TalkingError(
            f"clip {key}, row {row}: the made video is {_size(prediction)} and the true one {_size(target)}; "
            "make them alike."
        )
    counted = target.found if measured is None else target.found & measured
    if not counted.any():
        raise TalkingError(f"clip {key} has no frame to measure with a face in the true video: leave the clip out.")
    lips = closure(target.openings, prediction.openings, phones, measured=counted, rate=rate)
    there, shown = target[counted], prediction[counted]
    values, reasons = _by_networks(there, shown, networks or Networks())
    synchrony, lacking = _by_sound(prediction, counted, (networks or Networks()).sync, sound)
    values, reasons = values | synchrony | _by_landmarks(there, shown), reasons | lacking
    if isinstance(lips, Unavailable):
        reasons |= dict.fromkeys(Closure().ratios, lips.reason)
    return ClipScores(
        key=key,
        speaker=speaker,
        row=row,
        frames=len(there.frames),
        missed_frames=int(np.count_nonzero(~shown.found)),
        psnr=float(psnr(there.frames, shown.frames).mean()),
        ssim=float(ssim(there.frames, shown.frames).mean()),
        closure=None if isinstance(lips, Unavailable) else lips,
        reasons=reasons,
        **values,
    )


def _by_landmarks(target: Sight, prediction: Sight) -> dict[str, Any]:
    measures = (lmd, lmd_normalised, mouth_correlation, opening_slope)
    return {measure.__name__: measure(target.landmarks, prediction.landmarks, prediction.found) for measure in measures}


def _by_networks(
    target: Sight, prediction: Sight, networks: Networks
) -> tuple[dict[str, float | None], dict[str, str]]:
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    if isinstance(networks.lpips, Unavailable):
        reasons["lpips"] = networks.lpips.reason
    else:
        step = networks.lpips_every
        values["lpips"] = float(networks.lpips(target.frames[::step], prediction.frames[::step]).mean())
        reasons["lpips"] = networks.lpips.note
    if isinstance(networks.identity, Unavailable):
        reasons["identity"] = networks.identity.reason
    else:
        values["identity"] = networks.identity(
            target.frames,
            prediction.frames,
            target.landmarks,
            prediction.landmarks,
            prediction.found,
            networks.identity_every,
        )
    return values, reasons


def _by_sound(
    prediction: Sight, counted: np.ndarray, sync: Sync | Unavailable, sound: np.ndarray | None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Hold the lips to the sound from the first frame that counts to the last: both must be of one piece."""
    if isinstance(sync, Unavailable) or sound is None:
        reason = (sync if isinstance(sync, Unavailable) else NO_SOUND).reason
        return {}, {"lse_d": reason, "lse_c": reason}
    first, last = np.flatnonzero(counted)[[0, -1]]
    agreed = sync(
        prediction.frames[first : last + 1], sound[first * SAMPLES_PER_FRAME : (last + 1) * SAMPLES_PER_FRAME]
    )
    return ({"lse_d": agreed.distance, "lse_c": agreed.confidence}, {}) if agreed else ({}, {})


def _size(sight: Sight) -> str:
    return " x ".join(str(number) for number in sight.frames.shape)


def summarise(
    scores: Sequence[ClipScores], fid: Mapping[str, float | Unavailable] | None = None
) -> dict[str, dict[str, Value]]:
    """Return `{row: {metric: value}}`, rows in order of appearance, as `metrics/evaluate.json` holds it.

    Numbers are means over clips; closure's counts are added over clips before they are divided. `fid` is by row,
    since it is a distance of sets. A metric without a number is None, and `reasons_of` says why. `frames`,
    `missed_frames` (no face found in the made video), `clips` and `speakers` say what the row stands on.
    """
    rows = dict.fromkeys(score.row for score in scores)
    return {row: _row([score for score in scores if score.row == row], (fid or {}).get(row)) for row in rows}


def _row(scores: list[ClipScores], fid: float | Unavailable | None) -> dict[str, Value]:
    values: dict[str, Value] = {name: _mean([getattr(score, name) for score in scores]) for name in AVERAGED}
    lips = sum((score.closure for score in scores if score.closure is not None), Closure())
    return values | {
        "fid": None if isinstance(fid, Unavailable) else fid,
        **lips.ratios,
        "frames": sum(score.frames for score in scores),
        "missed_frames": sum(score.missed_frames for score in scores),
        "clips": len(scores),
        "speakers": len({score.speaker for score in scores}),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def reasons_of(scores: Sequence[ClipScores], fid: Mapping[str, float | Unavailable] | None = None) -> dict[str, str]:
    """Return, by metric, one sentence on numbers that are missing or need a word, to be kept beside the table."""
    said: dict[str, dict[str, None]] = {}
    for score in scores:
        for metric, reason in score.reasons.items():
            said.setdefault(metric, {})[reason] = None
    for value in (fid or {}).values():
        if isinstance(value, Unavailable):
            said.setdefault("fid", {})[value.reason] = None
    for values in summarise(scores, fid).values():
        for metric in (metric for metric, value in values.items() if value is None and metric not in said):
            said[metric] = {LACKS.get(metric, TOO_SHORT): None}
    return {metric: "; ".join(sentences) for metric, sentences in said.items()}
