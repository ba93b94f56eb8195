"""Landmark detectors: what says where the face is in a frame, and where its 68 landmarks are."""

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from talking.core.accelerators import best_device
from talking.core.errors import TalkingError

# The file beside dlib's model of landmarks that finds faces from any side.
ANY_WAY = "mmod_human_face_detector.dat"
FINDERS = ("dlib", "face_alignment")
# The longest side, in pixels, of the picture that dlib's detector scans: its time grows with the area.
SCANNED_SIDE = 640
# The side, in pixels, at which an FFHQ crop is first scanned: its face is then some 92 pixels large, of 80 at least.
COARSE_SIDE = 160
# The detector's score from which a face is believed without a look at twice the size.
SURE = 0.5
# The score from which a face is believed when a large picture is searched pixel by pixel, which shows much else: of 160
# real faces of 100 pixels all have more, of textures none.
SEARCHED = 0.3
# The least side, in pixels, of a picture in which it is worth while to look.
LEAST_SIDE = 32
# The square patch, in pixels, that dlib's predictor reads, and the box's side in it. dlib rounds points to whole
# pixels; on a patch with a face this large that is a fraction of the frame's pixel.
PATCH, PATCH_BOX = 640, 400
# The shifts of the box, in pixels of the patch, over which dlib's points are averaged. The points of one box jump with
# every small change of the box; on GRID four take the jitter from 0.24 to 0.16 pixels, for two more milliseconds.
SHIFTS = ((-12, -12), (12, -12), (-12, 12), (12, 12))

# The box of dlib's detector in the frame, seen in the FFHQ crop that is cut out by its landmarks: centre x, y and side,
# in sides of the crop. Means over 12 drawn and 11 GRID speakers; the side is 0.52 to 0.70. On the crop itself the
# detector, whose boxes grow in steps of a fifth, at times gives one so small that the mouth is sought below the nose.
ALIGNED = (0.5, 0.603, 0.578)


class Box(NamedTuple):
    """A face's box in pixels of its frame, in the convention of the detector that made it."""

    left: float
    top: float
    right: float
    bottom: float


class LandmarkDetector(Protocol):
    """Finds the foremost face of a frame uint8 (H, W, 3) RGB, and the landmarks in a box."""

    def detect(self, frame: np.ndarray) -> Box | None:
        """Return the box of the foremost face (see `foremost`), or None."""

    def faces(self, frame: np.ndarray) -> list[Box]:
        """Return the boxes of all faces found."""

    def scan(self, frame: np.ndarray) -> list[Box]:
        """Return the boxes of the faces of 80 pixels and more in a part of a large picture, at the size that it has."""

    def turned_away(self, frame: np.ndarray) -> bool:
        """Tell whether a picture in which `faces` finds none shows one that is turned aside, tilted or half hidden."""

    def shows_face(self, frame: np.ndarray) -> bool:
        """Return whether there is a face in an FFHQ crop."""

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        """Return the landmarks float32 (68, 2) of the face in `box`; always 68 points, whatever the box holds."""

    def aligned_box(self, size: int) -> Box | None:
        """Return the box that it gives to the face of an FFHQ crop of `size` pixels; None: it has to be detected."""


def make_detector(name: str, *, device: str | None = None, weights: Path | None = None) -> LandmarkDetector:
    """Load a detector: `dlib` (HOG boxes, regression trees) or `face_alignment` (SFD boxes, FAN heat maps).

    `weights` is dlib's 68-point model file, or the folder with face_alignment's two files; without it they are looked
    for where the packages keep them. Nothing is downloaded. `device` is for face_alignment alone: by default the one
    that this process was given.
    """
    if name == "dlib":
        return DlibDetector(weights or dlib_model())
    if name == "face_alignment":
        return FaceAlignmentDetector(device or str(best_device()), weights)
    raise TalkingError(f"there is no landmark detector {name!r}; choose one of {', '.join(FINDERS)}")


def foremost(boxes: list[Box], width: int, height: int) -> Box | None:
    """Choose among the faces of a frame: the largest, its side weighted from 1 at the centre to 0 at the corners."""

    def weight(box: Box) -> float:
        x, y = (box.left + box.right - width) / width, (box.top + box.bottom - height) / height
        result: float = (box.right - box.left) * (1 - np.hypot(x, y) / np.sqrt(2))
        return result

    return max(boxes, key=weight, default=None)


