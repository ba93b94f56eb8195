"""pipelines/hearing/params.yaml as frozen, typed sections: read once, checked once, passed down."""

from dataclasses import dataclass, field
from pathlib import Path

from talking.cluster.settings import Cluster
from talking.core.typed import NAMED, SEED, number, read_file
from talking.orchestration.params import Tracking
from talking.systems.mm22.hearing import Hear


@dataclass(frozen=True)
class Speech:
    """How much is spoken, and how: the ranges are the least and the most of eSpeak's units."""

    speed: tuple[float, float]
    pitch: tuple[float, float]
    noise_db: tuple[float, float]
    utterances: int = number(2)
    per_shard: int = number(1)
    seconds: float = number(1.5)
    noise_share: float = number(0, 1)


@dataclass(frozen=True)
class HearingParams:
    """The whole of pipelines/hearing/params.yaml."""

    name: str = field(metadata=NAMED)
    seed: int = field(metadata=SEED)
    speech: Speech
    hear: Hear
    cluster: Cluster
    tracking: Tracking

    @property
    def labels(self) -> dict[str, str]:
        """The chosen name, which is part of the paths that the stages are given."""
        return {"name": self.name}


def load_hearing_params(path: Path) -> HearingParams:
    """Read and check the file; every mistake is a `TalkingError` that names the key."""
    return read_file(HearingParams, path)
