"""The work of the stage speech: the utterances of a shard, each with its windows and its mouth's exact shapes."""

from collections.abc import Iterator
from dataclasses import dataclass

from talking.data.journal import Journal
from talking.data.members import MOUTH, WINDOWS
from talking.data.shards import ClipStatus, Sample, encode_array, write_shard
from talking.data.storage import Location
from talking.media.audio import MfccConfig
from talking.systems.mm22.utterances import Utterances, utter

SPEAKER = "espeak"


@dataclass
class UtterWork:
    """Speaks the utterances of a shard; `shards` says which numbers are whose."""

    drawn: Utterances
    config: MfccConfig
    seed: int
    shards: dict[str, range]

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, shard: str, target: Location) -> list[ClipStatus]:
        """Write one shard."""
        write_shard(target, self._samples(shard, Journal(target)))
        return [ClipStatus(_key(number), SPEAKER, shard, "ok") for number in self.shards[shard]]

    def _samples(self, shard: str, journal: Journal) -> Iterator[Sample]:
        for number in self.shards[shard]:
            journal.begin(_key(number))
            windows, shapes = utter(number, self.seed, self.drawn, self.config)
            yield Sample(_key(number), {WINDOWS: encode_array(windows), MOUTH: encode_array(shapes)})


def _key(number: int) -> str:
    return f"{SPEAKER}_{number:06d}"
