"""`talking animate`: check everything, load the models once, make the videos, and say which could not be made."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talking.app.pairs import Pair, check_pair, pairs_of
from talking.app.unused import Unused, unused_of
from talking.core.errors import TalkingError
from talking.core.leftovers import clean_leftovers
from talking.core.wording import printable, shown
from talking.media.ffmpeg import ffmpeg_binary
from talking.orchestration.carried import USUAL
from talking.orchestration.params import Animate, Params
from talking.orchestration.tuning import Tuning

if TYPE_CHECKING:
    from talking.app.animator import Animator
    from talking.faces.face import Face

SIZE = 256
# The longest side of a video, pixels: few players show wider H.264, and each frame takes memory by its square.
MOST = 4096
# The longer side of a pasted video, pixels, where none is asked for: larger ones play badly.
LONGEST = 1920


@dataclass(frozen=True)
class Options:
    """How the videos are made. size: pixels of the side, of the longer one with `paste`; None: SIZE, or LONGEST."""

    size: int | None = None
    tune: bool = False
    paste: bool = False
    mark: bool = False


def animate(
    source: Path, driving: Path | None, output: Path | None, models: Path, params: Params | None, options: Options
) -> None:
    """Make the videos that `source`, `driving` and `output` name; one that cannot be made costs itself alone.

    `params` None: the models themselves say how they are used.

    Raises `TalkingError` for the one pair, or at the end for those of several that failed, and for files of the folders
    that cannot be read. What else the folders held is told.
    """
    if options.size is not None and (options.size not in range(2, MOST + 1) or options.size % 2):
        raise TalkingError(f"--size is {shown(options.size)}: give an even number of pixels up to {MOST}, such as 256.")
    pairs = pairs_of(source, driving, output)
    ffmpeg_binary()
    failed = _checked(pairs)
    good = [pair for pair in pairs if pair not in failed]
    if good:
        # Here, because it takes torch along, and a mistake in the names should be said at once.
        from talking.app.animator import Animator, check_models

        check_models(models)
        warnings: list[str] = []
        animator = Animator.load(models)
        failed |= _make(good, animator, models, params, options, warnings, alone=len(pairs) == 1)
        for warning in warnings:
            print(f"warning: {printable(warning)}", file=sys.stderr)
    _tell(failed, len(pairs), unused_of(source, driving, pairs))


def _tell(failed: dict[Pair, str], count: int, unused: Unused) -> None:
    """Say at the end what was not used, and raise `TalkingError` where something could not be made or read."""
    for sentence in unused.others:
        print(f"not used: {printable(sentence)}", file=sys.stderr)
    reasons = [f"{pair.output.name}: {reason}" for pair, reason in failed.items()]
    told = [f"{len(failed)} of {count} videos were not made."] * bool(failed) + reasons
    told += [f"not read: {sentence}" for sentence in unused.broken]
    if told:
        raise TalkingError(" ".join(told))


def _reason(pair: Pair, error: Exception, *, alone: bool) -> str:
    """Return why a pair failed, in a sentence; of a single pair, raise it."""
    if alone and isinstance(error, TalkingError):
        raise error
    said = str(error)
    if not isinstance(error, TalkingError | OSError):
        said = f"{type(error).__name__} ({' '.join(said.split())}) ended {pair.source} with {pair.driving}."
    if alone:
        raise TalkingError(said) from error
    return said


def _checked(pairs: list[Pair]) -> dict[Pair, str]:
    """Return the pairs that cannot work, with the reason; of a single pair, raise it."""
    failed = {}
    for pair in pairs:
        try:
            check_pair(pair)
            clean_leftovers(pair.output.parent)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are made
            failed[pair] = _reason(pair, error, alone=len(pairs) == 1)
    return failed


def _make(
    pairs: list[Pair],
    animator: "Animator",
    models: Path,
    params: Params | None,
    options: Options,
    warnings: list[str],
    *,
    alone: bool,
) -> dict[Pair, str]:
    """Return the pairs whose videos could not be made, with the reason; add to `warnings` what is wrong with others."""
    failed = {}
    tuning = Tuning.load(models) if options.tune else None
    tuned: tuple[Path, Animator] | None = None
    for pair in pairs:
        try:
            face = _face(animator, pair.source)
            speaker = animator
            if tuning:
                # The same picture is tuned on once; several in a row speak different sounds.
                if tuned is None or tuned[0] != pair.source:
                    tuned = pair.source, animator.tuned(face, tuning)
                speaker = tuned[1]
            warnings += _make_one(pair, face, speaker, params.animate if params else USUAL, options)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are made
            failed[pair] = _reason(pair, error, alone=alone)
    return failed


def _face(animator: "Animator", source: Path) -> "Face":
    face = animator.find(source)
    if face.others:
        print(f"{source}: {face.others + 1} faces were found; the largest speaks")
    return face


def _make_one(pair: Pair, face: "Face", animator: "Animator", wanted: Animate, options: Options) -> tuple[str, ...]:
    """Make one video; return sentences on what of the sound could not be read."""
    from talking.app.label import labelled
    from talking.app.progress import told
    from talking.media.driving_sound import decoded_sound
    from talking.media.film import write_film
    from talking.systems.mm22.predict import MARK

    rate = animator.mfcc.rate
    size = options.size or (LONGEST if options.paste else SIZE)
    with decoded_sound(pair.driving, rate) as sound:
        frames: Iterator[np.ndarray] = animator.animate(face, sound.pieces(), rate, size=size, paste=options.paste)
        if options.mark:
            frames = (labelled(frame) for frame in frames)
        count = write_film(
            told(frames, pair.output.name, sys.stderr),
            pair.output,
            sound=sound.film,
            crf=wanted.crf,
            preset=wanted.preset,
            metadata=MARK,
        )
    print(f"{pair.output}: {count} frames, marked as synthetic")
    return sound.warnings