def dlib_model() -> Path:
    """Return the 68-point model that the package face_recognition_models carries, without importing that package."""
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / "shape_predictor_68_face_landmarks.dat"
        if path.is_file():
            return path
    raise TalkingError("dlib's 68-point model is missing; install the package face_recognition_models or name the file")


class DlibDetector:
    """dlib's HOG detector (Felzenszwalb et al. 2010) and regression trees (Kazemi and Sullivan 2014)."""

    def __init__(self, model: Path) -> None:
        import dlib

        if not model.is_file():
            raise TalkingError(f"dlib's 68-point model {model} does not exist; name the file or leave the name out")
        self._dlib: Any = dlib
        self._detector = dlib.get_frontal_face_detector()
        try:
            self._predictor = dlib.shape_predictor(str(model))
        except RuntimeError as error:
            raise TalkingError(f"{model} is not a landmark model of dlib ({error}); fetch it anew") from error
        self._any_way = model.with_name(ANY_WAY)

    def detect(self, frame: np.ndarray) -> Box | None:
        """Return the foremost of `faces`."""
        return foremost(self.faces(frame), frame.shape[1], frame.shape[0])

    def faces(self, frame: np.ndarray) -> list[Box]:
        """Scan the frame at SCANNED_SIDE at most for faces from 80 pixels; where none is sure, for faces from 40."""
        frame, scale = shrunk(frame, SCANNED_SIDE)
        if min(frame.shape[:2]) < LEAST_SIDE:
            return []
        boxes, scores, _ = self._detector.run(frame, 0, 0.0)
        if max(scores, default=0.0) < SURE:
            boxes = self._detector.run(frame, 1, 0.0)[0] or boxes
        return [_scaled(box, scale) for box in boxes]

    def scan(self, frame: np.ndarray) -> list[Box]:
        """Scan the frame once, for faces that are believed."""
        if min(frame.shape[:2]) < LEAST_SIDE:
            return []
        return [_scaled(box, 1.0) for box in self._detector.run(frame, 0, SEARCHED)[0]]

    def turned_away(self, frame: np.ndarray) -> bool:
        """Ask dlib's convolutional detector (King 2015), which knows faces from any side and takes seconds."""
        frame, _ = shrunk(frame, SCANNED_SIDE)
        if min(frame.shape[:2]) < LEAST_SIDE or not self._any_way.is_file():
            return False
        return bool(self._dlib.cnn_face_detection_model_v1(str(self._any_way))(frame, 0))

    def shows_face(self, frame: np.ndarray) -> bool:
        """Look at the crop at COARSE_SIDE, which takes a third of the time, and as `detect` does where none is seen."""
        if max(frame.shape[:2]) > COARSE_SIDE:
            small = cv2.resize(frame, (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA)
            if self._detector.run(small, 0, 0.0)[0]:
                return True
        return self.detect(frame) is not None

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        """Predict the points on a grey patch of fixed size around the box, and average over four boxes there."""
        side = (box.right - box.left + box.bottom - box.top) / 2
        if side <= 0:
            raise TalkingError(f"a box with a side of {side:.3g} pixels holds no face; leave the frame out")
        scale, margin = side / PATCH_BOX, (PATCH - PATCH_BOX) // 2
        centre = np.array([box.left + box.right, box.top + box.bottom]) / 2
        start = centre - scale * (PATCH - 1) / 2
        patch = _patch(frame, start, scale)
        points = np.mean([self._predict(patch, margin + x, margin + y) for x, y in SHIFTS], axis=0)
        result: np.ndarray = (start + points * scale).astype(np.float32)
        return result

    def aligned_box(self, size: int) -> Box | None:
        """The mean of its boxes in the frames that the crops were cut from (see ALIGNED)."""
        centre, half = np.array(ALIGNED[:2]) * size, ALIGNED[2] * size / 2
        return Box(*(centre - half).tolist(), *(centre + half).tolist())

    def _predict(self, patch: np.ndarray, left: int, top: int) -> np.ndarray:
        inner = self._dlib.rectangle(left, top, left + PATCH_BOX - 1, top + PATCH_BOX - 1)
        return np.array([(part.x, part.y) for part in self._predictor(patch, inner).parts()], np.float64)


def shrunk(picture: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    """Return a picture (H, W, 3) with `longest` pixels a side at most, and by how much it was shrunk, 1 for not."""
    height, width = picture.shape[:2]
    scale = max(max(height, width) / longest, 1.0)
    if scale > 1:
        small = (max(1, round(width / scale)), max(1, round(height / scale)))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture), scale


def _scaled(rectangle: Any, scale: float) -> Box:
    """Return dlib's rectangle, whose edges are pixels within it, as outline in pixels of the unscaled frame."""
    low = np.array([rectangle.left(), rectangle.top()]) * scale - 0.5
    high = np.array([rectangle.right() + 1, rectangle.bottom() + 1]) * scale - 0.5
    return Box(*low.tolist(), *high.tolist())


def _patch(frame: np.ndarray, start: np.ndarray, scale: float) -> np.ndarray:
    """Return the grey patch uint8 (PATCH, PATCH) that begins at `start` and whose pixels are `scale` apart."""
    height, width = frame.shape[:2]
    low = np.clip(np.floor(start).astype(int) - 1, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(start + scale * PATCH).astype(int) + 2, low + 1, (width, height))
    grey = cv2.transform(np.ascontiguousarray(frame[low[1] : high[1], low[0] : high[0]]), np.full((1, 3), 1 / 3))
    matrix = np.array([[scale, 0, start[0] - low[0]], [0, scale, start[1] - low[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, matrix, (PATCH, PATCH), flags=flags, borderMode=cv2.BORDER_REPLICATE)


class FaceAlignmentDetector:
    """The library face_alignment (Bulat and Tzimiropoulos 2017), the paper's detector, from weights that lie here."""

    DETECTOR = "s3fd-619a316812.pth"
    PREDICTOR = "2DFAN4-11f355bf06.pth.tar"

    def __init__(self, device: str, weights: Path | None = None) -> None:
        import torch

        folder = weights or Path(torch.hub.get_dir()) / "checkpoints"
        for name in (self.DETECTOR, self.PREDICTOR):
            if not (folder / name).is_file():
                raise TalkingError(
                    f"the detector face_alignment lacks its weights {name}; fetch it from "
                    f"https://www.adrianbulat.com/downloads/python-fan/{name} and put it into {folder}"
                )
        self._library = _local_library(device, folder / self.DETECTOR, folder / self.PREDICTOR)

    def detect(self, frame: np.ndarray) -> Box | None:
        """Return SFD's foremost face."""
        return foremost(self.faces(frame), frame.shape[1], frame.shape[0])

    def faces(self, frame: np.ndarray) -> list[Box]:
        """Return SFD's faces."""
        found = self._library.face_detector.detect_from_image(frame.copy())
        return [Box(*(float(edge) for edge in face[:4])) for face in found]

    def scan(self, frame: np.ndarray) -> list[Box]:
        """Return SFD's faces."""
        return self.faces(frame)

    def turned_away(self, frame: np.ndarray) -> bool:  # noqa: ARG002
        """No: SFD finds faces from any side."""
        return False

    def aligned_box(self, size: int) -> Box | None:  # noqa: ARG002
        """It is not known: SFD's boxes follow the head."""
        return None

    def shows_face(self, frame: np.ndarray) -> bool:
        """Return whether SFD finds one."""
        return bool(self.faces(frame))

    def landmarks(self, frame: np.ndarray, box: Box) -> np.ndarray:
        """Predict the points by FAN, of the frame and of its mirror image."""
        points = self._library.get_landmarks_from_image(frame, detected_faces=[np.array(box)])
        return np.asarray(points[0], np.float32)[:, :2]


def _local_library(device: str, detector: Path, predictor: Path) -> Any:
    """Build the library's model from files here: its own constructor would look, and load, elsewhere."""
    import face_alignment
    import torch
    from face_alignment.models import FAN

    class Local(face_alignment.FaceAlignment):  # type: ignore[misc]
        def _load_native(self, name: str, size: int, device: str, dtype: torch.dtype) -> torch.nn.Module:  # noqa: ARG002
            network = FAN(size)
            network.load_state_dict(torch.load(predictor, map_location=device, weights_only=True))
            result: torch.nn.Module = network.to(device, dtype=dtype).eval()
            return result

    kind = face_alignment.LandmarksType.TWO_D
    return Local(kind, device=device, face_detector_kwargs={"path_to_detector": str(detector)}, compile=False)
