"""Work ahead in a thread: order, bounds, errors, an end."""

import threading
import time
from contextlib import closing
from itertools import islice

import pytest

from talking.core.prefetch import prefetched


def counting(made: list[int], count: int = 100, fail_at: int = -1):
    """Yield numbers and note which were made; note the end as -1."""
    try:
        for number in range(count):
            if number == fail_at:
                raise KeyError("nose")
            made.append(number)
            yield number
    finally:
        made.append(-1)


@pytest.mark.parametrize("ahead", [1, 3, 200])
def test_items_come_in_their_order(ahead: int) -> None:
    assert list(prefetched(counting([]), ahead)) == list(range(100))


def test_only_so_many_are_made_before_they_are_asked_for() -> None:
    made: list[int] = []
    with closing(prefetched(counting(made), 4)) as items:
        assert list(islice(items, 2)) == [0, 1]
        time.sleep(0.2)
        assert made == [0, 1, 2, 3, 4, 5]


def test_they_are_made_while_the_caller_works() -> None:
    made: list[int] = []
    with closing(prefetched(counting(made), 4)) as items:
        next(items)
        deadline = time.monotonic() + 10
        while len(made) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(made) == 5


def test_an_error_is_raised_at_its_place_and_the_source_is_closed() -> None:
    made: list[int] = []
    items = prefetched(counting(made, fail_at=2), 4)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(KeyError, match="nose"):
        next(items)
    assert made == [0, 1, -1]


def test_who_stops_early_leaves_no_thread_and_no_open_source() -> None:
    made: list[int] = []
    before = threading.active_count()
    with closing(prefetched(counting(made), 2)) as items:
        next(items)
    assert made[-1] == -1
    assert threading.active_count() == before
