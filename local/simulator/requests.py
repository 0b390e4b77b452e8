"""What has been asked of the simulator."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.simulator.faults import Call


class RequestLog:
    """Every request to a Pinecone operation, in order; control routes are not logged."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def add(self, call: Call) -> None:
        """Log a request; what was answered is filled in later."""
        self.calls.append(call)

    def counts(self, *, project: str | None = None) -> dict[str, int]:
        """How often each operation was asked, by operation id."""
        wanted = [c for c in self.calls if project is None or c.project == project]
        return dict(Counter(call.operation for call in wanted))

    def clear(self) -> None:
        """Forget all."""
        self.calls.clear()
