"""How a generator is tuned on a face, as the folder of tuned generators carries it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from talking.core.errors import TalkingError
from talking.core.files import write_json
from talking.orchestration.carried import PARAMS, nearest_params, read_carried
from talking.orchestration.params import Params
from talking.systems.mm22.params import StageTwo

TUNING = Path("stage_two") / "tuning.json"


@dataclass(frozen=True)
class Tuning:
    """How a generator is tuned on a face: stage two of the method."""

    section: StageTwo
    lpips_net: Literal["squeeze", "alex", "vgg"]
    lpips_trunk: str | None
    seed: int

    @classmethod
    def of(cls, params: Params) -> "Tuning":
        """Return what params say."""
        return cls(params.stage_two, params.stage_one.lpips_net, params.stage_one.lpips_trunk, params.seed)

    @classmethod
    def load(cls, models: Path) -> "Tuning":
        """Read what the params near a folder of models say; where there are none, what the folder carries."""
        params = nearest_params(models)
        if params is not None:
            return cls.of(params)
        if not (models / TUNING).is_file():
            raise TalkingError(
                f"{models / TUNING} is missing, which says how to tune, and so is {PARAMS}: copy {TUNING.parent} with "
                f"the models, or run from a folder with {PARAMS}."
            )
        return read_carried(cls, models / TUNING)

    def save(self, stage_two: Path) -> None:
        """Write it into the folder of tuned generators that is being made."""
        write_json(stage_two / TUNING.name, asdict(self))
