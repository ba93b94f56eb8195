"""Ended from outside: Ctrl-C, SIGTERM and SIGHUP become one exception, so that a command cleans up before it goes."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """A signal that ends the process. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"stopped by {name}")
        self.number = number

    @property
    def code(self) -> int:
        """The exit code that a shell gives to a process that ended by the signal."""
        return 128 + self.number


@contextmanager
def signals_raised() -> Iterator[None]:
    """Raise `Ended` in the main thread when a signal comes that ends the process.

    A signal that is ignored, as SIGHUP is under `nohup`, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    kept = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in kept:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def ended_by_signal(advice: str) -> Iterator[None]:
    """Run a command's work: a signal ends it, cleaned up, with one sentence that closes with `advice`, and its code."""
    try:
        with signals_raised():
            yield
    except KeyboardInterrupt as error:
        told = error if isinstance(error, Ended) else Ended(signal.SIGINT)
        print(f"\n{told}: {advice}", file=sys.stderr, flush=True)
        sys.exit(told.code)


def _raise(number: int, _: FrameType | None) -> None:
    raise Ended(number)
