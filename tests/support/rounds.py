"""How long a run would take, by the latency of its calls alone: no waiting, and no real clock.

``in_parallel`` is replaced by the same by a clock: the items are worked off one after the other,
each beginning when the first of so many workers is free. What is left is the longest chain of
calls, the same on every machine.
"""

from __future__ import annotations

import heapq
import sys
from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Any

from tests.support.table import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

CALLS = (
    "put_item",
    "get_item",
    "batch_get_item",
    "delete_item",
    "query",
    "transact_write_items",
)

EPSILON = 1e-9
"""Seconds; a call that ends at a moment is not under way any more."""


class Latency:
    """A clock that calls move."""

    def __init__(self) -> None:
        self.now = 0.0
        self._begun: list[float] = []

    def in_parallel[T, R](
        self, work: Callable[[T], R], items: Iterable[T], *, at_most: int
    ) -> list[R]:
        """What ``usecases.parallel.in_parallel`` does."""
        free = [self.now] * max(at_most, 1)
        results = []
        for item in items:
            self.now = heapq.heappop(free)
            results.append(work(item))
            heapq.heappush(free, self.now)
        self.now = max(free)
        return results

    def call(self, seconds: float, *, places: int) -> None:
        """Make a call that takes so long, begun when fewer than so many others are under way."""
        begun = self._begun
        ends = [other + seconds for other in begun if other + seconds > self.now]
        start = next(at for at in [self.now, *ends] if _under_way(begun, at, seconds) < places)
        insort(begun, start)
        self.now = start + seconds

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have every use case go by this clock."""
        for name, module in list(sys.modules.items()):
            if name.startswith("pinecone_backup.usecases.") and hasattr(module, "in_parallel"):
                monkeypatch.setattr(module, "in_parallel", self.in_parallel)


def _under_way(begun: list[float], at: float, seconds: float) -> int:
    """How many calls are under way at most, at any moment of one that begins now."""
    near = begun[bisect_right(begun, at - seconds + EPSILON) : bisect_left(begun, at + seconds)]
    moments = [at, *(other for other in near if other > at)]
    return max(
        sum(moment - seconds + EPSILON < other <= moment for other in near) for moment in moments
    )


class ClockedTable(MemoryTable):
    """A table each of whose calls takes so many seconds of a clock."""

    def __init__(self, latency: Latency, seconds: float) -> None:
        super().__init__()
        self._latency, self._seconds = latency, seconds

    def __getattribute__(self, name: str) -> Any:
        if name in CALLS:
            object.__getattribute__(self, "_latency").now += object.__getattribute__(
                self, "_seconds"
            )
        return super().__getattribute__(name)
