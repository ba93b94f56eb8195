"""What a folder of models carries of the params that it was made with, so that it works wherever it is copied to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from talking.core.documents import UnreadableError, parse_json, text_of
from talking.core.errors import TalkingError
from talking.core.typed import read_section
from talking.orchestration.params import Animate, Params, load_params

PARAMS = "params.yaml"
# How videos are made where no params.yaml is near: as that of the repository says.
USUAL = Animate(preset="veryfast", rest="auto", expression=1.0, size=256, crf=12)
Kind = TypeVar("Kind")


def read_carried(kind: type[Kind], path: Path) -> Kind:
    """Read a section that training wrote beside a model. Raises `TalkingError`, which names the file."""
    try:
        values: Any = parse_json(text_of(path))
        return read_section(kind, values if isinstance(values, Mapping) else {}, "")
    except (UnreadableError, UnicodeDecodeError, TalkingError) as error:
        raise TalkingError(f"{path} is not as training wrote it ({error}): copy it again from its model.") from error


def nearest_params(models: Path) -> Params | None:
    """Return the params.yaml in `models`, in a folder above it, or the current folder's; None where there is none."""
    whole = models.absolute()
    for folder in (whole, *whole.parents, Path()):
        if (folder / PARAMS).is_file():
            return load_params(folder / PARAMS)
    return None
