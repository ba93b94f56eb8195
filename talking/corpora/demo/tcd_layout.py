"""Writes drawn clips in TCD-TIMIT's layout, since the licence of the real ones forbids passing them on to tests.

    volunteers/01M/Clips/straightcam/sa1.mp4   1920x1080 at 30 frames a second, H.264, AAC at 48 kHz
    volunteers/01M/Clips/straightcam/sa1.txt   the sentence
    volunteer_labelfiles.mlf                   phones of all clips
    volunteer_wordlabels.mlf                   words of all clips, which the real corpus lacks

The label files are HTK's master label files (The HTK Book, section 6.3): `#!MLF!#`, then for each clip its quoted path
as on the machine of the real corpus, `"Q:/Videos/TCD-TIMIT/volunteers/01M/Clips/straightcam/sa1.rec"`, a
line `start end label` for each segment in units of 100 ns, and a line with a dot. Phones are the 39 of TIMIT, with
`sil` in the quiet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talking.core.files import write_text
from talking.corpora.clip import Segment
from talking.corpora.demo.articulation import articulate
from talking.corpora.demo.casting import VOLUNTEERS, Person, check_counts, draw_person, stream
from talking.corpora.demo.renderer import Renderer
from talking.corpora.demo.speech import speak
from talking.corpora.labels import HTK_UNITS_PER_S
from talking.media.video import encode_frames

PHONES_FILE, WORDS_FILE = "volunteer_labelfiles.mlf", "volunteer_wordlabels.mlf"
_FPS = 30
_SOUND_RATE = 48_000
_ORIGIN = "Q:/Videos/TCD-TIMIT/volunteers"
_PROMPTS = {
    "sa1": "she had your dark suit in greasy wash water all year",
    "sa2": "do not ask me to carry an oily rag like that",
    "si459": "the big brown bear may jump above both of my puppies",
    "sx10": "five very fine waves move the heavy boat by the pier",
}
_TIMIT = {
    **{phone: phone for phone in "bdfklmnpstvwz"},
    **{"ɡ": "g", "g": "g", "ŋ": "ng", "θ": "th", "ð": "dh", "ʃ": "sh", "ʒ": "sh", "tʃ": "ch", "dʒ": "jh", "ɹ": "r"},
    **{
        "h": "hh",
        "j": "y",
        "iː": "iy",
        "i": "iy",
        "ɪ": "ih",
        "ɛ": "eh",
        "e": "eh",
        "a": "ae",
        "æ": "ae",
        "ɑː": "aa",
        "ɒ": "aa",
    },
    **{"ʌ": "ah", "ɐ": "ah", "ə": "ah", "ɜː": "er", "uː": "uw", "u": "uw", "ʊ": "uh", "ɔː": "aa", "oː": "aa"},
    **{"eɪ": "ey", "aɪ": "ay", "ɔɪ": "oy", "aʊ": "aw", "əʊ": "ow", "oʊ": "ow", "iə": "ih", "eə": "eh", "ʊə": "uh"},
}


@dataclass(frozen=True)
class _Take:
    """One recorded prompt: where it lies, and its labels."""

    volunteer: str
    name: str
    duration_s: float
    phones: tuple[Segment, ...]
    words: tuple[Segment, ...]


def write_tcd_layout(
    folder: Path,
    *,
    volunteers: int,
    clips: int,
    seed: int,
    width: int = 1920,
    height: int = 1080,
    duration_s: float = 4.0,
) -> None:
    """Write `clips` (at most 4) of each of `volunteers` drawn people into `folder`; smaller frames are quicker."""
    check_counts(volunteers=volunteers, clips=clips)
    takes: list[_Take] = []
    for number in range(1, volunteers + 1):
        person = draw_person(stream(seed, VOLUNTEERS, number), feminine=number % 2 == 0)
        renderer = Renderer(person.identity, width, height)
        volunteer = f"{number:02d}{'F' if person.identity.feminine else 'M'}"
        for name in list(_PROMPTS)[:clips]:
            rng = stream(seed, VOLUNTEERS, number, name)
            takes.append(_record(folder, volunteer, name, person, renderer, duration_s, rng))
    write_text(folder / PHONES_FILE, mlf_text((take, _quiet_filled(take)) for take in takes))
    write_text(folder / WORDS_FILE, mlf_text((take, take.words) for take in takes))


def _record(
    folder: Path,
    volunteer: str,
    name: str,
    person: Person,
    renderer: Renderer,
    duration_s: float,
    rng: np.random.Generator,
) -> _Take:
    utterance = speak(_PROMPTS[name], person.voice, rng, duration_s=duration_s, rate=_SOUND_RATE)
    states = articulate(utterance.phones, round(duration_s * _FPS), rng, fps=_FPS, manner=person.manner)
    home = folder / "volunteers" / volunteer / "Clips" / "straightcam"
    frames = (renderer.frame(state)[0] for state in states)
    encode_frames(
        frames,
        home / f"{name}.mp4",
        rate=_FPS,
        crf=20,
        sound=utterance.samples,
        sound_rate=utterance.rate,
        preset="fast",
    )
    write_text(home / f"{name}.txt", _PROMPTS[name] + "\n")
    return _Take(volunteer, name, duration_s, utterance.phones, utterance.words)


def mlf_text(entries: Iterable[tuple[_Take, Iterable[Segment]]]) -> str:
    """Return the text of a master label file with an entry for each take."""
    lines = ["#!MLF!#"]
    for take, segments in entries:
        lines.append(f'"{_ORIGIN}/{take.volunteer}/Clips/straightcam/{take.name}.rec"')
        lines += [f"{_units(part.start_s)} {_units(part.end_s)} {part.text}" for part in segments]
        lines.append(".")
    return "\n".join(lines) + "\n"


def _quiet_filled(take: _Take) -> Iterator[Segment]:
    """Yield the phones by TIMIT's names (an unknown one as the neutral vowel), with `sil` wherever nothing is said."""
    before = 0.0
    for phone in take.phones:
        if phone.start_s > before:
            yield Segment(before, phone.start_s, "sil")
        yield Segment(phone.start_s, phone.end_s, _TIMIT.get(phone.text, "ah"))
        before = phone.end_s
    if take.duration_s > before:
        yield Segment(before, take.duration_s, "sil")


def _units(seconds: float) -> int:
    return round(seconds * HTK_UNITS_PER_S)
