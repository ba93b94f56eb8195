"""Articulation: lips that follow the sound, closed where the sound closes them, and a head that is nearly still."""

import numpy as np
import pytest

from talking.corpora.clip import Segment
from talking.corpora.demo.articulation import Manner, articulate, draw_manner
from talking.corpora.demo.espeak import Voice
from talking.corpora.demo.phonemes import CLOSED, visemes_of
from talking.corpora.demo.speech import draw_voice, speak
from talking.corpora.grammar import draw_names, sentence_of

FRAMES, FPS = 75, 25
TIMES = (np.arange(FRAMES) + 0.5) / FPS


def _openings(phones: tuple[Segment, ...]) -> np.ndarray:
    return np.array([state.opening for state in articulate(phones, FRAMES, np.random.default_rng(0))])


def _held(phone: str, field: str, seconds: float = 0.3) -> float:
    """Return a field of the state in the middle of one phone held between two silences."""
    states = articulate((Segment(1.5 - seconds / 2, 1.5 + seconds / 2, phone),), FRAMES, np.random.default_rng(0))
    return float(getattr(states[37], field))


def test_every_bilabial_closes_the_lips_fully_at_the_frame_nearest_to_its_middle() -> None:
    rng, closures = np.random.default_rng(1), 0
    for name in draw_names(rng, 40):
        phones = speak(sentence_of(name), draw_voice(rng, rng.random()), rng).phones
        openings = _openings(phones)
        for phone in (phone for phone in phones if phone.text in CLOSED):
            assert openings[np.argmin(np.abs(TIMES - (phone.start_s + phone.end_s) / 2))] == 0.0
            closures += 1
    assert closures > 40


def test_lips_open_when_the_sound_is_loud() -> None:
    rng = np.random.default_rng(2)
    for name in draw_names(rng, 20):
        said = speak(sentence_of(name), draw_voice(rng, rng.random()), rng)
        loudness = np.sqrt((said.samples.reshape(FRAMES, -1) ** 2).mean(1))
        assert np.corrcoef(_openings(said.phones), loudness)[0, 1] > 0.5


def test_the_mouth_is_closed_in_silence() -> None:
    said = speak("bin blue at f two now", Voice("en+m3"), np.random.default_rng(0))
    quiet = (said.phones[0].start_s - 0.2 > TIMES) | (said.phones[-1].end_s + 0.25 < TIMES)
    assert quiet.sum() > 20
    assert _openings(said.phones)[quiet].max() < 0.005
    assert _openings(()).max() == 0.0


def test_vowels_order_the_mouth_as_phonetics_does() -> None:
    assert _held("ɑː", "opening") > _held("ɛ", "opening") > _held("ɪ", "opening") > _held("uː", "opening") > 0.15
    assert _held("iː", "spread") > 0.6
    assert -0.2 < _held("ɑː", "spread") < 0.3
    assert _held("uː", "spread") < -0.5
    assert _held("w", "spread") < -0.7
    assert _held("f", "teeth") > 0.9
    assert 0.0 < _held("v", "opening") < 0.15
    assert _held("m", "press") == 1.0


def test_a_sound_takes_on_its_neighbours() -> None:
    """The same /t/ is wider open between open vowels than between close ones (Cohen and Massaro 1993, figure 3)."""

    def middle(vowel: str) -> float:
        phones = (Segment(1.3, 1.45, vowel), Segment(1.45, 1.55, "t"), Segment(1.55, 1.7, vowel))
        return float(_openings(phones)[37])

    assert middle("ɑː") > middle("iː") + 0.1


def test_lips_depend_on_the_sound_alone_and_the_rest_on_the_random_stream() -> None:
    phones = speak("set red by m nine soon", Voice("en+f1"), np.random.default_rng(0)).phones
    one, two = (articulate(phones, FRAMES, np.random.default_rng(seed)) for seed in (1, 2))
    lips = [(state.opening, state.spread, state.jaw, state.press, state.teeth) for state in one]
    assert lips == [(state.opening, state.spread, state.jaw, state.press, state.teeth) for state in two]
    assert [state.roll_deg for state in one] != [state.roll_deg for state in two]
    assert one == articulate(phones, FRAMES, np.random.default_rng(1))


def test_the_head_is_nearly_still_and_the_eyes_blink_now_and_then() -> None:
    blinks = 0
    for seed in range(30):
        states = articulate((), FRAMES, np.random.default_rng(seed))
        shift = np.array([state.shift for state in states])
        roll = np.array([state.roll_deg for state in states])
        blink = np.array([state.blink for state in states])
        assert np.abs(shift).max() <= 0.005
        assert np.abs(roll).max() < 1.0
        assert np.abs(np.diff(roll)).max() < 0.1
        assert np.abs([state.gaze for state in states]).max() <= 0.3
        blinks += int(((blink[1:] > 0.9) & (blink[:-1] <= 0.9)).sum())
    assert 10 <= blinks <= 45  # 90 s of film


def test_all_fields_stay_in_their_ranges_for_every_manner() -> None:
    rng = np.random.default_rng(5)
    for name in draw_names(rng, 10):
        phones = speak(sentence_of(name), draw_voice(rng, 0.0), rng).phones
        for state in articulate(phones, FRAMES, rng, manner=draw_manner(rng)):
            for field in ("opening", "jaw", "press", "teeth", "blink"):
                assert 0.0 <= getattr(state, field) <= 1.0
            assert -1.0 <= state.spread <= 1.0


def test_a_speaker_who_articulates_widely_opens_the_mouth_wider() -> None:
    phones = (Segment(1.3, 1.7, "ɛ"),)
    small, large = (
        max(
            state.opening
            for state in articulate(phones, FRAMES, np.random.default_rng(0), manner=Manner(opening=factor))
        )
        for factor in (0.8, 1.2)
    )
    assert large == pytest.approx(1.5 * small)


def test_every_phone_of_the_grammar_has_its_own_entry() -> None:
    rng = np.random.default_rng(6)
    neutral = visemes_of("?")
    for name in draw_names(rng, 60):
        for phone in speak(sentence_of(name), draw_voice(rng, 0.0), rng).phones:
            assert phone.text == "ə" or visemes_of(phone.text) != neutral
