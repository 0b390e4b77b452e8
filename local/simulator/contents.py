"""What an index holds over time: each namespace is a history, and can be seen at any moment.

Only what happened is kept: seeded records as numbers, real writes and deletes as they are.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.simulator.records import (
    EMPTY,
    NO_SEED,
    Joined,
    Overlaid,
    Record,
    Records,
    Seed,
    Seeded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEFAULT_NAMESPACE = "__default__"
"""What a request means that names no namespace, or the empty one."""


@dataclass(frozen=True, slots=True)
class Held:
    """One namespace at one moment.

    Attributes:
        records: What it holds.
        next_number: The number that the next seeded record gets.
    """

    records: Records = EMPTY
    next_number: int = 0


type Snapshot = dict[str, Held]
"""The namespaces of an index at one moment, by name: what a backup keeps."""


def counts(snapshot: Snapshot) -> dict[str, int]:
    """Records per namespace; empty namespaces are left out."""
    counted = {name: held.records.count() for name, held in snapshot.items()}
    return {name: count for name, count in counted.items() if count}


@dataclass(frozen=True, slots=True)
class Grown:
    """Seeded records were added at the end or, with a negative number, taken from there."""

    at: datetime
    records: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Records were written or, where the value is None, deleted."""

    at: datetime
    records: Mapping[str, Record | None]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The namespace was created, restored or emptied; None: it was deleted as a whole."""

    at: datetime
    held: Held | None


type Event = Grown | Changed | Replaced


@dataclass(slots=True)
class _State:
    """A namespace while its history is replayed."""

    base: Held
    top: int
    changes: dict[str, Record | None]
    exists: bool = False

    def apply(self, event: Event) -> None:
        """Take one event into account."""
        self.exists = True
        if isinstance(event, Grown):
            self._grow(event.records)
        elif isinstance(event, Changed):
            self.changes.update(event.records)
        else:
            self.exists = event.held is not None
            held = event.held or Held()
            # Numbers go on, so that no deleted record comes back with a new one.
            self.top = max(self.top, held.next_number)
            self.base, self.changes = replace(held, next_number=self.top), {}

    def _grow(self, records: int) -> None:
        floor = self.base.next_number
        before, wanted = self.top, self.top + records
        self.top = max(wanted, floor)
        affected = Seeded(NO_SEED, "", min(before, self.top), max(before, self.top))
        self.changes = {i: r for i, r in self.changes.items() if i not in affected}
        if wanted < floor:
            left = max(self.base.records.count() - (floor - wanted), 0)
            self.base = Held(self.base.records.first(left), floor)

    def held(self, seed: Seed, namespace: str) -> Held:
        """The namespace as it is now."""
        seeded = Seeded(seed, namespace, self.base.next_number, self.top)
        base = Joined(self.base.records, seeded) if self.base.records is not EMPTY else seeded
        return Held(Overlaid(base, self.changes) if self.changes else base, self.top)


class _History:
    """The events of one namespace, by time."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._seen: dict[int, Held | None] = {}

    def add(self, event: Event) -> None:
        """Note an event, also one of the past."""
        insort(self._events, event, key=lambda known: known.at)
        self._seen.clear()

    def happened(self, at: datetime) -> int:
        """How many events there were until then."""
        return bisect_right(self._events, at, key=lambda known: known.at)

    def held(self, at: datetime, seed: Seed, namespace: str) -> Held | None:
        """The namespace as it was then; None while there was none."""
        happened = self.happened(at)
        if happened not in self._seen:
            state = _State(Held(), 0, {})
            for event in self._events[:happened]:
                state.apply(event)
            self._seen[happened] = state.held(seed, namespace) if state.exists else None
        return self._seen[happened]


class Contents:
    """The namespaces of one index, from its creation on."""

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self._histories: dict[str, _History] = {}

    def add(self, namespace: str, event: Event) -> None:
        """Let something happen in a namespace; it comes into being with its first event."""
        self._histories.setdefault(namespace, _History()).add(event)

    def restore(self, snapshot: Snapshot, at: datetime) -> None:
        """Let the contents of a backup arrive."""
        for namespace, held in snapshot.items():
            self.add(namespace, Replaced(at, held))

    def namespace(self, name: str, at: datetime) -> Held | None:
        """One namespace as it was at a moment; None while there was none."""
        history = self._histories.get(name)
        return None if history is None else history.held(at, self.seed, name)

    def at(self, at: datetime) -> Snapshot:
        """All namespaces as they were at a moment, by name; those without records included."""
        seen = {name: self.namespace(name, at) for name in sorted(self._histories)}
        return {name: held for name, held in seen.items() if held is not None}

    def sequence_number(self, namespace: str, at: datetime) -> int:
        """How many writes the namespace had seen by then."""
        history = self._histories.get(namespace)
        return 0 if history is None else history.happened(at)
