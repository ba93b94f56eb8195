"""What tests of signals share."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeding_signals() -> Iterator[None]:
    """Let what is started meanwhile heed Ctrl-C and SIGHUP: under nohup or in the background they are ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
