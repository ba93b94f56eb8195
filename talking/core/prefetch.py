"""Work ahead in a thread, a bounded number of items: decoding goes on while a model computes, and memory stays flat."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetched(items: Generator[Item, None, None], ahead: int) -> Generator[Item, None, None]:
    """Yield the items in their order, at most `ahead` of them made before they are asked for, by a thread.

    An error of `items` is raised at its place. Thread and `items` end with the iterator.
    """
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, items, end) for _ in range(max(ahead, 1)))
        try:
            while (item := coming.popleft().result()) is not end:
                coming.append(thread.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            for call in coming:
                call.cancel()
            thread.submit(items.close).result()
