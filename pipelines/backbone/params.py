"""pipelines/backbone/params.yaml as frozen, typed sections: read once, checked once, passed down."""

from dataclasses import dataclass
from pathlib import Path

from talking.cluster.settings import Cluster
from talking.core.typed import read_file
from talking.orchestration.params import Tracking
from talking.systems.backbone.params import Encoder, Gan, Look, Pictures


@dataclass(frozen=True)
class PairParams:
    """The whole of pipelines/backbone/params.yaml."""

    name: str
    seed: int
    pictures: Pictures
    gan: Gan
    encoder: Encoder
    look: Look
    cluster: Cluster
    tracking: Tracking


def load_pair_params(path: Path) -> PairParams:
    """Read and check the file; every mistake is a `TalkingError` that names the key."""
    return read_file(PairParams, path)
