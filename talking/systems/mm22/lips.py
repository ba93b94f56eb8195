"""The lips of a few validation clips while training: made by G from predicted codes, against G of the true codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from talking.data.clips import ClipArrays
from talking.data.masks import first_face
from talking.evaluation.evaluate import Sight
from talking.evaluation.inversion import face_box, sight_of
from talking.faces.detectors import Box, LandmarkDetector
from talking.metrics.mouth import mouth_correlation
from talking.synthesis.codes import synthesise_frames

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class _Seen:
    """A clip, another clip's sound, and what the detector sees in G of its true codes, in a box."""

    clip: ClipArrays
    other: np.ndarray
    target: Sight
    box: Box


class LipFollower:
    """Watches whether lips follow the sound, which losses do not tell: a mean face has fine ones (DESIGN section 7).

    Nothing but codes is needed: the truth is the inverted frame, as in the losses. Clips in whose inversion no face is
    seen are left out.
    """

    def __init__(
        self, generator: torch.nn.Module, detector: LandmarkDetector, clips: Sequence[ClipArrays], size: int = 256
    ) -> None:
        self.generator, self.detector, self.size = generator, detector, size
        others = [*clips[1:], *clips[:1]]
        found = (self._look(clip, other.windows) for clip, other in zip(clips, others, strict=True))
        self.seen = [seen for seen in found if seen is not None]

    def _look(self, clip: ClipArrays, other: np.ndarray) -> _Seen | None:
        frames = self._draw(clip.codes)
        box = face_box(frames, self.detector)
        return None if box is None else _Seen(clip, other, sight_of(frames, self.detector, box), box)

    def _draw(self, codes: np.ndarray) -> np.ndarray:
        return synthesise_frames(self.generator, codes, self.size)

    def correlations(self, predict: Predict) -> dict[str, float]:
        """Return `mouth_correlation` and `mouth_wrong_audio`, means over the clips; nothing where none can be seen.

        `predict` returns codes (T, L, 512) of windows (T, 12, 28) and an identity code (L, 512).
        """
        own = [self._correlation(seen, predict, seen.clip.windows) for seen in self.seen]
        other = [self._correlation(seen, predict, seen.other) for seen in self.seen]
        means = {"mouth_correlation": _mean(own), "mouth_wrong_audio": _mean(other)}
        return {name: value for name, value in means.items() if value is not None}

    def _correlation(self, seen: _Seen, predict: Predict, windows: np.ndarray) -> float | None:
        length = min(len(windows), len(seen.target.found))
        frames = self._draw(predict(windows[:length], seen.clip.codes[first_face(seen.clip.mask)]))
        counted = seen.target.found[:length] & seen.clip.mask[:length]
        prediction = sight_of(frames, self.detector, seen.box)[counted]
        return mouth_correlation(seen.target.landmarks[:length][counted], prediction.landmarks, prediction.found)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
