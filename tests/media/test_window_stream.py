"""A stream's audio windows against those of the whole sound, by librosa over all of it."""

from collections.abc import Iterator

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.media.audio import MfccConfig, frames_of, mfcc_windows
from talking.media.window_stream import stream_windows


def bursts(count: int, seed: int = 0) -> np.ndarray:
    """Noise between silences, in which librosa's floor of 80 dB under the loudest shows."""
    noise = np.random.default_rng(seed).standard_normal(count) * 0.1
    return (noise * (np.arange(count) % 9000 > 4000)).astype(np.float32)


def joined(samples, rate: int = 16000, config: MfccConfig | None = None, **options) -> np.ndarray:
    return np.concatenate(list(stream_windows(samples, rate, config, **options)))


@settings(max_examples=12, deadline=None)
@given(count=st.integers(1, 60000), chunk=st.integers(50, 20000), seed=st.integers(0, 9))
def test_the_windows_are_those_of_the_whole_sound_whatever_the_chunks(count: int, chunk: int, seed: int) -> None:
    sound = bursts(count, seed)
    whole = mfcc_windows(sound, 16000, frames_of(count, MfccConfig()))
    streamed = joined(sound[at : at + chunk] for at in range(0, count, chunk))
    np.testing.assert_allclose(streamed, whole, atol=2e-4)
    assert np.array_equal(streamed, joined(sound)), "chunks do not show at all"


@pytest.mark.parametrize("config", [MfccConfig(n_fft=512), MfccConfig(hop_s=0.2 / 28), MfccConfig(n_fft=401, steps=5)])
def test_it_holds_for_other_windows(config: MfccConfig) -> None:
    sound = bursts(40321)
    whole = mfcc_windows(sound, 16000, frames_of(len(sound), config), config)
    np.testing.assert_allclose(joined(sound, config=config), whole, atol=2e-4)


def test_a_sound_that_grows_louder_much_later_has_the_floor_of_what_was_heard() -> None:
    sound = bursts(16000 * 6) * 0.01
    sound[-8000:] *= 100
    windows = joined(sound, listen_s=2.0)
    whole = mfcc_windows(sound, 16000, 150)
    early = mfcc_windows(sound[: 16000 * 5], 16000, 125)
    assert np.abs(windows - whole).max() > 1, "the loud end cannot be known at the beginning"
    np.testing.assert_allclose(windows[:50], early[:50], atol=2e-4)
    np.testing.assert_allclose(windows[100:], whole[100:], atol=2e-4)
    np.testing.assert_allclose(joined(sound, listen_s=6.0), whole, atol=2e-4)


def test_batches_are_full_but_the_last() -> None:
    parts = list(stream_windows(bursts(16000 * 3), 16000, batch=32))
    assert [len(part) for part in parts] == [32, 32, 11]


def test_the_first_windows_come_before_the_sound_is_read() -> None:
    read = 0

    def chunks() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(60):
            read += 1
            yield bursts(16000)

    next(stream_windows(chunks(), 16000, listen_s=10.0))
    assert read <= 13, "ten seconds ahead, a batch of 1.3 s, a block of 1 s"


def test_sound_at_another_rate_is_resampled_as_a_whole_one_is() -> None:
    sound = bursts(44100 * 2)
    whole = librosa.resample(sound, orig_sr=44100, target_sr=16000, res_type="soxr_hq")
    wanted = mfcc_windows(whole, 16000, 50)
    made = joined((sound[at : at + 5000] for at in range(0, len(sound), 5000)), 44100)
    np.testing.assert_allclose(made, wanted, atol=1e-2)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.zeros((5, 2), np.float32), "mono"),
        (np.full(5, np.nan, np.float32), "finite"),
    ],
)
def test_sound_that_cannot_be_heard_is_said_so(samples: np.ndarray, words: str) -> None:
    with pytest.raises(TalkingError, match=words):
        joined(samples)
