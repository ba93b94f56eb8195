"""The synthesis engine: W+ codes to uint8 frames by the fast generator, with the settings that suit the device."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talking.media.pixels import to_bytes
from talking.models.generator import FrameGenerator
from talking.synthesis.fast import fast_path
from talking.synthesis.fast_generator import Settings
from talking.synthesis.graphs import Execution, Network, prepared

# What the processor's caches hold: eight pictures of 128 pixels were fastest, and one at a time from 512 on.
CPU_PIXELS = 8 * 128 * 128
ACCELERATOR_BATCH = 32


def cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 by itself; elsewhere it is slower than float32."""
    checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return any(check is not None and check() for check in checks)


def settings_for(device: torch.device, execution: Execution = "eager") -> Settings:
    """Return the settings that are fastest on a device and draw the plain generator's pictures within 45 dB."""
    fused = execution == "compiled"
    if device.type == "cpu":
        return Settings(torch.bfloat16 if cpu_has_bfloat16() else torch.float32, joined_shift=not fused)
    return Settings(torch.float16, upsampling="sliced" if fused else "transposed", joined_shift=not fused)


@dataclass
class _Pending:
    """Frames on their way from the device: they may be read once `done` has happened."""

    frames: Tensor
    count: int
    done: torch.Event | None = None

    def array(self) -> np.ndarray:
        if self.done is not None:
            self.done.synchronize()
        return self.frames[: self.count].numpy()


class Engine:
    """Draws frames with one generator as it was when the engine was made.

    `execution` is `eager`; `graph`, which records the batch on an accelerator; or `compiled`, which needs a compiler
    and takes a minute: both serve long videos, and fall back to `eager` with a warning. `batch` is the number of
    frames drawn at once; `convert` turns pictures (B, 3, R, R) into bytes on the device, RGB frames by default.
    """

    def __init__(
        self,
        generator: FrameGenerator,
        settings: Settings | None = None,
        *,
        execution: Execution = "eager",
        batch: int | None = None,
        convert: Callable[[Tensor], Tensor] = to_bytes,
    ) -> None:
        self.device = next(generator.parameters()).device
        self.settings = settings or settings_for(self.device, execution)
        self.fast = fast_path(generator, self.settings)
        self.resolution, self.n_styles = generator.resolution, generator.n_styles
        self.execution, self.convert = execution, convert
        self.batch = batch or self._best_batch(generator.resolution)
        self._runner: Network | None = None

    def _best_batch(self, resolution: int) -> int:
        return max(1, CPU_PIXELS // resolution**2) if self.device.type == "cpu" else ACCELERATOR_BATCH

    def draw(self, codes: np.ndarray) -> np.ndarray:
        """Return the frames (T, R, R, 3) uint8 of codes (T, L, 512); none of no codes."""
        if not len(codes):
            return np.zeros((0, self.resolution, self.resolution, 3), np.uint8)
        return np.concatenate(list(self.stream([codes])))

    def stream(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield frames (n, R, R, 3) uint8 of chunks of codes (T, L, 512), n up to `batch` at a time, in their order.

        On an accelerator a batch is yielded while the next one is drawn. The frames do not depend on how the codes are
        cut as long as each chunk but the last holds a multiple of `batch`.
        """
        waiting: _Pending | None = None
        for codes in self._batches(chunks):
            started = self._start(codes)
            if waiting is not None:
                yield waiting.array()
            waiting = started
            if started.done is None:
                yield started.array()
                waiting = None
        if waiting is not None:
            yield waiting.array()

    def _batches(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chunk in chunks:
            yield from (chunk[at : at + self.batch] for at in range(0, len(chunk), self.batch))

    @torch.no_grad()
    def _start(self, codes: np.ndarray) -> _Pending:
        batch = torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32)).to(self.device)
        frames = self._eager(codes, batch) if self.execution == "eager" else self._run(batch)
        if frames.device.type == "cpu":
            return _Pending(frames, len(codes))
        host = torch.empty(frames.shape, dtype=frames.dtype, pin_memory=True)
        host.copy_(frames, non_blocking=True)
        done = torch.Event(frames.device)
        done.record()
        return _Pending(host, len(codes), done)

    def _eager(self, codes: np.ndarray, batch: Tensor) -> Tensor:
        constant = np.flatnonzero((codes == codes[:1]).all(axis=(0, 2))).tolist()
        if len(constant) < self.n_styles:
            return self.convert(self.fast(batch, constant))
        frames = self.convert(self.fast(batch[:1]))
        return frames.expand(len(batch), *frames.shape[1:])

    def _run(self, batch: Tensor) -> Tensor:
        whole = torch.cat([batch, batch[-1:].expand(self.batch - len(batch), -1, -1)])
        if self._runner is None:
            self._runner = prepared(lambda codes: self.convert(self.fast(codes)), whole, self.execution)
        return self._runner(whole)
