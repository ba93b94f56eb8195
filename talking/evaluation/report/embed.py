"""Files as data URIs, so that one page holds all that it shows."""

import base64
from pathlib import Path

import cv2

from talking.core.errors import TalkingError

LARGEST = 4_000_000
JPEG_QUALITY = 88


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes of a media type such as `image/png` as a URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def plot_uri(path: Path) -> str:
    """Return a PNG as it is."""
    return data_uri(path.read_bytes(), "image/png")


def photograph_uri(path: Path) -> str:
    """Return a PNG of faces as a JPEG, which is a sixth of its size."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise TalkingError(f"{path} is no picture: run the stage that writes it again.")
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return data_uri(encoded.tobytes(), "image/jpeg")


def video_uri(path: Path, page: Path, largest: int = LARGEST) -> str:
    """Return an mp4 of at most `largest` bytes, else a link to it from the folder of the `page`."""
    if path.stat().st_size <= largest:
        return data_uri(path.read_bytes(), "video/mp4")
    return path.relative_to(page.parent).as_posix()
