"""Audio windows of a sound that is still being read: those of the whole sound, in memory that does not grow with it."""

from collections.abc import Iterable, Iterator

import numpy as np

from talking.core.errors import TalkingError
from talking.media.audio import MfccConfig, cut_windows, frames_of, window_columns

# librosa raises everything to 80 dB under the loudest column of the signal. A stream does not know it yet: it has heard
# up to the column in question and LISTEN_S seconds further.
TOP_DB = 80.0
LISTEN_S = 10.0
# Columns that are computed at once. Always as many, whatever the chunks, so that these do not show in the result.
BLOCK = 100
PIECE = 16000


def stream_windows(
    samples: np.ndarray | Iterable[np.ndarray],
    rate: int,
    config: MfccConfig | None = None,
    *,
    batch: int = 32,
    listen_s: float = LISTEN_S,
) -> Iterator[np.ndarray]:
    """Yield the audio windows of a sound, float32 (batch, 12, 28), the last ones fewer, as soon as they are known.

    `samples` is mono in [-1, 1]: an array (N,) or chunks of any lengths, at any `rate` in Hz. The windows depend on the
    samples alone, not on the chunks, and there are round(25 N / rate) of them, at least one. They are those of
    `mfcc_windows` over the whole signal (at mfcc.rate) wherever the loudest column of all lies before the window's own
    or at most `listen_s` seconds after it, so always when the sound is no longer than that. Elsewhere the floor of 80
    dB under the loudest of all is not known yet, and that under the loudest heard so far takes its place.
    Raises `TalkingError` for chunks of another shape, not finite, for a sound that is empty, and for normalised MFCC.
    """
    config = config or MfccConfig()
    if config.normalise != "none":
        raise TalkingError(
            "mfcc.normalise is clip, which a sound that is still being read has no way to: train with none."
        )
    heard = _Heard(_resampled(_checked(samples), rate, config.rate))
    ahead = round(listen_s * config.rate / config.hop)
    columns = _coefficients(_raised(_decibels(heard, config), ahead), config)
    return _batches(_windows(columns, heard, config), batch)


class _Heard:
    """Chunks that pass, and how many samples have passed."""

    def __init__(self, chunks: Iterable[np.ndarray]) -> None:
        self.samples = 0
        self._chunks = chunks

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in self._chunks:
            self.samples += len(chunk)
            yield chunk
        if not self.samples:
            raise TalkingError("the sound is empty: give one that lasts a moment.")


def _checked(samples: np.ndarray | Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield pieces of at most PIECE samples, so that a large array is not copied whole at any step."""
    for chunk in [samples] if isinstance(samples, np.ndarray) else samples:
        if chunk.ndim != 1 or not np.isfinite(chunk).all():
            raise TalkingError(f"sound for audio windows must be finite and mono (N,), not {chunk.shape}.")
        for at in range(0, len(chunk), PIECE):
            yield np.asarray(chunk[at : at + PIECE], np.float32)


def _resampled(chunks: Iterator[np.ndarray], rate: int, wanted: int) -> Iterator[np.ndarray]:
    if rate < 1:
        raise TalkingError(f"the sound has {rate} samples a second: give its rate in Hz, such as 16000.")
    if rate == wanted:
        return chunks
    return _converted(chunks, rate, wanted)


def _converted(chunks: Iterator[np.ndarray], rate: int, wanted: int) -> Iterator[np.ndarray]:
    # Here, because most sounds come at the right rate.
    import soxr

    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _decibels(chunks: Iterable[np.ndarray], config: MfccConfig) -> Iterator[np.ndarray]:
    """Yield the mel spectrogram in dB (n_mels, C): column c is centred on sample c * hop."""
    edge = np.zeros(config.n_fft // 2, np.float32)
    span = max((BLOCK - 1) * config.hop + config.n_fft, BLOCK * config.hop)
    buffer = edge
    for chunk in chunks:
        buffer = np.concatenate([buffer, chunk])
        while len(buffer) >= span:
            yield _mel(buffer[: (BLOCK - 1) * config.hop + config.n_fft], config)
            buffer = buffer[BLOCK * config.hop :]
    buffer = np.concatenate([buffer, edge])
    if len(buffer) >= config.n_fft:
        yield _mel(buffer, config)


def _mel(samples: np.ndarray, config: MfccConfig) -> np.ndarray:
    # Here, because importing it takes a second.
    from talking.media.sound_library import librosa

    power = librosa.feature.melspectrogram(
        y=samples, sr=config.rate, n_fft=config.n_fft, hop_length=config.hop, n_mels=config.n_mels, center=False
    )
    result: np.ndarray = librosa.power_to_db(power, top_db=None)
    return result


def _raised(blocks: Iterator[np.ndarray], ahead: int) -> Iterator[np.ndarray]:
    """Raise each column to TOP_DB under the loudest one up to `ahead` columns after it, and hold it back until then."""
    held: np.ndarray | None = None  # (n_mels, P)
    loudest = np.full(0, -np.inf, np.float32)  # (P,) of all columns up to each of those held
    peak = np.float32(-np.inf)
    for block in blocks:
        held = block if held is None else np.concatenate([held, block], axis=1)
        loudest = np.append(loudest, np.maximum(np.maximum.accumulate(block.max(axis=0)), peak))
        peak = loudest[-1]
        ready = max(len(loudest) - ahead, 0)
        if ready:
            yield np.maximum(held[:, :ready], loudest[ahead : ahead + ready] - np.float32(TOP_DB))
            held, loudest = held[:, ready:], loudest[ready:]
    if held is not None and len(loudest):
        last = np.minimum(np.arange(len(loudest)) + ahead, len(loudest) - 1)
        yield np.maximum(held, loudest[last] - np.float32(TOP_DB))


def _coefficients(blocks: Iterator[np.ndarray], config: MfccConfig) -> Iterator[np.ndarray]:
    from talking.media.sound_library import librosa

    for block in blocks:
        yield librosa.feature.mfcc(S=block, n_mfcc=config.n_mfcc)[1:].astype(np.float32)


def _windows(blocks: Iterator[np.ndarray], heard: _Heard, config: MfccConfig) -> Iterator[np.ndarray]:
    """Yield windows (T, 12, 28) of columns (12, C): those whose last column is there, and at the end the others."""
    columns = np.zeros((config.n_mfcc - 1, 0), np.float32)
    first = done = 0  # the number of the first column held, and of the windows cut
    for block in blocks:
        columns = np.concatenate([columns, block], axis=1)
        end = first + columns.shape[1]
        index = window_columns(range(done, frames_of(heard.samples, config)), config)
        ready = int(np.searchsorted(index[:, -1], end))
        if ready:
            yield cut_windows(columns, np.maximum(index[:ready], 0) - first)
            done += ready
            keep = max(int(window_columns(range(done, done + 1), config)[0, 0]) - first, 0)
            keep = min(keep, columns.shape[1] - 1)
            columns, first = columns[:, keep:], first + keep
    rest = window_columns(range(done, frames_of(heard.samples, config)), config)
    if len(rest):
        yield cut_windows(columns, np.clip(rest, 0, first + columns.shape[1] - 1) - first)


def _batches(parts: Iterator[np.ndarray], batch: int) -> Iterator[np.ndarray]:
    """Yield arrays of `batch` rows, the last with what remains."""
    held: list[np.ndarray] = []
    for part in parts:
        held = [np.concatenate([*held, part])]
        while len(held[0]) >= batch:
            yield held[0][:batch]
            held = [held[0][batch:]]
    if held and len(held[0]):
        yield held[0]
