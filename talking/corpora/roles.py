"""Which clips a model is tested on, what each test speaker's generator is tuned on, and that neither is the other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from talking.core.errors import TalkingError
from talking.corpora.manifest import ManifestRow

TESTED = ("unseen", "seen")
# Of a stranger's only clip, the first of so many equal parts is for tuning, and the rest is measured.
PARTS = 3
AdaptOn = Literal["picture", "clip", "clips"]


@dataclass(frozen=True)
class Span:
    """Frames of a clip: the first `end` of them, or all where it is None."""

    key: str
    end: int | None = None


@dataclass(frozen=True)
class Adaptation:
    """What stage two tunes a speaker's generator on.

    `seen` is what `adapt_on` chooses. `kept` is the test clip, or the part of one, that it could choose, and of which
    no frame is measured: so the same frames are measured whatever is chosen. None where it can choose training clips
    only.
    """

    speaker: str
    seen: tuple[Span, ...]
    kept: Span | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Adaptation":
        """Return what `dataclasses.asdict` made `values` of."""
        kept = values["kept"]
        return cls(values["speaker"], _spans(values["seen"]), Span(**kept) if kept else None)


@dataclass(frozen=True)
class TestClip:
    """A clip that videos are made of and measured; `other` is the clip whose sound drives the row `wrong_audio`.

    Frames are measured from `measured_from` on, and after the identity image, the first frame that shows a face. `seen`
    is what the speaker's generator was tuned on, which is never measured. A `known` speaker has training clips.
    """

    key: str
    speaker: str
    shard: str
    split: str
    other: str
    other_shard: str
    measured_from: int = 1
    seen: tuple[Span, ...] = ()
    known: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "TestClip":
        """Return what `dataclasses.asdict` made `values` of."""
        return cls(**{**values, "seen": _spans(values["seen"])})


def _spans(values: Iterable[Mapping[str, Any]]) -> tuple[Span, ...]:
    return tuple(Span(**span) for span in values)


def adaptations(
    rows: Iterable[ManifestRow],
    usable: frozenset[str],
    *,
    on: AdaptOn,
    faces_of: Callable[[ManifestRow], np.ndarray],
    splits: Sequence[str] = TESTED,
) -> list[Adaptation]:
    """Return one adaptation per test speaker: of training clips where the speaker has some.

    On `clips` it is all of them, for one clip shows one pose and one light; on `clip` the first, on `picture` the first
    frame of that with a face. Of a stranger, all of whose clips are test clips, it is the first clip. Of a stranger's
    only clip it is the first third, or what it takes to show a face. `faces_of` says which frames of a clip show one,
    (T,) bool, and is asked where that matters.
    """
    by_speaker: dict[str, list[ManifestRow]] = {}
    for row in rows:
        if row.key in usable:
            by_speaker.setdefault(row.speaker, []).append(row)
    return [
        _adaptation(speaker, clips, on, faces_of)
        for speaker, clips in by_speaker.items()
        if any(clip.split in splits for clip in clips)
    ]


def _adaptation(
    speaker: str, clips: list[ManifestRow], on: AdaptOn, faces_of: Callable[[ManifestRow], np.ndarray]
) -> Adaptation:
    training = [Span(clip.key) for clip in clips if clip.split == "train"]
    kept = None if training else _kept(clips, faces_of)
    whole = training or ([kept] if kept else [])
    if on == "picture":
        first = next(clip for clip in clips if clip.key == whole[0].key)
        return Adaptation(speaker, (Span(first.key, _to_a_face(faces_of(first))),), kept)
    return Adaptation(speaker, tuple(whole if on == "clips" else whole[:1]), kept)


def _kept(clips: list[ManifestRow], faces_of: Callable[[ManifestRow], np.ndarray]) -> Span:
    if len(clips) > 1:
        return Span(clips[0].key)
    faces = faces_of(clips[0])
    return Span(clips[0].key, max(_to_a_face(faces), len(faces) // PARTS))


def _to_a_face(faces: np.ndarray) -> int:
    """Return how many frames of a clip it takes to show a face, at least one, of its mask (T,) bool."""
    return int(np.argmax(faces)) + 1 if len(faces) else 1


def test_clips(
    rows: Iterable[ManifestRow],
    usable: frozenset[str],
    tuned_on: Iterable[Adaptation],
    splits: Sequence[str] = TESTED,
) -> list[TestClip]:
    """Return the clips to measure: usable test clips without those that are kept for tuning.

    Each is paired for `wrong_audio` with the next such clip of the same speaker and split. Where there is none it is
    the clip that is kept, whose sound no generator learns from, and else the next clip of another speaker. Raises
    `TalkingError` when fewer than two clips are usable.
    """
    of = {adaptation.speaker: adaptation for adaptation in tuned_on}
    starts = {kept.key: kept.end for adaptation in of.values() if (kept := adaptation.kept)}
    tested = [row for row in rows if row.split in splits and row.key in usable]
    chosen = [(row, start) for row in tested if (start := starts.get(row.key, 1)) is not None]
    if not chosen or len(tested) < 2:
        raise TalkingError("Fewer than two test clips are usable: hold out more speakers or clips in params.yaml.")
    measured = [row for row, _ in chosen]
    return [_test_clip(row, _other(row, measured, tested), start, of.get(row.speaker)) for row, start in chosen]


def _other(row: ManifestRow, measured: list[ManifestRow], tested: list[ManifestRow]) -> ManifestRow:
    """Return the clip after `row` in the first of these groups that has another one."""
    groups = (
        [other for other in measured if (other.speaker, other.split) == (row.speaker, row.split)],
        [other for other in tested if (other.speaker, other.split) == (row.speaker, row.split)],
        [other for other in measured if other.split == row.split],
        tested,
    )
    group = next(group for group in groups if len(group) > 1)
    return group[(group.index(row) + 1) % len(group)]


def _test_clip(row: ManifestRow, other: ManifestRow, start: int, tuned_on: Adaptation | None) -> TestClip:
    seen, known = (tuned_on.seen, tuned_on.kept is None) if tuned_on else ((), False)
    return TestClip(row.key, row.speaker, row.shard, row.split, other.key, other.shard, start, seen, known)


def in_turn(clips: Iterable[tuple[str, str]], count: int) -> list[str]:
    """Return the keys of `count` clips of (key, speaker) pairs, taken from each speaker in turn: as many of each."""
    by_speaker: dict[str, list[str]] = {}
    for key, speaker in clips:
        by_speaker.setdefault(speaker, []).append(key)
    rounds = max(map(len, by_speaker.values()), default=0)
    ranked = [keys[turn] for turn in range(rounds) for keys in by_speaker.values() if turn < len(keys)]
    return ranked[:count]
