"""GRID's 51 words and letters as phones: where its `.align` files time the words alone, when the lips should close.

A word's time is shared out evenly among its phones (ARPAbet without stress), as a flat start of an aligner does. That
is some frames wrong within a word, and enough for lip closure, which counts frames of a bilabial whose true lips close.
"""

from collections.abc import Sequence

from talking.corpora.clip import Segment
from talking.corpora.manifest import ManifestRow

_SPOKEN = """
bin b ih n; lay l ey; place p l ey s; set s eh t; blue b l uw; green g r iy n; red r eh d; white w ay t;
at ae t; by b ay; in ih n; with w ih dh; zero z ih r ow; one w ah n; two t uw; three th r iy; four f ao r;
five f ay v; six s ih k s; seven s eh v ah n; eight ey t; nine n ay n; again ah g eh n; now n aw;
please p l iy z; soon s uw n; a ey; b b iy; c s iy; d d iy; e iy; f eh f; g jh iy; h ey ch; i ay; j jh ey;
k k ey; l eh l; m eh m; n eh n; o ow; p p iy; q k y uw; r aa r; s eh s; t t iy; u y uw; v v iy; x eh k s;
y w ay; z z eh d
"""
PHONES = {word: tuple(phones) for word, *phones in (entry.split() for entry in _SPOKEN.split(";"))}


def phones_of(row: ManifestRow) -> tuple[Segment, ...]:
    """Return a clip's phones: its labels, else those of its timed words; empty where a word is not GRID's."""
    if row.phones or not all(word.text in PHONES for word in row.words):
        return row.phones
    return spelt(row.words)


def spelt(words: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the phones of timed words, each word's time shared out evenly."""
    return tuple(phone for word in words for phone in _phones(word))


def _phones(word: Segment) -> list[Segment]:
    names = PHONES[word.text]
    each = (word.end_s - word.start_s) / len(names)
    return [
        Segment(word.start_s + place * each, word.start_s + (place + 1) * each, name)
        for place, name in enumerate(names)
    ]
