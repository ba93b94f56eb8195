"""Synthetic speech with exact mouth shapes: what an audio encoder can learn to hear from, in any amount."""

from dataclasses import dataclass

import numpy as np

from talking.corpora.demo.articulation import articulate
from talking.corpora.demo.espeak import Voice
from talking.corpora.demo.speech import speak
from talking.corpora.grammar import draw_names, sentence_of
from talking.media.audio import MfccConfig, mfcc_windows
from talking.media.sound_library import librosa

FPS = 25
# What is told of a mouth, in the order of the columns; `FaceState` says what each is.
SHAPE = ("opening", "spread", "jaw", "press", "teeth")
# Syllables of which words that no language has are made, so that every sound is heard beside every other.
ONSETS = (
    *("p", "b", "t", "d", "k", "g", "f", "v", "th", "s", "z", "sh", "m", "n", "l", "r", "w", "y", "ch", "j", "h"),
    *("bl", "st", "tr", "gr", "pl", "sp", "fl"),
)
RHYMES = ("a", "e", "i", "o", "u", "ee", "oo", "ai", "ow", "ar", "er", "or", "oy")
CODAS = ("n", "t", "s", "m", "p", "b", "k", "")
VOICES = (*(f"en+f{number}" for number in range(1, 5)), *(f"en+m{number}" for number in range(1, 8)), "en-us", "en")


@dataclass(frozen=True)
class Utterances:
    """How utterances are drawn: half are sentences of GRID's grammar, half words that no language has.

    `seconds` of each; `speed`, `pitch`: the least and the most of eSpeak's units; `noise_share` of them get noise of
    `noise_db` decibels of signal to noise.
    """

    seconds: float
    speed: tuple[float, float]
    pitch: tuple[float, float]
    noise_share: float
    noise_db: tuple[float, float]


def utter(number: int, seed: int, drawn: Utterances, config: MfccConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (T, 12, 28) and mouth shapes (T, 5) of utterance `number`, which it and the seed alone decide."""
    rng = np.random.default_rng((seed, number))
    pitch, pitch_range = (_between(drawn.pitch, rng) for _ in range(2))
    voice = Voice(str(rng.choice(VOICES)), _between(drawn.speed, rng), pitch, pitch_range)
    sentence = sentence_of(draw_names(rng, 1)[0]) if rng.random() < 0.5 else nonsense(rng)
    frames = round(drawn.seconds * FPS)
    spoken = speak(sentence, voice, rng, duration_s=drawn.seconds)
    states = articulate(spoken.phones, frames, rng, fps=FPS)
    shapes = np.array([[getattr(state, name) for name in SHAPE] for state in states], np.float32)
    sound = librosa.resample(spoken.samples, orig_sr=spoken.rate, target_sr=config.rate, res_type="soxr_mq")
    if rng.random() < drawn.noise_share:
        level = np.sqrt(np.square(sound).mean() / 10 ** (rng.uniform(*drawn.noise_db) / 10))
        sound = sound + level * rng.normal(size=len(sound))
    return mfcc_windows(sound.astype(np.float32), config.rate, frames, config), shapes


def nonsense(rng: np.random.Generator) -> str:
    """Return three to five words of one or two syllables that no language has."""

    def word() -> str:
        syllables = (rng.choice(ONSETS) + rng.choice(RHYMES) for _ in range(rng.integers(1, 3)))
        return "".join(syllables) + str(rng.choice(CODAS))

    return " ".join(word() for _ in range(rng.integers(3, 6)))


def _between(ends: tuple[float, float], rng: np.random.Generator) -> int:
    """Return a whole number from the first end up to, and without, the second."""
    return int(rng.integers(int(ends[0]), int(ends[1])))
