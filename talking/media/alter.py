"""Speech as if another voice said it in another room into another microphone: more voices for a training of few.

Length and timing stay, so that the lips that go with the sound stay true.
"""

import numpy as np
from scipy.signal import fftconvolve, firwin2, lfilter

from talking.media.sound_library import librosa

# Chosen so that a listener still understands every altered sentence: shares of the copies that each change is made to,
# and how far it goes.
VOICE_SHARE, VOICES = 0.7, (0.85, 1.18)  # formants and pitch, times as high
ROOM_SHARE, ROOM_S, ROOM_LEVEL = 0.5, (0.1, 0.4), (0.1, 0.6)  # reverberation time in seconds, its level to the direct
COLOUR_DB, COLOUR_BANDS, COLOUR_TAPS = 4.0, 9, 65  # standard deviation of each band's gain
NOISE_SHARE, NOISE_DB = 0.7, (8.0, 30.0)  # signal to noise


def altered(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return sound (N,) at `rate` Hz with its voice, room, colour and noise changed at random, float32 (N,)."""
    sound = samples.astype(np.float32)
    if rng.random() < VOICE_SHARE:
        sound = other_voice(sound, rate, rng.uniform(*VOICES))
    if rng.random() < ROOM_SHARE:
        sound = in_a_room(sound, round(rate * rng.uniform(*ROOM_S)), rng.uniform(*ROOM_LEVEL), rng)
    sound = coloured(sound, 10 ** (rng.normal(0, COLOUR_DB, COLOUR_BANDS) / 20))
    if rng.random() < NOISE_SHARE:
        sound = noisy(sound, rng.uniform(*NOISE_DB), rng)
    return sound.astype(np.float32)


def other_voice(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Return sound (N,) whose formants and pitch lie `factor` times as high, in the same time."""
    faster = librosa.resample(samples, orig_sr=rate, target_sr=round(rate / factor), res_type="soxr_mq")
    if len(faster) < 2:
        return samples
    slower = librosa.effects.time_stretch(faster, rate=len(faster) / len(samples), n_fft=512)
    return librosa.util.fix_length(slower, size=len(samples))


def in_a_room(samples: np.ndarray, length: int, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return sound (N,) with an echo that dies away by 60 dB in `length` samples, at `level` of the direct sound."""
    echo = rng.normal(size=length) * np.exp(-6.9 * np.arange(length) / length)
    response = level * echo / np.linalg.norm(echo)
    response[0] = 1.0
    result: np.ndarray = fftconvolve(samples, response)[: len(samples)]
    return result


def coloured(samples: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Return sound (N,) through a filter of linear phase with these gains at even steps from 0 Hz to half the rate."""
    result: np.ndarray = fftconvolve(samples, firwin2(COLOUR_TAPS, np.linspace(0, 1, len(gains)), gains), mode="same")
    return result


def noisy(samples: np.ndarray, ratio_db: float, rng: np.random.Generator) -> np.ndarray:
    """Return sound (N,) with noise between white and brown, so many decibels below it; silence stays silent."""
    noise = lfilter([1.0], [1.0, -rng.uniform(0, 0.95)], rng.normal(size=len(samples)))
    power = np.square(samples).mean() / 10 ** (ratio_db / 10)
    result: np.ndarray = samples + noise * np.sqrt(power / np.square(noise).mean())
    return result
