"""In which frames of a clip a face was found: the others are kept for their sound, and are no truth for a picture."""

from collections.abc import Mapping

import numpy as np

from talking.data.members import FACES
from talking.data.shards import decode_array


def faces_in(members: Mapping[str, bytes], length: int) -> np.ndarray:
    """Return (length,) bool: which of a clip's first `length` frames show a face.

    All of them where the members do not say, as in shards that were written before they did.
    """
    if FACES not in members:
        return np.ones(length, bool)
    result: np.ndarray = decode_array(members[FACES])[:length].astype(bool)
    return result


def first_face(faces: np.ndarray) -> int:
    """Return the number of the first frame that shows a face, of a mask (T,) bool: the identity image; 0 where none."""
    return int(np.argmax(faces)) if len(faces) else 0
