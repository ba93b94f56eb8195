"""LSE-D and LSE-C: how well lips and sound agree by SyncNet (Chung & Zisserman 2016; Prajwal et al. 2020 section 4.2).

The published evaluation: 0.2 s of lips (five frames, 224 pixels) against 0.2 s of sound (20 columns of 13 MFCC at 100
Hz) that begins up to 15 frames before or after; the distance at each offset is averaged over the clip.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.fft import dct

from talking.core.errors import TalkingError
from talking.losses.trunk import read_state
from talking.media.resizing import resize_frames
from talking.metrics.unavailable import Unavailable
from talking.models.stored import check_state
from talking.models.syncnet import SyncNet

RATE = 16_000  # Hz
SAMPLES_PER_FRAME = 640
FRAMES, COLUMNS = 5, 20  # of a window: 0.2 s
COLUMNS_PER_FRAME = 4
SHIFT = 15  # frames, each way
SIDE = 224  # pixels
FILES = ("syncnet.safetensors", "syncnet_v2.model")
TINY = 1e-6  # what the published code adds to each component's difference


@dataclass(frozen=True)
class Synchrony:
    """`distance` (LSE-D, less is better), `confidence` (LSE-C, more is better), `offset` in frames of the sound."""

    distance: float
    confidence: float
    offset: int


def mfcc_of(samples: np.ndarray) -> np.ndarray:
    """Return the 13 coefficients at 100 Hz, float32 (13, C), of sound (N,) in [-1, 1] at 16 kHz.

    As `python_speech_features.mfcc` computes them from 16-bit samples, which the network was trained on: windows of
    25 ms, no taper, pre-emphasis 0.97, 26 mel filters on 512 points, an orthonormal DCT, a cepstral lifter of 22, and
    the logarithm of the window's energy for the first coefficient.
    """
    signal = np.rint(samples.astype(np.float64) * 32768)
    signal = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    power = _power(signal)  # (C, 257)
    least = np.finfo(float).eps
    energy, mel = (np.where(part == 0, least, part) for part in (power.sum(axis=1), power @ _filters().T))
    cepstrum = dct(np.log(mel), type=2, axis=1, norm="ortho")[:, :13]
    cepstrum *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    cepstrum[:, 0] = np.log(energy)
    result: np.ndarray = cepstrum.T.astype(np.float32)
    return result


def _power(signal: np.ndarray, length: int = 400, step: int = 160, points: int = 512) -> np.ndarray:
    count = 1 + max(0, -(-(len(signal) - length) // step))
    padded = np.pad(signal, (0, max(0, (count - 1) * step + length - len(signal))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[::step][:count]
    return np.abs(np.fft.rfft(windows, points)) ** 2 / points


def _filters(count: int = 26, points: int = 512) -> np.ndarray:
    """Triangles (26, 257) evenly spaced in mel from 0 Hz to 8 kHz, their corners rounded down to whole bins."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), count + 2)
    corners = np.floor((points + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE)
    bins = np.arange(points // 2 + 1)
    low, middle, high = (corners[at : at + count, None] for at in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.where((bins >= low) & (bins < middle), rising, np.where((bins >= middle) & (bins < high), falling, 0.0))


def distances(lips: np.ndarray, sound: np.ndarray, shift: int = SHIFT) -> np.ndarray:
    """Return the mean distance at each offset, float64 (2 shift + 1,), of embeddings (T, D) of lips and of sound.

    Offset `o` compares lips at frame t with sound at frame t + o - shift; beyond either end the sound is zeros, as in
    the published code.
    """
    count = min(len(lips), len(sound))
    padded = np.pad(sound[:count].astype(np.float64), ((shift, shift), (0, 0)))
    shifted = [padded[offset : offset + count] for offset in range(2 * shift + 1)]
    return np.array([_lengths(lips[:count], other).mean() for other in shifted])


def _lengths(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sqrt(((left.astype(np.float64) - right + TINY) ** 2).sum(axis=1))
    return result


def synchrony_of(means: np.ndarray) -> Synchrony:
    """Return LSE-D, the least of the mean distances, LSE-C, their median less the least, and where the least is."""
    best = int(np.argmin(means))
    confidence = float(np.median(means) - means[best])
    return Synchrony(float(means[best]), confidence, (len(means) - 1) // 2 - best)


class Sync:
    """Measures a talking face against its sound."""

    def __init__(self, network: SyncNet, *, device: str, batch: int = 8) -> None:
        self._network = network.to(device).eval().requires_grad_(False)
        self._device, self._batch = device, batch

    @torch.no_grad()
    def __call__(self, frames: np.ndarray, samples: np.ndarray) -> Synchrony | None:
        """Return the measures of aligned faces (T, R, R, 3) uint8, RGB at 25 frames/s, and sound (N,) at 16 kHz.

        None where picture or sound is shorter than a window. The face as a whole is shown, as in the published code,
        which crops around the
        detected face. Published figures are of crops by S3FD's box and
        these are of FFHQ crops: compare rows of one table, not tables.
        """
        count = min(len(frames), len(samples) // SAMPLES_PER_FRAME) - FRAMES  # one less than there are, as published
        if count < 1:
            return None
        columns, pictures = mfcc_of(samples), resize_frames(frames, SIDE)[..., ::-1]  # BGR
        lips = self._embedded(self._network.lips, count, lambda at: _lip_window(pictures, at))
        sound = self._embedded(self._network.sound, count, lambda at: _sound_window(columns, at))
        return synchrony_of(distances(lips, sound))

    def _embedded(
        self, embed: Callable[[torch.Tensor], torch.Tensor], count: int, window: Callable[[int], np.ndarray]
    ) -> np.ndarray:
        parts = []
        for start in range(0, count, self._batch):
            some = np.stack([window(at) for at in range(start, min(start + self._batch, count))])
            parts.append(embed(torch.from_numpy(some).to(self._device, torch.float32)).cpu().numpy())
        return np.concatenate(parts)


def _lip_window(pictures: np.ndarray, at: int) -> np.ndarray:
    """Frames `at` to `at` + 4 as (3, 5, 224, 224)."""
    return np.ascontiguousarray(pictures[at : at + FRAMES].transpose(3, 0, 1, 2))


def _sound_window(columns: np.ndarray, at: int) -> np.ndarray:
    """The 20 columns from frame `at` on as (1, 13, 20)."""
    return columns[None, :, at * COLUMNS_PER_FRAME : at * COLUMNS_PER_FRAME + COLUMNS]


def load_sync(folder: Path | None, *, device: str) -> Sync | Unavailable:
    """Load SyncNet from `folder`; Unavailable, with the reason, where its file is not there.

    Raises TalkingError for a file of that name that does not hold the network.
    """
    path = next((folder / name for name in FILES if (folder / name).is_file()), None) if folder else None
    if path is None:
        where = f"in {folder.name}" if folder else "as no folder of weights is set"
        return Unavailable(f"SyncNet's weights {FILES[-1]} were not found {where}")
    network = SyncNet()
    counters = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    state = counters | read_state(path)
    try:
        check_state(path, network, state)
    except TalkingError as error:
        raise TalkingError(f"{path} does not hold SyncNet ({error}): add syncnet again.") from error
    network.load_state_dict(state)
    return Sync(network, device=device)
