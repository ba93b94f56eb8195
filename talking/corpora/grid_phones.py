"""Where GRID's phones lie: its words are 51 known ones, whose pronunciation divides the times that `.align` gives.

The corpus labels words alone. Each word's time is shared out among its phones, a vowel taking twice what a consonant
takes: good to a frame or two, which is what closed lips at /p b m/ are looked for with.
"""

from collections.abc import Iterable, Mapping

from talking.corpora.clip import Segment

VOWELS = frozenset(["aa", "ae", "ah", "ao", "aw", "ay", "eh", "ey", "ih", "iy", "ow", "uw"])
VOWEL_SHARE = 2.0
PHONES: Mapping[str, str] = {
    **{"bin": "b ih n", "lay": "l ey", "place": "p l ey s", "set": "s eh t"},
    **{"blue": "b l uw", "green": "g r iy n", "red": "r eh d", "white": "w ay t"},
    **{"at": "ae t", "by": "b ay", "in": "ih n", "with": "w ih th"},
    **{"a": "ey", "b": "b iy", "c": "s iy", "d": "d iy", "e": "iy", "f": "eh f", "g": "jh iy", "h": "ey ch"},
    **{"i": "ay", "j": "jh ey", "k": "k ey", "l": "eh l", "m": "eh m", "n": "eh n", "o": "ow", "p": "p iy"},
    **{"q": "k y uw", "r": "aa", "s": "eh s", "t": "t iy", "u": "y uw", "v": "v iy", "x": "eh k s"},
    **{"y": "w ay", "z": "z eh d"},
    **{"zero": "z ih r ow", "one": "w ah n", "two": "t uw", "three": "th r iy", "four": "f ao", "five": "f ay v"},
    **{"six": "s ih k s", "seven": "s eh v ah n", "eight": "ey t", "nine": "n ay n"},
    **{"again": "ah g eh n", "now": "n aw", "please": "p l iy z", "soon": "s uw n"},
}
"""British pronunciations of every word of the grammar, in ARPAbet."""


def phones_of(words: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return the phones of timed words of the grammar, in order; what is no such word (silence) is passed over."""
    return tuple(phone for word in words if word.text in PHONES for phone in _shared_out(word))


def _shared_out(word: Segment) -> list[Segment]:
    phones = PHONES[word.text].split()
    shares = [VOWEL_SHARE if phone in VOWELS else 1.0 for phone in phones]
    ends = [word.start_s + (word.end_s - word.start_s) * sum(shares[: n + 1]) / sum(shares) for n in range(len(phones))]
    return [Segment(start, end, phone) for start, end, phone in zip([word.start_s, *ends], ends, phones, strict=False)]
