"""Speech: the same samples every time, phones and words where the sound has them."""

import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.corpora.demo.espeak import Voice, synthesise
from talking.corpora.demo.speech import Utterance, draw_voice, speak
from talking.corpora.grammar import draw_names, sentence_of


def _said(sentence: str, name: str = "en+m3", seed: int = 0) -> Utterance:
    return speak(sentence, Voice(name), np.random.default_rng(seed))


def _rms(utterance: Utterance, start_s: float, end_s: float) -> float:
    piece = utterance.samples[int(start_s * utterance.rate) : int(end_s * utterance.rate)]
    return float(np.sqrt(np.mean(piece**2)))


def test_an_utterance_does_not_depend_on_what_was_spoken_before() -> None:
    voice = Voice("en+f2", speed=140, pitch=60)
    first = synthesise("bin blue AT F two now", voice)
    synthesise("place red by Q seven soon", Voice("en+m5", speed=220))
    second = synthesise("bin blue AT F two now", voice)
    assert np.array_equal(first.samples, second.samples)
    assert first.phones == second.phones


def test_the_phones_of_a_sentence_are_those_of_a_dictionary() -> None:
    phones = [phone.text for phone in _said("bin blue at f two now").phones]
    assert phones == ["b", "ɪ", "n", "b", "l", "uː", "a", "t", "ɛ", "f", "t", "uː", "n", "aʊ"]


@pytest.mark.parametrize(("letter", "phones"), [("a", ["eɪ"]), ("z", ["z", "ɛ", "d"]), ("q", ["k", "j", "uː"])])
def test_letters_are_spoken_by_their_names(letter: str, phones: list[str]) -> None:
    said = _said(f"lay green by {letter} two again")
    word = said.words[3]
    within = [phone.text for phone in said.phones if word.start_s <= phone.start_s < word.end_s]
    assert within == phones


def test_words_and_phones_follow_each_other_inside_the_clip() -> None:
    rng = np.random.default_rng(3)
    for name in draw_names(rng, 40):
        said = speak(sentence_of(name), draw_voice(rng, rng.random()), rng)
        assert [word.text for word in said.words] == sentence_of(name).split()
        for parts in (said.phones, said.words):
            times = [time for part in parts for time in (part.start_s, part.end_s)]
            assert times == sorted(times)
            assert times[0] >= 0.34
            assert times[-1] <= 2.66


def test_sound_has_the_clips_length_and_one_level_for_every_voice() -> None:
    for name in ("en+m1", "en+m7", "en+f1", "en+f4"):
        said = _said("set white in m eight please", name)
        assert said.samples.shape == (132300,)
        assert said.samples.dtype == np.float32
        assert np.abs(said.samples).max() < 1.0
        assert 0.05 < _rms(said, said.words[0].start_s, said.words[-1].end_s) < 0.11
        assert _rms(said, 0.0, 0.3) < 0.001
        assert _rms(said, 2.7, 3.0) < 0.001


def test_a_stop_begins_with_its_silent_closure() -> None:
    said = _said("lay blue by p two again")
    stop = next(phone for phone in said.phones if phone.text == "p")
    assert _rms(said, stop.start_s + 0.005, stop.start_s + 0.03) < 0.002
    assert _rms(said, stop.start_s, stop.end_s) > 0.004


def test_a_sentence_too_long_for_its_clip_is_spoken_faster() -> None:
    sentence = "place green with z seven again"
    slow = speak(sentence, Voice("en+m4", speed=90), np.random.default_rng(0))
    assert slow.words[-1].end_s - slow.words[0].start_s <= 2.3
    with pytest.raises(TalkingError, match="longer clip"):
        speak(sentence, Voice("en+m4"), np.random.default_rng(0), duration_s=1.0)


def test_an_unknown_voice_is_refused_by_name() -> None:
    with pytest.raises(TalkingError, match="en-nowhere"):
        synthesise("bin", Voice("en-nowhere"))


def test_women_speak_higher_than_men() -> None:
    rng = np.random.default_rng(0)
    low, high = (np.median([_fundamental(draw_voice(rng, femininity)) for _ in range(6)]) for femininity in (0.0, 1.0))
    assert low < 145 < high


def _fundamental(voice: Voice) -> float:
    """Return the fundamental frequency of a held vowel by autocorrelation, in Hz."""
    said = speak("lay red by o five soon", voice, np.random.default_rng(0), rate=22050)
    vowel = said.words[3]
    start = int((vowel.start_s + 0.03) * said.rate)
    piece = said.samples[start : start + 1300].astype(np.float64)
    echo = np.correlate(piece, piece, "full")[len(piece) - 1 :]
    lag = 55 + int(np.argmax(echo[55:330]))
    return said.rate / lag
