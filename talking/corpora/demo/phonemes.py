"""What the lips do for each phone of English: its visemes, the targets that coarticulation blends.

The numbers are the eye's own, ordered as phonetics orders the sounds: how open a vowel is, how rounded, whether a
consonant closes the lips (/p b m/), puts the teeth on the lower lip (/f v/) or leaves the lips to its neighbours
(/k g h/, whose dominance is low). A diphthong is two targets, one after the other.
"""

from dataclasses import dataclass, replace

CLOSED = frozenset(("p", "b", "m"))
"""Phones whose lips touch: at one frame of each the opening is zero."""


@dataclass(frozen=True)
class Viseme:
    """The target of one sound, in the units of `FaceState`, and how strongly it asserts itself against its neighbours.

    weight: dominance of the opening, jaw and teeth; shape_weight: dominance of the spread. 1 is a vowel's.
    """

    opening: float
    spread: float
    jaw: float
    teeth: float = 0.5
    press: float = 0.0
    weight: float = 1.0
    shape_weight: float = 1.0


REST = Viseme(opening=0.0, spread=0.0, jaw=0.0, teeth=0.5, weight=1.0, shape_weight=0.6)
"""The mouth in silence: closed and at ease."""

_LIPS = Viseme(0.0, 0.0, 0.05, teeth=0.3, press=1.0, weight=1.6, shape_weight=0.25)
_BITE = Viseme(0.09, 0.05, 0.08, teeth=1.0, weight=1.5, shape_weight=0.3)
_TONGUE = Viseme(0.20, 0.15, 0.15, teeth=0.7, weight=0.55, shape_weight=0.25)
_TEETH = Viseme(0.13, 0.40, 0.05, teeth=1.0, weight=1.1, shape_weight=0.6)
_HUSH = Viseme(0.22, -0.45, 0.10, teeth=1.0, weight=1.1, shape_weight=0.9)
_BACK = Viseme(0.28, 0.0, 0.25, teeth=0.4, weight=0.35, shape_weight=0.15)
_ROUND = Viseme(0.10, -0.95, 0.12, teeth=0.1, weight=1.2, shape_weight=1.5)
_OPEN = Viseme(0.95, 0.15, 0.95, teeth=0.45)
_ROUND_CLOSE = Viseme(0.24, -0.90, 0.20, teeth=0.1)
_NEUTRAL = Viseme(0.40, 0.05, 0.38, weight=0.7, shape_weight=0.5)
_SMALL = Viseme(0.42, 0.45, 0.35, teeth=0.7)
_SPREAD = Viseme(0.34, 0.85, 0.22, teeth=0.8)
_MIDDLE = Viseme(0.66, 0.35, 0.60, teeth=0.6)
_ROUND_OPEN = Viseme(0.62, -0.55, 0.62, teeth=0.2)
_ROUND_MID = Viseme(0.45, -0.70, 0.42, teeth=0.15)

_VISEMES: dict[str, tuple[Viseme, ...]] = {
    **dict.fromkeys("pbm", (_LIPS,)),
    **dict.fromkeys("fv", (_BITE,)),
    **dict.fromkeys("tdnlɾ", (_TONGUE,)),
    **dict.fromkeys("θð", (replace(_TONGUE, opening=0.24, teeth=0.9, weight=0.9),)),
    **dict.fromkeys("sz", (_TEETH,)),
    **dict.fromkeys(("ʃ", "ʒ", "tʃ", "dʒ"), (_HUSH,)),
    **dict.fromkeys(("k", "ɡ", "g", "ŋ", "h", "x", "ʔ"), (_BACK,)),
    **dict.fromkeys("ɹr", (replace(_HUSH, opening=0.25, spread=-0.4, teeth=0.4, weight=0.8),)),
    **dict.fromkeys(("w", "ʍ"), (_ROUND,)),
    "j": (replace(_SPREAD, opening=0.24, spread=0.5, weight=0.7, shape_weight=0.6),),
    **dict.fromkeys(("iː", "i"), (_SPREAD,)),
    **dict.fromkeys(("ɪ", "ᵻ"), (_SMALL,)),
    **dict.fromkeys(("ɛ", "e"), (_MIDDLE,)),
    **dict.fromkeys(("a", "æ"), (replace(_OPEN, opening=0.9, spread=0.35),)),
    **dict.fromkeys(("ɑː", "ɑ"), (_OPEN,)),
    **dict.fromkeys(("ʌ", "ɐ"), (replace(_MIDDLE, opening=0.62, spread=0.1),)),
    **dict.fromkeys(("ə", "ɚ"), (_NEUTRAL,)),
    **dict.fromkeys(("ɜː", "ɜ"), (replace(_NEUTRAL, opening=0.45, spread=-0.25, weight=1.0),)),
    **dict.fromkeys(("uː", "u"), (_ROUND_CLOSE,)),
    "ʊ": (replace(_ROUND_CLOSE, opening=0.3, spread=-0.7),),
    **dict.fromkeys(("ɔː", "ɔ", "oː", "o"), (_ROUND_OPEN,)),
    "ɒ": (replace(_ROUND_OPEN, opening=0.75, spread=-0.3),),
    "eɪ": (_MIDDLE, _SPREAD),
    "aɪ": (_OPEN, _SMALL),
    "ɔɪ": (_ROUND_OPEN, _SMALL),
    "aʊ": (_OPEN, _ROUND_CLOSE),
    **dict.fromkeys(("əʊ", "oʊ"), (_ROUND_MID, _ROUND_CLOSE)),
    "iə": (_SPREAD, _NEUTRAL),
    "eə": (_MIDDLE, _NEUTRAL),
    "ʊə": (_ROUND_CLOSE, _NEUTRAL),
    "aɪə": (_OPEN, _SMALL, _NEUTRAL),
    "aʊə": (_OPEN, _ROUND_CLOSE, _NEUTRAL),
}


def visemes_of(phone: str) -> tuple[Viseme, ...]:
    """Return the targets of a phone in IPA without stress, in order of time; an unknown one is read by its letters."""
    for name in (phone, phone.replace("ː", "")):
        if name in _VISEMES:
            return _VISEMES[name]
    known = tuple(target for letter in phone if letter in _VISEMES for target in _VISEMES[letter])
    return known or (_NEUTRAL,)
