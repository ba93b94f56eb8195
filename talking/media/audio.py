"""Sound: WAV files, and the MFCC windows that drive the audio encoder (thesis section 5.2)."""

import io
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from talking.core.errors import Rejected, TalkingError

_FULL_SCALE = 32768
NORMALISATIONS = ("none", "clip")
_SILENT = 1e-3
# What Python's `wave` raises on files that are damaged: a seek out of a part is a RuntimeError without words.
_UNREADABLE = (wave.Error, EOFError, OSError, RuntimeError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class MfccConfig:
    """How the windows are cut. The default is the thesis's: 0.28 s, seven frames of 25 per second, 28 steps of 10 ms.

    The short paper (MM'22) speaks of 0.2 s and five frames, still as 28 columns: `MfccConfig(hop_s=0.2 / 28)`, or
    `MfccConfig(steps=20)` for 20 columns of 10 ms. `n_mfcc` counts the first coefficient, which is dropped; `n_fft` and
    `n_mels` are not told by either source. `normalise` is `none`, or `clip`: each coefficient less its mean over the
    clip, divided by its deviation, so that microphones and rooms count for less.
    """

    rate: int = 16000  # Hz
    frame_rate: int = 25  # frames per second
    n_mfcc: int = 13
    hop_s: float = 0.01  # seconds
    steps: int = 28
    n_fft: int = 400  # samples: 25 ms
    n_mels: int = 40
    normalise: str = "none"

    def __post_init__(self) -> None:
        """Raise `TalkingError` for a value that cannot be meant."""
        for name, least in (("rate", 1), ("frame_rate", 1), ("n_mfcc", 2), ("steps", 1), ("n_fft", 2), ("n_mels", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise TalkingError(f"mfcc.{name} is {value!r}: it must be a whole number of at least {least}.")
        if not 0 < self.hop_s < 1 or self.hop < 1:
            raise TalkingError(f"mfcc.hop_s is {self.hop_s!r}: it must be a time of at least one sample, in seconds.")
        if self.normalise not in NORMALISATIONS:
            raise TalkingError(f"mfcc.normalise is {self.normalise!r}: it must be {' or '.join(NORMALISATIONS)}.")
        if self.n_mfcc > self.n_mels:
            raise TalkingError(f"mfcc.n_mfcc is {self.n_mfcc}: it must not exceed mfcc.n_mels, which is {self.n_mels}.")

    @property
    def hop(self) -> int:
        """Samples from one step to the next."""
        return round(self.hop_s * self.rate)


def mfcc_windows(samples: np.ndarray, rate: int, n_frames: int, config: MfccConfig | None = None) -> np.ndarray:
    """Return the audio window of every frame, float32 (T, 12, 28) with the default configuration.

    Frame t covers [t, t + 1) / 25 seconds. Its window is the `steps` columns of `librosa.feature.mfcc` over the whole
    signal, less the first coefficient, around the middle of the frame; by default the half-open interval of frames
    t - 3 to t + 3. Past the ends the first and the last column are repeated. `samples` is mono (N,) in [-1, 1].
    Raises `TalkingError` for sound at another rate, of another shape, empty or not finite, and for `n_frames` below 1.
    """
    config = config or MfccConfig()
    _check_sound(samples, rate, config)
    if n_frames < 1:
        raise TalkingError(f"audio windows for {n_frames} frames were asked for: there must be at least one frame.")
    columns = mfcc_columns(samples, config)  # (12, C)
    if config.normalise == "clip":
        spread = np.maximum(columns.std(axis=1, keepdims=True), _SILENT)
        columns = (columns - columns.mean(axis=1, keepdims=True)) / spread
    return cut_windows(columns, np.clip(window_columns(range(n_frames), config), 0, columns.shape[1] - 1))


def window_columns(frames: range, config: MfccConfig) -> np.ndarray:
    """Return the columns that the windows of `frames` hold, (T, 28), some of them before the first or past the last."""
    middles = np.array([_column_of(frame, config) for frame in frames], dtype=np.int64)
    return middles[:, None] - config.steps // 2 + np.arange(config.steps)


def cut_windows(columns: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return windows (T, 12, 28) float32 of columns (12, C), picked by an index (T, 28)."""
    return np.ascontiguousarray(columns[:, index].transpose(1, 0, 2), dtype=np.float32)


def frames_of(n_samples: int, config: MfccConfig) -> int:
    """Return how many frames so many samples last, rounded, and at least one."""
    return max(1, round(n_samples / config.rate * config.frame_rate))


def mfcc_columns(samples: np.ndarray, config: MfccConfig) -> np.ndarray:
    """Return the MFCC of a whole signal without the first coefficient, float32 (n_mfcc - 1, 1 + N // hop)."""
    # Here, because importing it takes a second, and most users of this module never call it.
    from talking.media.sound_library import librosa

    coefficients = librosa.feature.mfcc(
        y=np.asarray(samples, dtype=np.float32),
        sr=config.rate,
        n_mfcc=config.n_mfcc,
        n_fft=config.n_fft,
        hop_length=config.hop,
        n_mels=config.n_mels,
    )
    return coefficients[1:].astype(np.float32)


def read_wav(source: Path | bytes) -> tuple[np.ndarray, int]:
    """Return the samples, float32 mono (N,) in [-1, 1], and the rate of a 16-bit PCM WAV; channels are averaged.

    Raises `Rejected` ("undecodable") when it is not such a file.
    """
    name = str(source) if isinstance(source, Path) else "a WAV in memory"
    try:
        with wave.open(str(source) if isinstance(source, Path) else io.BytesIO(source), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except _UNREADABLE as error:
        raise Rejected("undecodable", f"{name} is not a readable WAV file: {error}") from error
    if width != 2:
        raise Rejected("undecodable", f"{name} has {8 * width} bits a sample: 16 are needed.")
    samples = np.frombuffer(content[: len(content) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    return to_float(samples.mean(axis=1)), rate


def write_wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """Return a 16-bit PCM mono WAV of `samples` (N,) in [-1, 1]; what lies outside is clipped."""
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise TalkingError(f"sound to be written must be finite and mono (N,), not {samples.shape}.")
    whole = np.clip(np.rint(samples.astype(np.float64) * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.tobytes())
    return buffer.getvalue()


def to_float(samples: np.ndarray) -> np.ndarray:
    """Return 16-bit samples, of any integer or float kind, as float32 in [-1, 1]."""
    return (samples.astype(np.float32) / _FULL_SCALE).astype(np.float32)


def _column_of(frame: int, config: MfccConfig) -> int:
    """Return the column whose time (column * hop / rate) is nearest to the middle of a frame."""
    middle = Fraction(2 * frame + 1, 2 * config.frame_rate)
    return round(middle * config.rate / config.hop)


def _check_sound(samples: np.ndarray, rate: int, config: MfccConfig) -> None:
    if rate != config.rate:
        raise TalkingError(f"the sound has {rate} Hz and mfcc.rate is {config.rate}: resample one or change the other.")
    if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
        raise TalkingError(f"sound for audio windows must be finite, mono (N,) and not empty, not {samples.shape}.")
