"""Which clips a model is tested on, and what each test speaker's generator is tuned on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from talking.corpora.manifest import ManifestRow
from talking.errors import TalkingError

TESTED = ("unseen", "seen")
AdaptOn = Literal["picture", "clip", "clips"]


@dataclass(frozen=True)
class Adaptation:
    """What stage two tunes a speaker's generator on: a clip, or only its first frame, or frames of `others` as well."""

    speaker: str
    key: str
    picture: bool
    others: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The clips that are looked at."""
        return (self.key, *self.others)


@dataclass(frozen=True)
class TestClip:
    """A clip that videos are made of and measured; `other` is the clip whose sound drives the row `wrong_audio`."""

    key: str
    speaker: str
    shard: str
    split: str
    other: str
    other_shard: str


def adaptations(
    rows: Iterable[ManifestRow], usable: frozenset[str], *, on: AdaptOn, splits: Sequence[str] = TESTED
) -> list[Adaptation]:
    """Return one adaptation per test speaker: a training clip where the speaker has one, else its first test clip.

    On `clips` it is all training clips where there are some, for one clip shows one pose and one light. A speaker whose
    only clip is a test clip is tuned on that clip's first frame, which is its identity image anyway.
    """
    by_speaker: dict[str, list[ManifestRow]] = {}
    for row in rows:
        if row.key in usable:
            by_speaker.setdefault(row.speaker, []).append(row)
    return [
        _adaptation(speaker, clips, on)
        for speaker, clips in by_speaker.items()
        if any(clip.split in splits for clip in clips)
    ]


def _adaptation(speaker: str, clips: list[ManifestRow], on: AdaptOn) -> Adaptation:
    first, *others = [clip for clip in clips if clip.split == "train"] or clips[:1]
    further = tuple(clip.key for clip in others) if on == "clips" else ()
    return Adaptation(speaker, first.key, on == "picture" or len(clips) == 1, further)


def test_clips(
    rows: Iterable[ManifestRow],
    usable: frozenset[str],
    tuned_on: Iterable[Adaptation],
    splits: Sequence[str] = TESTED,
) -> list[TestClip]:
    """Return the clips to measure: usable test clips on which no generator was tuned beyond the first frame.

    Each is paired with the next clip of the same split, of the same speaker where it has another, for `wrong_audio`.
    Raises `TalkingError` when fewer than two clips are left.
    """
    tuned = {key for adaptation in tuned_on if not adaptation.picture for key in adaptation.keys}
    chosen = [row for row in rows if row.split in splits and row.key in usable and row.key not in tuned]
    if len(chosen) < 2:
        raise TalkingError("Fewer than two test clips are usable: hold out more speakers or clips in params.yaml.")
    return [_test_clip(row, _other(row, chosen)) for row in chosen]


def _other(row: ManifestRow, rows: list[ManifestRow]) -> ManifestRow:
    group = [other for other in rows if other.speaker == row.speaker and other.split == row.split]
    group = group if len(group) > 1 else [other for other in rows if other.split == row.split]
    group = group if len(group) > 1 else rows
    return group[(group.index(row) + 1) % len(group)]


def _test_clip(row: ManifestRow, other: ManifestRow) -> TestClip:
    return TestClip(row.key, row.speaker, row.shard, row.split, other.key, other.shard)
