"""Spoken sentences for the demo corpus: a voice per speaker, a sentence amid a clip, its phones and words."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import resample_poly

from talking.core.errors import TalkingError
from talking.corpora.clip import Segment
from talking.corpora.demo.espeak import Spoken, Voice, synthesise

_FEMININE = ("f1", "f2", "f3", "f4")
_MASCULINE = ("m1", "m2", "m3", "m4", "m5", "m6", "m7")
_STRESS = str.maketrans("", "", "ˈˌ")
_STOPS = frozenset(("p", "b", "t", "d", "k", "ɡ", "g", "tʃ", "dʒ"))
_QUIET = 64  # of 32768: below it a sample belongs to a stop's silent closure
_MIN_CLOSURE_S = 0.005
_FASTEST = 400
_LEVEL_RMS = 0.08
_NOISE_RMS = 0.0005


@dataclass(frozen=True)
class Utterance:
    """A sentence in sound: float32 samples (N,) in [-1, 1] at `rate`, phones and words in seconds of that sound."""

    samples: np.ndarray
    rate: int
    phones: tuple[Segment, ...]
    words: tuple[Segment, ...]


def draw_voice(rng: np.random.Generator, femininity: float) -> Voice:
    """Return a random English voice that fits a face; `femininity` (0 to 1) decides between the two sets of voices."""
    variants = _FEMININE if femininity > 0.5 else _MASCULINE
    return Voice(
        name=f"en+{variants[rng.integers(len(variants))]}",
        speed=int(rng.integers(125, 161)),
        pitch=int(rng.integers(35, 66)),
        pitch_range=int(rng.integers(35, 66)),
    )


def speak(
    sentence: str,
    voice: Voice,
    rng: np.random.Generator,
    *,
    duration_s: float = 3.0,
    margin_s: float = 0.35,
    rate: int = 44100,
) -> Utterance:
    """Speak a sentence in the middle of `duration_s` of sound, with at least `margin_s` of quiet before and after.

    A sentence that is too long is spoken faster. The level is the same for all; `rng` draws the faint noise of the
    room, without which the quiet would be a digital zero that no microphone gives.
    """
    spoken = _fitted(sentence, voice, duration_s - 2 * margin_s)
    phones, words = _segments(_spelled(sentence), sentence.split(), spoken)
    samples = resample_poly(spoken.samples.astype(np.float64), rate, spoken.rate)
    total = round(duration_s * rate)
    first = (total - len(samples)) // 2
    track = rng.normal(0.0, _NOISE_RMS, total)
    track[first : first + len(samples)] += samples * (_LEVEL_RMS / np.sqrt(np.mean(samples**2)))
    return Utterance(
        np.clip(track, -1.0, 1.0).astype(np.float32),
        rate,
        _shifted(phones, first / rate),
        _shifted(words, first / rate),
    )


def _fitted(sentence: str, voice: Voice, longest_s: float) -> Spoken:
    text = " ".join(_spelled(sentence))
    speed = voice.speed
    while speed <= _FASTEST:
        spoken = synthesise(text, replace(voice, speed=speed))
        length_s = len(spoken.samples) / spoken.rate
        if length_s <= longest_s:
            return spoken
        speed = max(speed + 5, int(speed * length_s / longest_s))
    raise TalkingError(f"{sentence!r} cannot be spoken within {longest_s:.2f} s: give it a longer clip.")


def _spelled(sentence: str) -> list[str]:
    """Return the words as eSpeak must read them: single letters by their names, the letter a not as the article."""
    return [{"a": "eigh"}.get(word, word.upper()) if len(word) == 1 else word for word in sentence.split()]


def _segments(spelled: list[str], words: list[str], spoken: Spoken) -> tuple[list[Segment], list[Segment]]:
    """Return phones and words of what was spoken, in seconds from its first sample; pauses are in neither."""
    starts = _starts(spoken)
    ends = [*starts[1:], len(spoken.samples)]
    phones: list[Segment] = []
    spans: dict[int, tuple[float, float]] = {}
    for phone, start, end in zip(spoken.phones, starts, ends, strict=True):
        if not phone.ipa or end <= start:
            continue
        segment = Segment(start / spoken.rate, end / spoken.rate, phone.ipa.translate(_STRESS))
        phones.append(segment)
        word = _word_at(spelled, phone.position)
        spans[word] = (spans.get(word, (segment.start_s, 0.0))[0], segment.end_s)
    return phones, _words(words, spans)


def _words(words: list[str], spans: dict[int, tuple[float, float]]) -> list[Segment]:
    """Return a segment for each word; those that eSpeak fused with the one before, as in `do not`, share its time."""
    first, segments = sorted(spans), []
    for index, after in zip(first, [*first[1:], len(words)], strict=True):
        start_s, end_s = spans[index]
        edges = np.linspace(start_s, end_s, after - index + 1).tolist()
        segments += [Segment(edges[k], edges[k + 1], words[index + k]) for k in range(after - index)]
    return segments


def _starts(spoken: Spoken) -> list[int]:
    """Return the first sample of each phone; a stop begins with its silent closure, which eSpeak puts before it."""
    starts = [phone.sample for phone in spoken.phones]
    loud = np.abs(spoken.samples.astype(np.int32)) > _QUIET
    for index in range(1, len(starts)):
        if spoken.phones[index].ipa.translate(_STRESS) in _STOPS:
            before = np.flatnonzero(loud[starts[index - 1] : starts[index]])
            quiet_from = starts[index - 1] + (int(before[-1]) + 1 if len(before) else 0)
            if starts[index] - quiet_from >= _MIN_CLOSURE_S * spoken.rate:
                starts[index] = quiet_from
    return starts


def _word_at(spelled: list[str], position: int) -> int:
    end = 0
    for index, word in enumerate(spelled):
        end += len(word) + 1
        if position < end:
            return index
    return len(spelled) - 1


def _shifted(segments: list[Segment], seconds: float) -> tuple[Segment, ...]:
    return tuple(Segment(part.start_s + seconds, part.end_s + seconds, part.text) for part in segments)
