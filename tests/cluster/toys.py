"""Small works, which workers import as the tests do; without torch, so that a worker starts soon."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talking.core.errors import TalkingError
from talking.data.shards import ClipStatus, Sample, write_shard


@dataclass
class ToyWork:
    """Writes a clip per shard and refuses another. `trouble` says what befalls the shard `at`, which makes `marker`."""

    marker: Path
    at: str = ""
    trouble: str = ""
    wait_s: float = 0

    def prepare(self) -> None:
        self.prepared = os.getpid()

    def __call__(self, shard: str, target: Path) -> list[ClipStatus]:
        time.sleep(self.wait_s)
        if shard == self.at:
            self.meet()
        speaker = shard.split("-", maxsplit=1)[0]
        with self.marker.with_name("pids").open("a") as file:
            file.write(f"{shard} {self.prepared}\n")
        write_shard(target, [Sample(f"{speaker}_a", {"meta.json": shard.encode() * 100})])
        refused = ClipStatus(f"{speaker}_b", speaker, shard, "soundless", "It has no sound.")
        return [ClipStatus(f"{speaker}_a", speaker, shard, "ok"), refused]

    def meet(self) -> None:
        first = not self.marker.exists()
        self.marker.touch()
        if self.trouble == "death" and first:
            os._exit(9)
        if self.trouble == "error" or (self.trouble == "first error" and first):
            raise KeyError("nose")
        if self.trouble == "mistake":
            raise TalkingError("params.yaml: align.detector is 'eyes': choose dlib.")
        if self.trouble == "full":
            raise OSError(28, "No space left on device", str(self.marker))


@dataclass
class Moments:
    """Sums in float32, whose result depends on their order; early shards take longest."""

    def prepare(self) -> None:
        self.scale = np.float32(1)

    def __call__(self, shard: str) -> np.ndarray:
        time.sleep(0.3 if shard == "s0" else 0)
        return (
            np.random.default_rng(int(shard[1:])).normal(size=1000).astype(np.float32)
            * self.scale
            * 10 ** int(shard[1:])
        )
