"""Audio windows to a finished mp4: E_A and D, the engine, YUV on the device, ffmpeg fed by a thread."""

import importlib.util
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch

from talking.media.pixels import to_yuv420
from talking.models.stylegan2 import Generator
from talking.synthesis.engine import Engine
from talking.synthesis.graphs import Execution
from talking.systems.mm22.audio_encoder import AudioEncoder
from talking.systems.mm22.latent_decoder import LatentDecoder

COMPONENTS = 512
WAITING = 4


def encoder_path() -> str | None:
    """Return an ffmpeg: the system's, or imageio-ffmpeg's where that is installed."""
    if found := shutil.which("ffmpeg"):
        return found
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def seconds_of_video(generator: Generator, frames: int, execution: Execution) -> tuple[float, str, int]:
    """Return the seconds for `frames` frames, the precision, and the batch; the models are warm, ffmpeg is not."""
    engine = Engine(generator, execution=execution, convert=to_yuv420)
    windows = np.random.default_rng(0).normal(size=(frames, 12, 28)).astype(np.float32)
    codes = _Codes(generator)
    list(engine.stream([codes(windows[: engine.batch])]))
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        _encode(engine.stream([codes(windows)]), generator.resolution, Path(folder) / "video.mp4")
        return time.perf_counter() - begin, str(engine.settings.dtype).removeprefix("torch."), engine.batch


class _Codes:
    """The networks of the paper's sizes, with a random basis."""

    def __init__(self, generator: Generator) -> None:
        with torch.device(next(generator.parameters()).device):
            self.encoder, self.decoder = AudioEncoder().eval(), LatentDecoder(COMPONENTS).eval()
            self.basis = torch.randn(COMPONENTS, generator.n_styles * generator.style_dim)
            self.identity = torch.randn(1, COMPONENTS)
            self.code = torch.randn(generator.n_styles, generator.style_dim)

    @torch.no_grad()
    def __call__(self, windows: np.ndarray) -> np.ndarray:
        sound = torch.from_numpy(windows)[None].to(self.basis.device)
        displacements = self.decoder(self.identity, self.encoder(sound))[0] @ self.basis  # (T, L * 512)
        result: np.ndarray = (self.code + displacements.unflatten(1, self.code.shape)).cpu().numpy()
        return result


def _encode(batches: Iterator[np.ndarray], side: int, target: Path) -> None:
    command = [
        str(encoder_path()),
        "-v",
        "error",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-s",
        f"{side}x{side}",
    ]
    command += ["-r", "25", "-i", "pipe:", "-c:v", "libx264", "-preset", "veryfast", str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        waiting: queue.Queue[np.ndarray | None] = queue.Queue(WAITING)
        writer = threading.Thread(target=_write, args=(waiting, process.stdin))
        writer.start()
        for frames in batches:
            waiting.put(frames)
        waiting.put(None)
        writer.join()
        process.stdin.close()
    if process.returncode:
        raise RuntimeError(f"ffmpeg ended with {process.returncode}")


def _write(waiting: "queue.Queue[np.ndarray | None]", pipe: IO[bytes]) -> None:
    while (frames := waiting.get()) is not None:
        pipe.write(np.ascontiguousarray(frames).data)
