"""Work that is done in a thread of its own before it is asked for."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int = 1) -> Iterator[Item]:
    """The same items, of which up to `depth` more are made while one is used.

    Whoever stops early stops the making too; what went wrong in it is raised where it is asked for.
    """
    iterator = iter(items)
    worker = ThreadPoolExecutor(1)
    try:
        coming = deque(worker.submit(next, iterator, None) for _ in range(depth))
        while (item := coming.popleft().result()) is not None:
            coming.append(worker.submit(next, iterator, None))
            yield item
    finally:
        worker.shutdown(cancel_futures=True)
