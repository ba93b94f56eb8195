"""Synthetic speech with exact mouth shapes: what an utterance depends on, and that sound and mouth belong together."""

import numpy as np
import pytest

from talking.media.audio import MfccConfig
from talking.systems.mm22.utterances import SHAPE, Utterances, nonsense, utter

DRAWN = Utterances(3.0, (110, 190), (20, 85), 0.5, (10, 35))
CONFIG = MfccConfig(n_fft=512)


@pytest.fixture(scope="module")
def spoken() -> list[tuple[np.ndarray, np.ndarray]]:
    """A dozen utterances."""
    return [utter(number, 7, DRAWN, CONFIG) for number in range(12)]


def test_every_frame_has_a_window_and_a_shape(spoken: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for windows, shapes in spoken:
        assert windows.shape == (75, 12, 28) and shapes.shape == (75, len(SHAPE))
        assert np.isfinite(windows).all() and np.isfinite(shapes).all()


def test_an_utterance_depends_on_its_number_and_the_seed_alone() -> None:
    first, again = utter(3, 7, DRAWN, CONFIG), utter(3, 7, DRAWN, CONFIG)
    np.testing.assert_array_equal(first[0], again[0])
    for other in (utter(4, 7, DRAWN, CONFIG), utter(3, 8, DRAWN, CONFIG)):
        assert np.abs(first[0] - other[0]).max() > 1


def test_the_mouth_rests_in_the_quiet_and_moves_in_speech(spoken: list[tuple[np.ndarray, np.ndarray]]) -> None:
    opening = np.stack([shapes[:, SHAPE.index("opening")] for _, shapes in spoken])  # (N, T)
    assert opening[:, :4].max() < 0.05, "at least a third of a second is quiet before"
    assert opening.std(axis=1).min() > 0.1 and opening.min() >= 0 and opening.max() <= 1


def test_the_sound_tells_the_opening_when_they_are_read_side_by_side(
    spoken: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    windows, opening = (np.concatenate(part) for part in zip(*((w, s[:, 0]) for w, s in spoken), strict=True))
    inputs = np.column_stack([windows.reshape(len(windows), -1)[:, ::7], np.ones(len(windows))])
    half = len(inputs) // 2

    def told(shift: int) -> float:
        target = np.roll(opening, shift)
        weights = np.linalg.lstsq(inputs[:half], target[:half], rcond=None)[0]
        return float(np.corrcoef(inputs[half:] @ weights, target[half:])[0, 1])

    assert told(0) > 0.6 and told(0) > told(10) + 0.1


def test_nonsense_is_three_to_five_words_of_letters() -> None:
    rng = np.random.default_rng(0)
    sentences = [nonsense(rng).split() for _ in range(50)]
    assert {len(words) for words in sentences} == {3, 4, 5}
    assert all(word.isalpha() and word.islower() for words in sentences for word in words)
