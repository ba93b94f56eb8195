"""The picture that says who speaks: any picture file as RGB, and the face in it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from talking.core.errors import Rejected, TalkingError
from talking.faces.alignment import crop, ffhq_quad
from talking.faces.detectors import Box, LandmarkDetector

CROP_SIZE = 256
WHITE = (255, 255, 255)
# What Pillow raises for files that are none of its pictures, end early, or would be too large to hold.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, TypeError, RuntimeError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    picture: uint8 (H, W, 3); landmarks: float32 (68, 2), pixels of it; quad: of the FFHQ crop, float32 (4, 2);
    crop: uint8 (256, 256, 3); others: how many more faces there are, all smaller.
    """

    picture: np.ndarray
    landmarks: np.ndarray
    quad: np.ndarray
    crop: np.ndarray
    others: int


def read_picture(path: Path) -> np.ndarray:
    """Return a picture file as RGB, uint8 (H, W, 3), turned as its EXIF says, its first frame where it has several.

    Any mode that Pillow reads: grey, palette, 16 bits, CMYK; what is transparent is laid on white. Raises
    `TalkingError` for a file that is missing or no picture.
    """
    if not path.is_file():
        raise TalkingError(f"{path} is not there: give a picture of a face.")
    try:
        with Image.open(path) as image:
            return np.array(_rgb(ImageOps.exif_transpose(image)))
    except _UNREADABLE as error:
        raise TalkingError(f"{path} is no picture that can be read: give a PNG or JPEG.") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        under = Image.new("RGBA", image.size, (*WHITE, 255))
        return Image.alpha_composite(under, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a grey picture of 16 or 32 bits as one of 8: Pillow itself would clip at 255."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    whole = 65535 if image.mode.startswith("I") else max(float(values.max()), 1e-9)
    return Image.fromarray(np.clip(np.rint(values * (255 / whole)), 0, 255).astype(np.uint8))


def find_face(picture: np.ndarray, detector: LandmarkDetector, name: str = "the picture") -> Face:
    """Return the largest face of a picture uint8 (H, W, 3) RGB; raises `Rejected` ("faceless") where there is none."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise TalkingError(f"{name} is {picture.dtype} {picture.shape}: give RGB, uint8 (H, W, 3).")
    boxes = detector.faces(picture)
    if not boxes:
        raise Rejected("faceless", f"{name}: no face was found: give a picture that shows one from the front.")
    landmarks = detector.landmarks(picture, max(boxes, key=_area))
    quad = ffhq_quad(landmarks)
    return Face(picture, landmarks, quad, crop(picture, quad, CROP_SIZE), len(boxes) - 1)


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
