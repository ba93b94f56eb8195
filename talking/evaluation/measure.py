"""What an evaluation takes from one clip: scores and mouth openings of every row, and a few frames to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from talking.corpora.clip import Segment
from talking.data.masks import first_face
from talking.evaluation.evaluate import ClipScores, Networks, Sight, score_clip
from talking.evaluation.inversion import face_box, sight_of
from talking.evaluation.methods import View
from talking.faces.detectors import LandmarkDetector
from talking.media.resizing import resize_frames
from talking.metrics.closure import Closure, closure
from talking.metrics.inception import Inception
from talking.metrics.unavailable import Unavailable

TRUE = "true"


@dataclass(frozen=True)
class ClipMeasures:
    """What one clip gives.

    scores: one per row. openings: row (and `target`) -> (T,) pixels.
    stills: row (and `target`) -> a few frames (N, S, S, 3) uint8.
    features: row (and `target`) -> Inception features of the measured frames (M, 2048), empty without the network.
    lips: how the true lips close at the labels, None without labels.
    faceless: how many frames are left out because no face is seen in the true video; where these are all of them,
    there are no scores. view: which crops the videos show.
    """

    key: str
    speaker: str
    split: str
    scores: list[ClipScores]
    openings: dict[str, np.ndarray]
    stills: dict[str, np.ndarray]
    features: dict[str, np.ndarray] = field(default_factory=dict)
    lips: Closure | None = None
    faceless: int = 0
    view: View = "aligned"


@dataclass
class Measurer:
    """The detector and the networks that measure; `columns` and `thumbnail` say how many stills are kept, how large."""

    detector: LandmarkDetector
    networks: Networks
    inception: Inception | Unavailable
    columns: int
    thumbnail: int

    def measure(
        self,
        target: np.ndarray,
        prediction: Mapping[str, np.ndarray],
        phones: Sequence[Segment],
        *,
        key: str,
        speaker: str,
        split: str,
        measured_from: int = 1,
        sound: np.ndarray | None = None,
        view: View = "aligned",
        faces: np.ndarray | None = None,
    ) -> ClipMeasures:
        """Measure the rows `prediction` (T', N, N, 3) against the true crops (T, N, N, 3), cut to the shortest of them.

        Frames from `measured_from` on count, in all rows alike, where the true video has a face: by what the detector
        sees, and by `faces` (T,) bool, what align saw in the whole frames. The first of those is the identity image,
        which does not count either. `sound` is the true clip's, (N,) at 16 kHz.
        """
        length = min(len(target), *(len(frames) for frames in prediction.values()))
        size = next(iter(prediction.values())).shape[1]
        target = resize_frames(target[:length], size)
        box = face_box(target, self.detector)
        shown = np.ones(length, bool) if faces is None else faces[:length]
        first = first_face(shown)
        truth = sight_of(target, self.detector, box)
        truth = replace(truth, found=truth.found & shown)
        sights = {row: sight_of(frames[:length], self.detector, box) for row, frames in prediction.items()}
        asked = np.arange(length) >= (max(measured_from, first + 1) if first else measured_from)
        counted = asked & truth.found
        scored = sights if counted.any() else {}
        every = {TRUE: truth, **sights}
        lips = closure(truth.openings, truth.openings, phones, measured=counted)
        return ClipMeasures(
            key,
            speaker,
            split,
            [
                score_clip(
                    truth,
                    sight,
                    key=key,
                    speaker=speaker,
                    row=row,
                    measured=counted,
                    phones=phones,
                    networks=self.networks,
                    sound=sound,
                )
                for row, sight in scored.items()
            ],
            openings={row: sight.openings for row, sight in every.items()},
            stills={row: self._stills(sight) for row, sight in every.items()},
            features=self._features(every, counted) if scored else {},
            lips=None if isinstance(lips, Unavailable) else lips,
            faceless=int(np.count_nonzero(asked & ~truth.found)),
            view=view,
        )

    def _stills(self, sight: Sight) -> np.ndarray:
        chosen = np.linspace(0, len(sight.frames) - 1, self.columns).round().astype(int)
        return resize_frames(sight.frames[chosen], min(self.thumbnail, sight.frames.shape[1]))

    def _features(self, sights: Mapping[str, Sight], counted: np.ndarray) -> dict[str, np.ndarray]:
        if isinstance(self.inception, Unavailable):
            return {}
        return {row: self.inception(sight.frames[counted]) for row, sight in sights.items()}
