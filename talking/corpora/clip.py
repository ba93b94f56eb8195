"""A clip: one recording of one speaker with one utterance, and what is known of it before anything is decoded."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """A piece of an utterance, a word or a phone, from `start_s` to `end_s` in seconds of the clip's sound."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Clip:
    """One recording: `path` is its video file; words and phones are in order of time, empty where the corpus has none.

    `speaker` and `name` are letters, digits and hyphens alone, so that the key can name a member of a shard.
    """

    corpus: str
    speaker: str
    name: str
    path: Path
    sentence: str
    words: tuple[Segment, ...] = ()
    phones: tuple[Segment, ...] = ()

    @property
    def key(self) -> str:
        """The clip's name in shards and tables, such as `s1_bbaf2n`."""
        return f"{self.speaker}_{self.name}"
