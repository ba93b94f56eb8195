"""eSpeak NG by its C interface: text to sound, with the phones and words and the samples at which they begin.

The library and its voices come from the `espeakng-loader` wheel. Its state lives in variables of the whole process and
one utterance leaves traces in the next (the phase of the wave, the noise), so that every call loads the library afresh
and unloads it after: the same text and voice then give the same samples, whatever was spoken before. It costs 2 ms.
Interface: `speak_lib.h`, revision 12, of github.com/espeak-ng/espeak-ng.
"""

import _ctypes
import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

from talking.core.errors import TalkingError

_SYNCHRONOUS = 2
_OPTIONS = 0x0001 | 0x0002 | 0x8000  # phoneme events, named in IPA; report missing data instead of ending the process
_WORD, _PHONEME = 1, 7
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_NOISE_SEED = 1
_LOCK = threading.Lock()


class _Identifier(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Voice:
    """An eSpeak voice: `name` such as `en+f2`, words a minute (80 to 450), pitch and its range (0 to 99)."""

    name: str
    speed: int = 150
    pitch: int = 50
    pitch_range: int = 50


@dataclass(frozen=True)
class Phone:
    """A phone: its first sample, the place of its word in the text, and its IPA name, which a pause lacks."""

    sample: int
    position: int
    ipa: str


@dataclass(frozen=True)
class Spoken:
    """What eSpeak made of a text: int16 samples (N,) at `rate`, and the phones in order of time."""

    samples: np.ndarray
    rate: int
    phones: tuple[Phone, ...]


def synthesise(text: str, voice: Voice) -> Spoken:
    """Speak `text` (ASCII): the same arguments give the same samples. Raises `TalkingError` when eSpeak refuses."""
    blocks: list[np.ndarray] = []
    phones: list[Phone] = []

    def receive(wave: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        if wave and count:
            blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        phones.extend(_phones(events))
        return 0

    callback = _Callback(receive)
    with _LOCK, _library() as (library, rate):
        library.espeak_SetSynthCallback(callback)
        _set_voice(library, voice)
        content = text.encode("ascii") + b"\0"
        _check(library.espeak_Synth(content, ctypes.c_size_t(len(content)), 0, 1, 0, _UTF8, None, None), text)
    if not blocks:
        raise TalkingError(f"eSpeak NG made no sound of {text!r} with the voice {voice.name}: give it words to speak.")
    return Spoken(np.concatenate(blocks), rate, tuple(phones))


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        # eSpeak asks for the folder that holds espeak-ng-data.
        data = Path(espeakng_loader.get_data_path()).parent
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _OPTIONS)
        if rate <= 0:
            raise TalkingError(f"eSpeak NG cannot read its voices in {data}: install the espeakng-loader wheel again.")
        library.espeak_ng_SetRandSeed(ctypes.c_long(_NOISE_SEED))
        yield library, rate
        library.espeak_Terminate()
    finally:
        _ctypes.dlclose(library._handle)


def _set_voice(library: ctypes.CDLL, voice: Voice) -> None:
    _check(library.espeak_SetVoiceByName(voice.name.encode()), voice.name)
    for parameter, value in ((_RATE, voice.speed), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
        _check(library.espeak_SetParameter(parameter, value, 0), f"{voice}")


def _check(status: int, what: str) -> None:
    if status != 0:
        raise TalkingError(f"eSpeak NG refused {what!r} (status {status}): check the voice's name and numbers.")


def _phones(events: "ctypes._Pointer[_Event]") -> Iterator[Phone]:
    index = 0
    while events[index].type:
        event = events[index]
        if event.type == _PHONEME:
            # A name of eight bytes has no terminator, so that ctypes' own reading of the string is kept to the field.
            name = bytes(event.id.string[:8]).split(b"\0")[0]
            yield Phone(event.sample, event.text_position - 1, name.decode())
        index += 1
