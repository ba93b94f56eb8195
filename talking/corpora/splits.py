"""Which clips are held out: whole speakers, clips of training speakers, and clips to choose checkpoints by.

A draw ranks keys by a hash of seed, purpose and key, so that it depends neither on the order of the clips nor on other
draws, and a corpus that grows keeps most of what was drawn.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

from talking.core.errors import TalkingError
from talking.corpora.clip import Clip
from talking.corpora.listing import natural_key

SPLITS = ("train", "validation", "seen", "unseen")


def split_clips(
    clips: Iterable[Clip],
    *,
    unseen_speakers: Sequence[str],
    seen_clips: Mapping[str, int] | None = None,
    validation_speakers: Sequence[str] | int = (),
    validation_clips: int = 0,
    seed: int = 0,
) -> dict[str, str]:
    """Return the split of each clip by its key.

    - `unseen`: all clips of `unseen_speakers`;
    - `seen`: for each training speaker of `seen_clips` (speaker -> count) that many of its clips, drawn;
    - `validation`: all clips of `validation_speakers` (names, or how many to draw of those not held out otherwise), and
      `validation_clips` more, drawn from what is left of all training speakers;
    - `train`: the rest, which must not be empty.

    A name that the corpus does not have, a speaker held out twice, a count that leaves a speaker no training clip and a
    key borne by two clips are each a `TalkingError`.
    """
    by_speaker = _by_speaker(clips)
    seen_clips = dict(seen_clips or {})
    _check_known(by_speaker, unseen_speakers, "unseen_speakers")
    _check_known(by_speaker, seen_clips, "seen_clips")
    validation = _validation_speakers(by_speaker, validation_speakers, {*unseen_speakers, *seen_clips}, seed)
    for first, second in ((unseen_speakers, seen_clips), (unseen_speakers, validation), (validation, seen_clips)):
        _check_apart(first, second)
    splits = {key: "train" for keys in by_speaker.values() for key in keys}
    splits |= {key: "unseen" for speaker in unseen_speakers for key in by_speaker[speaker]}
    splits |= {key: "validation" for speaker in validation for key in by_speaker[speaker]}
    for speaker, count in seen_clips.items():
        splits |= dict.fromkeys(_draw(by_speaker[speaker], count, seed, "seen", f"seen_clips of {speaker}"), "seen")
    left = [key for key, split in splits.items() if split == "train"]
    if not left:
        raise TalkingError("No clip is left to train on: hold out fewer speakers.")
    return splits | dict.fromkeys(_draw(left, validation_clips, seed, "validation", "validation_clips"), "validation")


def _by_speaker(clips: Iterable[Clip]) -> dict[str, list[str]]:
    by_speaker: dict[str, list[str]] = {}
    seen: dict[str, Clip] = {}
    for clip in sorted(clips, key=lambda clip: (natural_key(clip.speaker), natural_key(clip.name))):
        if clip.key in seen:
            raise TalkingError(f"{seen[clip.key].path} and {clip.path} share the key {clip.key}: rename one of them.")
        seen[clip.key] = clip
        by_speaker.setdefault(clip.speaker, []).append(clip.key)
    return by_speaker


def _validation_speakers(
    by_speaker: Mapping[str, list[str]], wanted: Sequence[str] | int, taken: Collection[str], seed: int
) -> list[str]:
    if not isinstance(wanted, int):
        _check_known(by_speaker, wanted, "validation_speakers")
        return list(wanted)
    free = [speaker for speaker in by_speaker if speaker not in taken]
    return _draw(free, wanted, seed, "validation speakers", "validation_speakers") if wanted else []


def _check_known(by_speaker: Mapping[str, list[str]], names: Iterable[str], parameter: str) -> None:
    for name in names:
        if name not in by_speaker:
            have = ", ".join(by_speaker) or "none"
            raise TalkingError(f"{parameter} names {name}, which the corpus does not have: its speakers are {have}.")


def _check_apart(first: Iterable[str], second: Collection[str]) -> None:
    for name in first:
        if name in second:
            raise TalkingError(f"{name} is held out twice: take it from all but one of the lists of held-out speakers.")


def _draw(items: Sequence[str], count: int, seed: int, purpose: str, parameter: str) -> list[str]:
    if count < 0 or (count and count >= len(items)):
        raise TalkingError(
            f"{parameter} = {count}, but there are {len(items)} to draw from and one must be left to train on."
        )
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{purpose}:{item}".encode()).digest())[:count]
