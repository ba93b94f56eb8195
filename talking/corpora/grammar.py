"""The grammar of GRID's sentences, and the file names of six characters that stand for them.

A sentence is command, colour, preposition, letter, digit, adverb; its name is the first letter of each word, with the
digit as `1` to `9` and `z` for zero: `bbaf2n` is "bin blue at f two now". W is left out, since its name alone has
more than one syllable. Source: Cooke, Barker, Cunningham, Shao, "An audio-visual corpus for speech perception and
automatic speech recognition", J. Acoust. Soc. Am. 120(5), 2006, table I.
"""

from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np

from talking.core.errors import Rejected

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KINDS = ("command", "colour", "preposition", "letter", "digit", "adverb")
SLOTS: tuple[dict[str, str], ...] = (
    {word[0]: word for word in ("bin", "lay", "place", "set")},
    {word[0]: word for word in ("blue", "green", "red", "white")},
    {word[0]: word for word in ("at", "by", "in", "with")},
    {letter: letter for letter in ascii_lowercase if letter != "w"},
    {"z" if value == 0 else str(value): word for value, word in enumerate(_DIGITS)},
    {word[0]: word for word in ("again", "now", "please", "soon")},
)
"""The words of each place of a sentence, by their character in the name."""

_CHARACTERS: tuple[dict[str, str], ...] = tuple({word: char for char, word in slot.items()} for slot in SLOTS)
SENTENCES = int(np.prod([len(slot) for slot in SLOTS]))
"""How many sentences there are: 64 000."""


def sentence_of(name: str) -> str:
    """Return the sentence that a name of six characters stands for; one outside the grammar is `Rejected` as `name`."""
    if len(name) != len(SLOTS):
        raise Rejected(
            "name", f"{name!r} is not the name of a GRID sentence: it must have six characters, like bbaf2n."
        )
    for char, kind, slot in zip(name, KINDS, SLOTS, strict=True):
        if char not in slot:
            known = ", ".join(slot)
            raise Rejected(
                "name", f"{name!r} is not the name of a GRID sentence: {char!r} is no {kind} (one of {known})."
            )
    return " ".join(slot[char] for char, slot in zip(name, SLOTS, strict=True))


def name_of(sentence: str | Sequence[str]) -> str:
    """Return the name of a sentence, given as text or as its words; one outside the grammar is `Rejected` as `name`."""
    words = sentence.split() if isinstance(sentence, str) else list(sentence)
    if len(words) != len(SLOTS):
        raise Rejected(
            "name", f"{' '.join(words)!r} is not a GRID sentence: it must have six words, like bin blue at f two now."
        )
    for word, kind, slot in zip(words, KINDS, _CHARACTERS, strict=True):
        if word not in slot:
            known = ", ".join(slot)
            raise Rejected(
                "name", f"{' '.join(words)!r} is not a GRID sentence: {word!r} is no {kind} (one of {known})."
            )
    return "".join(slot[word] for word, slot in zip(words, _CHARACTERS, strict=True))


def draw_names(rng: np.random.Generator, n: int) -> list[str]:
    """Return `n` distinct names drawn evenly from the grammar's 64 000 sentences, in the order drawn."""
    if not 0 <= n <= SENTENCES:
        raise ValueError(f"The grammar has {SENTENCES} sentences; {n} distinct names cannot be drawn from it.")
    return [_name_at(int(index)) for index in rng.choice(SENTENCES, size=n, replace=False)]


def _name_at(index: int) -> str:
    characters = []
    for slot in reversed(SLOTS):
        index, place = divmod(index, len(slot))
        characters.append(list(slot)[place])
    return "".join(reversed(characters))
