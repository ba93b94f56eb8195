"""`talking animate`: check everything, load the models once, make the videos, and say which could not be made."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talking.app.pairs import Pair, check_pair, pairs_of
from talking.core.errors import TalkingError
from talking.media.ffmpeg import ffmpeg_binary
from talking.orchestration.params import Params

if TYPE_CHECKING:
    from talking.app.animator import Animator
    from talking.faces.face import Face

SIZE = 256
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
    source: Path, driving: Path | None, output: Path | None, models: Path, params: Params, options: Options
) -> None:
    """Make the videos that `source`, `driving` and `output` name; one that cannot be made costs itself alone.

    Raises `TalkingError` for the one pair, or at the end for those of several that failed.
    """
    if options.size is not None and (options.size < 2 or options.size % 2):
        raise TalkingError(f"--size is {options.size}: give an even number of pixels, such as 256.")
    pairs = pairs_of(source, driving, output)
    ffmpeg_binary()
    failed = _checked(pairs)
    good = [pair for pair in pairs if pair not in failed]
    if good:
        # Here, because it takes torch along, and a mistake in the names should be said at once.
        from talking.app.animator import Animator, check_models

        check_models(models)
        warnings: list[str] = []
        failed |= _make(good, Animator.load(models, params), params, options, warnings, alone=len(pairs) == 1)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
    if failed:
        reasons = " ".join(f"{pair.output.name}: {reason}" for pair, reason in failed.items())
        raise TalkingError(f"{len(failed)} of {len(pairs)} videos were not made. {reasons}")


def _checked(pairs: list[Pair]) -> dict[Pair, str]:
    """Return the pairs that cannot work, with the reason; of a single pair, raise it."""
    failed = {}
    for pair in pairs:
        try:
            check_pair(pair)
        except TalkingError as error:
            if len(pairs) == 1:
                raise
            failed[pair] = str(error)
    return failed


def _make(
    pairs: list[Pair], animator: "Animator", params: Params, options: Options, warnings: list[str], *, alone: bool
) -> dict[Pair, str]:
    """Return the pairs whose videos could not be made, with the reason; add to `warnings` what is wrong with others."""
    failed = {}
    tuned: tuple[Path, Animator] | None = None
    for pair in pairs:
        try:
            face = _face(animator, pair.source)
            speaker = animator
            if options.tune:
                # The same picture is tuned on once; several in a row speak different sounds.
                if tuned is None or tuned[0] != pair.source:
                    tuned = pair.source, animator.tuned(face, params)
                speaker = tuned[1]
            warnings += _make_one(pair, face, speaker, params, options)
        except TalkingError as error:
            if alone:
                raise
            failed[pair] = str(error)
    return failed


def _face(animator: "Animator", source: Path) -> "Face":
    face = animator.find(source)
    if face.others:
        print(f"{source}: {face.others + 1} faces were found; the largest speaks")
    return face


def _make_one(pair: Pair, face: "Face", animator: "Animator", params: Params, options: Options) -> tuple[str, ...]:
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
            crf=params.animate.crf,
            preset=params.animate.preset,
            metadata=MARK,
        )
    print(f"{pair.output}: {count} frames, marked as synthetic")
    return sound.warnings
