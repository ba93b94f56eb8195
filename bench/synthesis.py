"""From sound to mp4 on the processor: seconds and share of every step, and whether it is faster than real time.

`python -m bench.synthesis --models models/demo` measures a trained model; without it the kept pair of the demo with an
untrained talking head of the demo's sizes, whose speed is the same.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from bench.timing import table
from talking.media.audio import MfccConfig, mfcc_windows
from talking.media.pixels import to_frames
from talking.media.resizing import resize_frames
from talking.media.video import encode_frames
from talking.models.backbone import Backbone
from talking.models.basis import Basis
from talking.synthesis.codes import invert_frames, synthesise_frames
from talking.synthesis.engine import Engine
from talking.synthesis.speed import machine_name
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.predict import predicted_codes
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize

ROOT = Path(__file__).resolve().parent.parent
RATE = 25
SOUND_RATE = 16000
COMPONENTS = 32
DEMO_SIZE = TalkingHeadSize(width=8, lstm_layers=1, code_dim=128, hidden=256, whiten=True)
Result = TypeVar("Result")


@dataclass
class Clock:
    """Seconds per step, by the wall and of all processors together, ffmpeg's among them."""

    seconds: dict[str, float] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def __call__(self, step: str, make: Callable[[], Result]) -> Result:
        """Run `make` and keep the time it took under `step`."""
        begin, busy = time.perf_counter(), processor_seconds()
        made = make()
        self.seconds[step], self.busy[step] = time.perf_counter() - begin, processor_seconds() - busy
        return made


def processor_seconds() -> float:
    """Return the time that processors have spent on this program and on those it started and saw end."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def load(models: Path | None) -> tuple[Backbone, Ensemble]:
    """Return a trained model's networks, or the kept pair and an untrained talking head."""
    if models is not None:
        return Backbone.load(models / "backbone"), Ensemble.load(models / "stage_one")
    pair = Backbone.load(ROOT / "raw" / "backbones" / "demo")
    n = pair.latent_avg.numel()
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(n, COMPONENTS)))[0].T.astype(np.float32)
    empty = Basis(basis, np.zeros(n, np.float32), np.ones(COMPONENTS, np.float32), 1.0, pair.n_styles)
    return pair, Ensemble([TalkingHead(empty, DEMO_SIZE)]).eval()


def measure(pair: Backbone, head: Ensemble, seconds: float, size: int, folder: Path) -> Clock:
    """Return the time of every step for `seconds` of sound, after a first frame to warm up."""
    clock, frames = Clock(), max(1, round(seconds * RATE))
    samples = 0.1 * np.random.default_rng(1).normal(size=round(seconds * SOUND_RATE)).astype(np.float32)
    crop = np.full((1, pair.resolution, pair.resolution, 3), 128, np.uint8)
    config = MfccConfig(rate=SOUND_RATE, n_fft=512)
    mfcc_windows(samples, SOUND_RATE, frames, config)
    identity = invert_frames(pair, crop)[0]
    synthesise_frames(pair.generator, identity[None], size)

    identity = clock("image encoder", lambda: invert_frames(pair, crop))[0]
    windows = clock("audio windows", lambda: mfcc_windows(samples, SOUND_RATE, frames, config))
    codes = clock("E_A with its LSTM, D", lambda: predicted_codes(head, windows, identity))
    pictures = clock("drawing", lambda: drawn(pair, codes))
    made = clock("conversion to bytes", lambda: to_frames(pictures))
    made = clock(f"enlarging to {size}", lambda: resize_frames(made, size))
    target = folder / "video.mp4"
    clock("encoding", lambda: encode_frames(made, target, sound=samples, preset="veryfast"))
    return clock


@torch.no_grad()
def drawn(pair: Backbone, codes: np.ndarray) -> torch.Tensor:
    """Return the pictures (T, 3, R, R) of codes (T, L, 512), drawn as `synthesise_frames` does."""
    engine = Engine(pair.generator)
    batches = torch.from_numpy(codes).float().split(engine.batch)
    return torch.cat([engine.fast(batch) for batch in batches])


def report(clock: Clock, seconds: float) -> str:
    """Return the table of steps, and the sums against the length of the sound.

    Where other programs use the machine the wall tells of them too; the processors' time tells of this one alone.
    """
    whole, busy = sum(clock.seconds.values()), max(sum(clock.busy.values()), 1e-9)
    rows = [
        (step, f"{value:.2f}", f"{clock.busy[step]:.2f}", f"{clock.busy[step] / busy:.0%}")
        for step, value in clock.seconds.items()
    ]
    rows.append(("all", f"{whole:.2f}", f"{busy:.2f}", "100%"))
    verdict = f"{seconds / whole:.2f} x real time ({seconds * RATE / whole:.0f} fps)"
    head = (f"step, {seconds:g} s of sound", "s", "processors' s", "share of it")
    return (
        f"{table(head, rows)}\n\nEnd to end: {verdict}; "
        f"{busy / seconds:.2f} processors at full load keep up with the sound."
    )


def main(arguments: Sequence[str]) -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, help="a folder with backbone/ and stage_one/, such as models/demo")
    parser.add_argument("--seconds", type=float, default=10.0, help="of sound")
    parser.add_argument("--size", type=int, default=256, help="side of the video, pixels")
    given = parser.parse_args(arguments)
    pair, head = load(given.models)
    print(f"\nSynthesis: {machine_name(torch.get_default_device())}, torch {torch.__version__}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        clock = measure(pair, head, given.seconds, given.size, Path(folder))
    print(report(clock, given.seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
