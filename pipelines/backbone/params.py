"""pipelines/backbone/params.yaml as frozen, typed sections: read once, checked once, passed down."""

from dataclasses import dataclass, field
from pathlib import Path

from talking.cluster.settings import Cluster
from talking.core.typed import NAMED, SEED, read_file
from talking.orchestration.params import Tracking
from talking.systems.backbone.params import Encoder, Gan, Look, Pictures


@dataclass(frozen=True)
class PairParams:
    """The whole of pipelines/backbone/params.yaml."""

    name: str = field(metadata=NAMED)
    seed: int = field(metadata=SEED)
    pictures: Pictures
    gan: Gan
    encoder: Encoder
    look: Look
    cluster: Cluster
    tracking: Tracking

    @property
    def labels(self) -> dict[str, str]:
        """The chosen name, which is part of the paths that the stages are given."""
        return {"name": self.name}


def load_pair_params(path: Path) -> PairParams:
    """Read and check the file; every mistake is a `TalkingError` that names the key."""
    return read_file(PairParams, path)
