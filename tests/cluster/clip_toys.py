"""A small stage of real shape, which workers import as the tests do: clips in, clips out, and what befalls some."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from talking.cluster import Cluster, connect, map_shards
from talking.cluster.kept import Keeping, publish
from talking.core.errors import Rejected
from talking.data.shards import ClipStatus, Sample, write_index, write_shard
from talking.data.storage import Location, join
from talking.orchestration.shard_stage import ClipWork, shard_inputs

SHARDS, CLIPS = 4, 5


def write_source(folder: Path, shards: int = SHARDS, clips: int = CLIPS) -> Path:
    """Write shards `s1-000.tar`, `s2-000.tar`, … of clips `s1_a`, `s1_b`, …; return their folder."""
    rows, statuses = [], []
    for number in range(1, shards + 1):
        keys = [f"s{number}_{letter}" for letter in "abcdefghijkl"[:clips]]
        samples = [Sample(key, {"meta.json": f'"{key}"'.encode() * 50}) for key in keys]
        rows.append(write_shard(folder / f"s{number}-000.tar", samples))
        statuses += [ClipStatus(key, f"s{number}", rows[-1].shard, "ok") for key in keys]
    write_index(folder, rows, statuses)
    return folder


@dataclass
class ToyClips(ClipWork):
    """Turns each clip round. `poison` clips kill their worker, by `death`; `refused` are refused, with these words.

    `notes` gets a line `<pid> <clip>` per attempt; at the clip `waits` a worker waits for a second one.
    """

    notes: Path
    wait_s: float = 0.0
    poison: tuple[str, ...] = ()
    death: str = "exit"
    refused: Mapping[str, str] | None = None
    waits: str = ""

    def convert(self, sample: Sample) -> Mapping[str, bytes]:
        with self.notes.open("a") as file:
            file.write(f"{os.getpid()} {sample.key}\n")
        time.sleep(self.wait_s)
        if sample.key == self.waits:
            wait_for_two(self.notes)
        if sample.key in self.poison:
            die(self.death)
        if self.refused and sample.key in self.refused:
            raise Rejected("crashed", self.refused[sample.key])
        return {"meta.json": sample.members["meta.json"][::-1]}


def wait_for_two(notes: Path, most_s: float = 120) -> None:
    """Wait until two workers have begun a clip, `most_s` at most."""
    deadline = time.monotonic() + most_s
    while len({line.split()[0] for line in notes.read_text().splitlines()}) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)


def die(how: str) -> None:
    """End this process as a decoder may: by its own exit, by a segmentation fault, or by the system's hand."""
    if how == "exit":
        os._exit(139)
    os.kill(os.getpid(), {"segfault": signal.SIGSEGV, "out of memory": signal.SIGKILL}[how])
    time.sleep(10)


def undisturbed(work: ToyClips, out: Location, state: Location) -> Location:
    """Write the whole stage here, without Ray: what every run must equal to the byte."""
    work.prepare()
    kept = {name: join(state, mark, name) for name, mark in shard_inputs(work.source)}
    publish(out, kept, [Keeping(work)(target) for target in kept.values()])
    return out


def run(work: ToyClips, folder: Path, settings: Cluster, **options) -> Path:
    """Run the stage over Ray into `folder`."""
    with connect(settings):
        map_shards(work, dict(shard_inputs(work.source)), folder / "out", folder / "state", settings, **options)
    return folder / "out"


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def attempts(notes: Path, clip: str) -> int:
    """How often workers began a clip."""
    return sum(line.split()[1] == clip for line in notes.read_text().splitlines())
