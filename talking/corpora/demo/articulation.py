"""How a face moves while it speaks: phones in time to a `FaceState` for every frame.

Lips by the model of Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every target has a
dominance that falls exponentially with the distance in time, and the mouth is the mean of the targets, weighted by
their dominance (their equations 1 to 3, with the exponent c = 1). To that comes what no mean can give: /p b m/ close
the lips. Beside the lips, eyes that blink, and a head that is nearly still, as GRID's are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talking.corpora.clip import Segment
from talking.corpora.demo.phonemes import CLOSED, REST, Viseme, visemes_of
from talking.corpora.demo.state import FaceState

_ANTICIPATION = 26.0  # 1/s: how fast dominance grows before a target; lips prepare later than they linger
_CARRY_OVER = 22.0  # 1/s: how fast it decays after
_CORE = 0.3  # share of a sound in which its target is in full force
_CLOSURE_S = 0.055  # from full closure to lips that are free again
_JAW_RATE = 14.0  # 1/s: the jaw follows its target slower than the lips
_BLINK = (0.45, 1.0, 0.75, 0.3)  # frames at 25 fps
_BLINK_EVERY_S = 3.0
_MOST_SHIFT, _MOST_ROLL_DEG = 0.005, 0.5


@dataclass(frozen=True)
class Manner:
    """How one speaker articulates: factors of the opening, the spread and the jaw, 1 for the average."""

    opening: float = 1.0
    spread: float = 1.0
    jaw: float = 1.0


@dataclass(frozen=True)
class _Targets:
    """All targets of an utterance: when each is in full force, its values and its weights, a row for each."""

    start_s: np.ndarray  # (K,)
    end_s: np.ndarray  # (K,)
    values: np.ndarray  # (K, 4): opening, jaw, teeth, spread
    weights: np.ndarray  # (K, 4)


def draw_manner(rng: np.random.Generator) -> Manner:
    """Return a random speaker's manner; people differ by some 10 %."""
    opening, spread, jaw = np.clip(rng.normal(1.0, 0.09, 3), 0.8, 1.2).tolist()
    return Manner(opening, spread, jaw)


def articulate(
    phones: Sequence[Segment], frames: int, rng: np.random.Generator, *, fps: float = 25.0, manner: Manner | None = None
) -> list[FaceState]:
    """Return the state of a speaking face for each of `frames` frames, taken at the middle of each frame.

    The lips are a function of `phones` (IPA, seconds) and `manner` alone; `rng` moves eyes and head.
    """
    manner = manner or Manner()
    times = (np.arange(frames) + 0.5) / fps
    lips = _lips(phones, times, manner)
    idle = _idle(times, fps, rng)
    return [
        FaceState(
            **{name: float(row[index]) for name, row in (lips | idle).items()},
            gaze=(float(idle_gaze[0]), float(idle_gaze[1])),
            shift=(float(shift[0]), float(shift[1])),
        )
        for index, (idle_gaze, shift) in enumerate(zip(_gaze(times, rng), _shift(times, rng), strict=True))
    ]


def _lips(phones: Sequence[Segment], times: np.ndarray, manner: Manner) -> dict[str, np.ndarray]:
    """Return opening, spread, jaw, press and teeth by name, each (T,)."""
    values = _blend(_targets(phones, float(times[-1]) + 1.0), times)  # (T, 4)
    closed = _closure(phones, times)  # (T,)
    return {
        "opening": np.clip(values[:, 0] * manner.opening, 0.0, 1.0) * (1.0 - closed),
        "spread": np.clip(values[:, 3] * manner.spread, -1.0, 1.0),
        "jaw": np.clip(_slow(values[:, 1], times) * manner.jaw, 0.0, 1.0),
        "press": closed,
        "teeth": np.clip(values[:, 2], 0.0, 1.0),
    }


def _targets(phones: Sequence[Segment], end_s: float) -> _Targets:
    """Return the targets of all phones and of the silences before, between and after them."""
    parts: list[tuple[float, float, Viseme]] = []
    before = -1.0
    for phone in phones:
        if phone.start_s > before:
            parts.append((before, phone.start_s, REST))
        parts += _parts(phone)
        before = phone.end_s
    parts.append((before, max(end_s, before), REST))
    kinds = [kind for _, _, kind in parts]
    return _Targets(
        np.array([start for start, _, _ in parts]),
        np.array([end for _, end, _ in parts]),
        np.array([(kind.opening, kind.jaw, kind.teeth, kind.spread) for kind in kinds]),
        np.array([(kind.weight, kind.weight, kind.weight, kind.shape_weight) for kind in kinds]),
    )


