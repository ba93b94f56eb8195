"""Writes the demo corpus in GRID's own layout, with side files that tell the truth about every clip.

s1/bbaf2n.mpg              MPEG-1, 360x288, 25 frames a second, 75 frames; MPEG audio at 44.1 kHz
alignments/s1/bbaf2n.align a line `start end word` for each word, in 1/25000 s, `sil` before and after
phones/s1/bbaf2n.json      a list of {"start_s", "end_s", "text"}, text in IPA
truth/s1/bbaf2n.npz        landmarks (75, 68, 2) in pixels and what the face did: opening, spread, jaw ... (75,)
corpus.json                what the corpus was made with
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from talking.core.errors import TalkingError
from talking.core.files import atomic_folder, atomic_path, write_json, write_text
from talking.corpora.clip import Segment
from talking.corpora.demo.articulation import articulate
from talking.corpora.demo.casting import SPEAKERS, Person, check_counts, check_ours, draw_person, in_parallel, stream
from talking.corpora.demo.mpeg import write_mpeg
from talking.corpora.demo.renderer import Renderer
from talking.corpora.demo.speech import speak
from talking.corpora.demo.state import FaceState
from talking.corpora.grammar import draw_names, sentence_of
from talking.corpora.labels import GRID_UNITS_PER_S

CORPUS_FILE = "corpus.json"
_FPS = 25
_TRUTHS = ("opening", "spread", "jaw", "press", "teeth", "blink", "brow", "roll_deg", "scale", "gaze", "shift")


@dataclass(frozen=True)
class _Speaker:
    """All that one process needs to write one speaker's clips into `folder`."""

    folder: Path
    number: int
    clips: int
    seed: int
    width: int
    height: int
    frames: int


def write_demo_corpus(
    folder: Path,
    *,
    speakers: int,
    clips: int,
    seed: int,
    width: int = 360,
    height: int = 288,
    frames: int = 75,
    workers: int | None = None,
) -> None:
    """Write `speakers` drawn and synthetic speakers of `clips` clips each, `frames` frames long, as `folder`.

    The same arguments give the same bytes, whatever `workers` (processes; None: one a core), and the first clips of the
    first speakers stay the same when there are more of either. A folder that holds something else is left alone.
    Raises `TalkingError` for counts below 1 and odd sizes.
    """
    check_counts(speakers=speakers, clips=clips, frames=frames)
    _check_size(width, height)
    check_ours(folder, CORPUS_FILE)
    made_with = {"speakers": speakers, "clips": clips, "seed": seed, "width": width, "height": height, "frames": frames}
    with atomic_folder(folder) as unfinished:
        tasks = [_Speaker(unfinished, number, clips, seed, width, height, frames) for number in range(1, speakers + 1)]
        cast = list(in_parallel(_write_speaker, tasks, workers))
        write_json(unfinished / CORPUS_FILE, {**made_with, "cast": cast})


def _check_size(width: int, height: int) -> None:
    if width < 64 or height < 64 or width % 2 or height % 2:
        raise TalkingError(f"the demo's frames are {width}x{height}: both must be even and at least 64.")


def _write_speaker(speaker: _Speaker) -> dict[str, str | int | bool]:
    """Write all clips of one speaker; return what `corpus.json` says of it."""
    rng = stream(speaker.seed, SPEAKERS, speaker.number)
    person = draw_person(rng, feminine=speaker.number % 2 == 0)
    renderer = Renderer(person.identity, speaker.width, speaker.height)
    names = draw_names(rng, speaker.clips)
    for name in names:
        _write_clip(speaker, name, person, renderer, stream(speaker.seed, SPEAKERS, speaker.number, name))
    return {"speaker": f"s{speaker.number}", "feminine": person.identity.feminine, **asdict(person.voice)}


def _write_clip(speaker: _Speaker, name: str, person: Person, renderer: Renderer, rng: np.random.Generator) -> None:
    who, folder = f"s{speaker.number}", speaker.folder
    utterance = speak(sentence_of(name), person.voice, rng, duration_s=speaker.frames / _FPS)
    states = articulate(utterance.phones, speaker.frames, rng, fps=_FPS, manner=person.manner)
    landmarks: list[np.ndarray] = []
    write_mpeg(
        _drawn(renderer, states, landmarks),
        folder / who / f"{name}.mpg",
        width=speaker.width,
        height=speaker.height,
        sound=utterance.samples,
        sound_rate=utterance.rate,
    )
    write_text(folder / "alignments" / who / f"{name}.align", alignment_text(utterance.words, speaker.frames / _FPS))
    write_json(folder / "phones" / who / f"{name}.json", [asdict(phone) for phone in utterance.phones])
    _write_truth(folder / "truth" / who / f"{name}.npz", states, landmarks)


def _drawn(renderer: Renderer, states: list[FaceState], landmarks: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames one at a time, and keep the true landmarks of each."""
    for state in states:
        frame, points = renderer.frame(state)
        landmarks.append(points)
        yield frame


def alignment_text(words: tuple[Segment, ...], duration_s: float) -> str:
    """Return the text of an `.align` file: words without gaps between them, silence before and after."""
    units = [round(word.start_s * GRID_UNITS_PER_S) for word in words]
    units.append(round(words[-1].end_s * GRID_UNITS_PER_S))
    lines = [f"0 {units[0]} sil"]
    lines += [f"{start} {end} {word.text}" for start, end, word in zip(units, units[1:], words, strict=False)]
    return "\n".join([*lines, f"{units[-1]} {round(duration_s * GRID_UNITS_PER_S)} sil"]) + "\n"


def _write_truth(path: Path, states: list[FaceState], landmarks: list[np.ndarray]) -> None:
    known = {name: np.array([getattr(state, name) for state in states], np.float32) for name in _TRUTHS}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, landmarks=np.stack(landmarks).astype(np.float32), **known)
