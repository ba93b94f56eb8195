"""Foreign values and words, made fit for a sentence: short, and without characters that a terminal would obey."""

import re
import reprlib
from typing import Any

_PLAIN_KEY = re.compile(r"[\w./-]{1,60}")
_MOST_BITS = 128


class _Short(reprlib.Repr):
    """`repr` that stops early: of a value whose whole text could fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict, self.maxset = 3, 6, 6, 6, 6
        self.maxstring, self.maxother = 80, 80

    def repr_int(self, value: int, _level: int) -> str:
        """Return a number's digits; of a very long one, whose digits Python refuses to write, how many there are."""
        if value.bit_length() <= _MOST_BITS:
            return str(value)
        return f"a number of about {int(value.bit_length() * 0.30103)} digits"


def shown(value: Any) -> str:
    """Return `repr` of any value in some three hundred characters at most, without following it to its end."""
    return printable(_Short().repr(value), 300)


def shown_key(key: Any) -> str:
    """Return a key as it is where it is a plain word, else as `shown`."""
    text = key if isinstance(key, str) else shown(key)
    return text if _PLAIN_KEY.fullmatch(text) else shown(key)


def printable(text: str, most: int = 10_000) -> str:
    """Return the text with what a terminal would obey spelt out (`\\x1b`), cut after `most` characters.

    What servers, files and their names say reaches the terminal in messages: escape sequences in it could hide or
    rewrite what stands there. Ends of lines stay.
    """
    kept = text if len(text) <= most else f"{text[:most]} ..."
    return "".join(each if each.isprintable() or each == "\n" else _spelt(each) for each in kept)


def _spelt(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
