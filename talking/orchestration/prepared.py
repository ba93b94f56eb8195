"""How the sound and the faces of a model's training were prepared, as the model's folder carries it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from talking.core.errors import TalkingError
from talking.core.files import write_json
from talking.media.audio import MfccConfig
from talking.orchestration.carried import PARAMS, nearest_params, read_carried
from talking.orchestration.params import Params
from talking.orchestration.windows import config_of

PREPARED = Path("stage_one") / "prepared.json"


@dataclass(frozen=True)
class Prepared:
    """How the sound and the faces of a model's training were prepared, and what it hears and sees must be."""

    detector: Literal["dlib", "face_alignment"]
    mfcc: MfccConfig

    @classmethod
    def of(cls, params: Params) -> "Prepared":
        """Return what params say."""
        return cls(params.align.detector, config_of(params))

    @classmethod
    def load(cls, models: Path) -> "Prepared":
        """Read what a folder of models carries; of an older one, which carries nothing, what the params near it say."""
        path = models / PREPARED
        if path.is_file():
            return read_carried(cls, path)
        params = nearest_params(models)
        if params is None:
            raise TalkingError(
                f"{path} is missing, and no {PARAMS} lies in a folder above it or here: train the model again "
                f"(`dvc repro stage_one`), or put the {PARAMS} that it was trained with into {models}."
            )
        return cls.of(params)

    def save(self, stage_one: Path) -> None:
        """Write it into the folder of a model that is being made."""
        write_json(stage_one / PREPARED.name, asdict(self))
