"""Picture files as sRGB: the one place that reads what a picture says of itself: its size, its colours, what is up.

Phones save Display P3, cameras Adobe RGB, scanners CMYK, each with an ICC profile; who ignores it shows other colours.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

from talking.core.errors import TalkingError

WHITE = (255, 255, 255)
# Pixels. The largest sensor in a phone has 200 million; decoded they take 0.6 GB.
LARGEST = 256_000_000
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}


def read_picture(path: Path) -> np.ndarray:
    """Return a picture file as sRGB, uint8 (H, W, 3), turned as its EXIF says, its first frame where it has several.

    Any mode that Pillow reads: grey, palette, 16 bits, CMYK; what is transparent is laid on white; colours are brought
    to sRGB from the ICC profile that comes with them. Raises `TalkingError` for a file that is missing, no picture, or
    larger than LARGEST.
    """
    if not path.is_file():
        there = "is no file" if path.exists() else "is not there"
        raise TalkingError(f"{path} {there}: give a picture of a face.")
    _know_heif()
    try:
        with _no_limit(), Image.open(path) as image:
            _check_size(path, image)
            return np.array(_as_shown(image))
    except TalkingError:
        raise
    except MemoryError as error:
        raise TalkingError(f"{path} does not fit into memory: make the picture smaller.") from error
    except Exception as error:  # Thirty decoders raise whatever they like for a file that is damaged.
        raise TalkingError(f"{path} is no picture that can be read: give a PNG or JPEG.") from error


@lru_cache(maxsize=1)
def _know_heif() -> None:
    """Teach Pillow the format of iPhones."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)


@contextmanager
def _no_limit() -> Iterator[None]:
    """Lift Pillow's own limit, which a phone's picture may exceed: `_check_size` has one that says what it is."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            # Of damaged metadata, which is then left out of account.
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_size(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height > LARGEST:
        raise TalkingError(
            f"{path} has {width} x {height} = {width * height / 1e6:.0f} million pixels, and {LARGEST // 10**6} "
            "million at most can be read: make it smaller, or cut the face out of it."
        )


def _as_shown(image: Image.Image) -> Image.Image:
    image.load()
    profile = image.info.get("icc_profile")
    for turn in _TURNS.get(_orientation(image), ()):
        image = image.transpose(turn)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return _to_srgb(image, profile)
    image = image.convert("RGBA")
    under = Image.new("RGBA", image.size, (*WHITE, 255))
    over = _to_srgb(image.convert("RGB"), profile)
    over.putalpha(image.getchannel("A"))
    return Image.alpha_composite(under, over).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """Return which way is up by EXIF's numbers; as it lies where the metadata are damaged or do not say."""
    try:
        said = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - whatever is wrong with its metadata, the picture itself was decoded
        return 1
    return said if isinstance(said, int) else 1


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture as sRGB by its profile, or as it is where that is missing, damaged or of other data."""
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("RGB")
    if not profile:
        return image.convert("RGB")
    try:
        return _converted(image, profile)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    converted = ImageCms.applyTransform(image, transform)
    return image.convert("RGB") if converted is None else converted


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a grey picture of 16 or 32 bits as one of 8: Pillow itself would clip at 255."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    whole = 65535 if image.mode.startswith("I") else max(float(values.max()), 1e-9)
    return Image.fromarray(np.clip(np.rint(values * (255 / whole)), 0, 255).astype(np.uint8))
