"""What the rows of the comparison are drawn from, read from the shards of a test clip."""

from dataclasses import dataclass

import numpy as np

from talking.corpora.roles import TestClip
from talking.data.masks import faces_in, first_face
from talking.data.members import CODES, CROPS, WINDOWS
from talking.data.shards import ShardFolder, decode_array
from talking.media.resizing import resize_frames
from talking.media.video import decode_frames


@dataclass(frozen=True)
class Material:
    """What the rows are made from.

    codes: E_I of the true frames, (T, L, 512);
    windows, other: the clip's own audio windows and another clip's, (T, 12, 28);
    identity: the identity image, (R, R, 3) uint8;
    first: which frame that is: the first that shows a face.
    """

    codes: np.ndarray
    windows: np.ndarray
    other: np.ndarray
    identity: np.ndarray
    first: int = 0


@dataclass(frozen=True)
class MaterialReader:
    """Reads the folders of shards side by side; `size`: pixels of the identity image."""

    aligned: ShardFolder
    codes: ShardFolder
    windows: ShardFolder
    size: int

    def crops(self, clip: TestClip) -> np.ndarray:
        """Return the true crops (T, R, R, 3) uint8."""
        return decode_frames(self.aligned.clip(clip.key).members[CROPS])

    def material(self, clip: TestClip, crops: np.ndarray, most: int | None = None) -> Material:
        """Return what the clip's rows are made from, of its first `most` frames, or of all."""
        inverted = self.codes.clip(clip.key).members
        codes = decode_array(inverted[CODES])[:most].astype(np.float32)
        own, other = self._windows(clip.key), self._windows(clip.other)
        first = first_face(faces_in(inverted, len(codes)))
        identity = resize_frames(crops[first : first + 1], self.size)[0]
        return Material(codes, fit_length(own, len(codes)), fit_length(other, len(codes)), identity, first)

    def faces(self, clip: TestClip, length: int) -> np.ndarray:
        """Return (length,) bool: which of the clip's first frames show a face."""
        return faces_in(self.aligned.clip(clip.key).members, length)

    def _windows(self, key: str) -> np.ndarray:
        return decode_array(self.windows.clip(key).members[WINDOWS])


def fit_length(windows: np.ndarray, length: int) -> np.ndarray:
    """Return windows (length, 12, 28): cut, or their last one repeated."""
    return windows[np.minimum(np.arange(length), len(windows) - 1)]
