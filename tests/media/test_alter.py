"""Sound in other voices and rooms: what changes by how much, and that the timing stays."""

import numpy as np
import pytest
from scipy.signal import hilbert

from talking.media.alter import altered, coloured, in_a_room, noisy, other_voice

RATE = 16000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE)).astype(np.float32)


def bursts() -> np.ndarray:
    """Two tones of a tenth of a second with silence around them."""
    sound = tone(400, 1.2)
    on = np.zeros(len(sound), np.float32)
    for start in (0.3, 0.8):
        on[round(start * RATE) : round((start + 0.1) * RATE)] = 1
    return sound * on


def loudest(sound: np.ndarray) -> float:
    """The frequency of the strongest component, in Hz."""
    return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * RATE / len(sound))


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.18])
def test_another_voice_is_higher_by_the_factor_and_as_long(factor: float) -> None:
    made = other_voice(tone(500), RATE, factor)
    assert len(made) == RATE
    assert loudest(made) == pytest.approx(500 * factor, rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_changed_the_bursts_stay_where_they_are(seed: int) -> None:
    sound = bursts()
    made = altered(sound, RATE, np.random.default_rng(seed))
    assert made.shape == sound.shape and made.dtype == np.float32
    loud, before = (np.convolve(np.abs(hilbert(each)), np.ones(400) / 400, "same") for each in (made, sound))
    lags = np.arange(-800, 801, 20)
    agreement = [np.dot(np.roll(loud, -lag), before) for lag in lags]
    assert abs(lags[int(np.argmax(agreement))]) <= 0.03 * RATE, "within a frame of 25 a second"


def test_noise_has_the_ratio_that_is_asked_for() -> None:
    sound = tone(500)
    noise = noisy(sound, 12.0, np.random.default_rng(0)) - sound
    assert 10 * np.log10(np.square(sound).mean() / np.square(noise).mean()) == pytest.approx(12, abs=0.01)
    assert not noisy(np.zeros(100, np.float32), 12.0, np.random.default_rng(0)).any()


def test_a_room_answers_after_the_sound_and_never_before() -> None:
    click = np.zeros(4000)
    click[1000] = 1
    answer = in_a_room(click, 1600, 0.5, np.random.default_rng(0))
    assert answer[1000] == pytest.approx(1) and np.abs(answer[:999]).max() < 1e-9
    assert np.linalg.norm(answer[1001:]) == pytest.approx(0.5, rel=0.1)
    early, late = np.square(answer[1001:1400]).sum(), np.square(answer[2200:2599]).sum()
    assert early > 100 * late


def test_a_colour_has_the_gains_that_are_asked_for() -> None:
    gains = np.array([1.0, 1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25])
    low, high = (coloured(tone(hertz), gains)[2000:-2000].std() / tone(hertz).std() for hertz in (1000, 6500))
    assert low == pytest.approx(1, abs=0.02) and high == pytest.approx(0.25, abs=0.02)


def test_the_same_seed_gives_the_same_sound_and_another_seed_another() -> None:
    first, again, other = (altered(bursts(), RATE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
