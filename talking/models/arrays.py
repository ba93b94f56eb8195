"""Arrays on disk: safetensors of which the reader says what must be in them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from talking.core.errors import TalkingError
from talking.core.wording import printable, shown

# What the library raises on files that are damaged, or of numbers that numpy has not.
UNREADABLE = (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError)


def load_arrays(path: Path, names: Iterable[str], stage: str) -> dict[str, np.ndarray]:
    """Return the arrays `names` of a file, each of finite floating-point or whole numbers.

    Raises `TalkingError` when the file is missing, damaged or lacks one, and says which `stage` makes it.
    """
    if not path.is_file():
        raise TalkingError(f"{path} is missing: run the stage {stage} first.")
    try:
        found = load_file(path)
    except UNREADABLE as error:
        said = printable(" ".join(str(error).split()), 200)
        raise TalkingError(f"{path} is not a safetensors file ({said}): run the stage {stage} again.") from error
    for name in names:
        value = found.get(name)
        if value is None or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
            raise TalkingError(f"{path} has no usable {shown(name)}: run the stage {stage} again.")
    return {name: found[name] for name in names}