def _parts(phone: Segment) -> list[tuple[float, float, Viseme]]:
    """Return the targets of one phone, each with the middle of its share of the time."""
    targets = visemes_of(phone.text)
    share = (phone.end_s - phone.start_s) / len(targets)
    trim = share * (1.0 - _CORE) / 2.0
    starts = [phone.start_s + index * share for index in range(len(targets))]
    return [(start + trim, start + share - trim, target) for start, target in zip(starts, targets, strict=True)]


def _blend(targets: _Targets, times: np.ndarray) -> np.ndarray:
    """Return the mean of the targets at `times` (T,), weighted by their dominance, as (T, 4)."""
    early = np.maximum(targets.start_s - times[:, None], 0.0)  # (T, K)
    late = np.maximum(times[:, None] - targets.end_s, 0.0)
    dominance = np.exp(-_ANTICIPATION * early - _CARRY_OVER * late)[..., None] * targets.weights  # (T, K, 4)
    result: np.ndarray = (dominance * targets.values).sum(1) / dominance.sum(1)
    return result


def _closure(phones: Sequence[Segment], times: np.ndarray) -> np.ndarray:
    """Return how closed /p b m/ hold the lips, 0 to 1 (T,); exactly 1 at the frame nearest to the middle of each."""
    closed = np.zeros(len(times))
    for phone in phones:
        if phone.text in CLOSED:
            middle = (phone.start_s + phone.end_s) / 2.0
            held = (phone.end_s - phone.start_s) / 4.0
            free = np.clip((np.abs(times - middle) - held) / _CLOSURE_S, 0.0, 1.0)
            closed = np.maximum(closed, 1.0 - free * free * (3.0 - 2.0 * free))
            closed[np.argmin(np.abs(times - middle))] = 1.0
    return closed


def _slow(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return `values` (T,) passed through a low-pass of first order both ways, so that it is smooth but not late."""
    keep = float(np.exp(-_JAW_RATE * (times[1] - times[0]))) if len(times) > 1 else 0.0
    smooth = values.copy()
    for index in range(1, len(smooth)):
        smooth[index] = keep * smooth[index - 1] + (1.0 - keep) * values[index]
    for index in range(len(smooth) - 2, -1, -1):
        smooth[index] = keep * smooth[index + 1] + (1.0 - keep) * smooth[index]
    return smooth


def _idle(times: np.ndarray, fps: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return blink, brow, roll and scale by name, each (T,)."""
    return {
        "blink": _blinks(len(times), fps, rng),
        "brow": 0.12 * _drift(times, rng),
        "roll_deg": _MOST_ROLL_DEG * _drift(times, rng),
        "scale": 1.0 + 0.003 * _drift(times, rng),
    }


def _blinks(frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    shape = np.interp(np.arange(0.0, len(_BLINK) + 1.0, 25.0 / fps), range(-1, len(_BLINK) + 1), [0.0, *_BLINK, 0.0])
    blinks = np.zeros(frames)
    first = rng.exponential(_BLINK_EVERY_S) * fps
    while first < frames:
        place = slice(int(first), min(int(first) + len(shape), frames))
        blinks[place] = shape[: place.stop - place.start]
        first += len(shape) + (0.8 + rng.exponential(_BLINK_EVERY_S)) * fps
    return blinks


def _gaze(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the direction of the eyes (T, 2): at the camera, a little off, with a small jump now and then."""
    jumps = rng.random((len(times), 1)) < 0.8 * (times[1] - times[0] if len(times) > 1 else 0.0)
    fixations = np.cumsum(jumps, axis=0)[:, 0]
    places = rng.normal(0.0, (0.07, 0.04), (int(fixations[-1]) + 1, 2))
    return np.clip(places[fixations], -0.3, 0.3)


def _shift(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _MOST_SHIFT * np.stack([_drift(times, rng), _drift(times, rng)], -1)


def _drift(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return slow random motion between -1 and 1 (T,): three waves of 0.1 to 0.7 Hz."""
    rates, phases = rng.uniform(0.1, 0.7, 3), rng.uniform(0.0, 2.0 * np.pi, 3)
    waves = np.sin(2.0 * np.pi * rates * times[:, None] + phases)
    result: np.ndarray = waves @ np.array([0.5, 0.3, 0.2])
    return result
