"""How far a stage is: one line that rewrites itself on a terminal, plain lines now and then in a log."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TextIO


@dataclass(frozen=True)
class Progress:
    """Shards done of all, `resumed` of them by an earlier run; clips done by this run, in `seconds`."""

    done: int
    shards: int
    resumed: int
    clips: int
    seconds: float

    @property
    def rate(self) -> float:
        """How many clips this run has done per second."""
        return self.clips / self.seconds if self.seconds else 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the last shard, if the others take as long as those that this run did."""
        mine = self.done - self.resumed
        return (self.shards - self.done) * self.seconds / mine if mine else 0.0


class ProgressLine:
    """Shows tallies under the name of a stage. Where the output is no terminal it adds a line every `every_s` s."""

    def __init__(
        self,
        name: str,
        stream: TextIO | None = None,
        every_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._stream, self._every_s, self._clock = name, stream or sys.stdout, every_s, clock
        self._terminal, self._open, self._last = self._stream.isatty(), False, -float("inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._stream.write("\n")
            self._stream.flush()

    def __call__(self, tally: Progress) -> None:
        """Show a tally; in a log, only when the one before is old, and always the last."""
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{self._text(tally)}")
            self._open = True
        elif tally.done == tally.shards or self._clock() - self._last >= self._every_s:
            self._stream.write(f"{self._text(tally)}\n")
            self._last = self._clock()
        self._stream.flush()

    def _text(self, tally: Progress) -> str:
        minutes, seconds = divmod(round(tally.left_s), 60)
        hours, minutes = divmod(minutes, 60)
        left = f"{hours}:{minutes:02d}:{seconds:02d}"
        return f"{self._name}: {tally.done}/{tally.shards} shards, {tally.rate:.1f} clips/s, {left} left"
