"""Several calls at a time, and in which order: the one place where a run uses threads.

How many is the control plane's ``concurrency``, or a few more (``workers``); it sees to it that
no more calls than that are under way. What needs an order asks for it itself: a piece of
work is done from its first call to its last by one thread.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from pinecone_backup.ports import ControlPlane, Ledger


def workers(control_plane: ControlPlane, ledger: Ledger) -> int:
    """How many pieces of work to do at a time that ask Pinecone and write to the ledger by turns.

    A quarter more than Pinecone takes calls: while one of them writes, another's call has its
    place. No more than that, since a piece of work that is begun waits so much longer for its own.
    """
    calls = control_plane.concurrency
    return min(calls + calls // 4, max(calls, ledger.concurrency))


def rotated[T](items: Sequence[T], at: datetime) -> list[T]:
    """The items in their order, begun elsewhere at each time, so that none is always the last.

    The same time begins at the same place.
    """
    digest = sha256(at.isoformat().encode()).digest()
    start = int.from_bytes(digest[:4]) % max(len(items), 1)
    return [*items[start:], *items[:start]]


def in_parallel[T, R](work: Callable[[T], R], items: Iterable[T], *, at_most: int) -> list[R]:
    """Do the work for every item, and return the results in the items' order.

    Items are begun in their order. After an error no further one is begun; once those under way
    have ended, the error of the first of them is raised. One at a time needs no thread.
    """
    waiting = list(items)
    if at_most <= 1 or len(waiting) <= 1:
        return [work(item) for item in waiting]
    broken = threading.Event()

    def begun(item: T) -> list[R]:
        if broken.is_set():
            return []
        try:
            return [work(item)]
        except BaseException:
            broken.set()
            raise

    with ThreadPoolExecutor(min(at_most, len(waiting))) as pool:
        running = [pool.submit(begun, item) for item in waiting]
    return [result for future in running for result in future.result()]


def both[A, B](one: Callable[[], A], other: Callable[[], B], *, at_most: int) -> tuple[A, B]:
    """Ask two different things at a time, or one after the other; errors as of ``in_parallel``."""
    asks: tuple[Callable[[], A | B], ...] = (one, other)
    answers = in_parallel(lambda ask: ask(), asks, at_most=at_most)
    return cast("tuple[A, B]", tuple(answers))
