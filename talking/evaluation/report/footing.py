"""What a table stands on, in sentences: where identity images come from, what generators saw, which frames count."""

from collections.abc import Iterable, Mapping, Sequence

from talking.corpora.roles import Span, TestClip
from talking.metrics.closure import Closure

NAMED = 12
MISSED = (
    "A frame in which the detector sees no face in a made video counts against its method in every measure of "
    "landmarks, closed lips and identity."
)


def footing(clips: Sequence[TestClip], tuned: Sequence[str]) -> list[str]:
    """Return the sentences on the clips of one group: the identity image, and what each speaker's generator saw.

    `tuned` names the methods that a generator tuned on the speaker draws.
    """
    if not clips:
        return []
    seen = {clip.speaker: clip.seen for clip in clips if clip.seen}
    later = [f"{clip.key} from frame {clip.measured_from} on" for clip in clips if clip.measured_from > 1]
    told = ["The identity image of every clip is its own first frame with a face, which no method is measured on."]
    if seen and tuned:
        told.append(
            f"The generator of {listed(tuned)} was tuned on what no method is measured on: "
            f"{listed(_tuned(speaker, spans) for speaker, spans in seen.items())}."
        )
    if later:
        told.append(f"Of a speaker with no other clip the frames after the first third are measured: {listed(later)}.")
    return told


def faces_note(faceless: Mapping[str, int], unmeasured: Sequence[str]) -> list[str]:
    """Return the sentences on frames without a true face, by clip, and on the clips that have nothing else."""
    told = []
    if count := sum(faceless.values()):
        where = listed(f"{key} ({frames})" for key, frames in faceless.items() if frames)
        told.append(f"The detector sees no face in {count} true frames, which are left out of every method: {where}.")
    if unmeasured:
        told.append(f"Not measured at all, for the detector sees no face in the true video: {listed(unmeasured)}.")
    return told


def lips_note(lips: Closure) -> list[str]:
    """Return the sentence on the true lips, which no row can be expected to better; nothing where it is not known."""
    ratios = lips.ratios
    if (j := ratios["closure_j"]) is None:
        return []
    return [
        f"The true lips' own closure J is {j:.2f} (sensitivity {ratios['closure_sensitivity']:.2f}, specificity "
        f"{ratios['closure_specificity']:.2f}): a label also touches frames in which lips are on their way."
    ]


def listed(words: Iterable[str]) -> str:
    """Return `a, b and c`, of at most `NAMED` words, and how many more there are."""
    every = list(words)
    if len(every) > NAMED:
        every = [*every[:NAMED], f"{len(every) - NAMED} more"]
    return " and ".join(part for part in (", ".join(every[:-1]), every[-1]) if part)


def _tuned(speaker: str, spans: Sequence[Span]) -> str:
    if len(spans) > 1:
        return f"{speaker} on {len(spans)} training clips"
    span = spans[0]
    part = {None: "", 1: "the first frame of "}.get(span.end, f"the first {span.end} frames of ")
    return f"{speaker} on {part}{span.key}"
