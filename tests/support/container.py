"""Stand-ins for the outside that unit tests give to use cases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    PolicyConflict,
    PolicyInvalid,
    PolicyMissing,
    StoreUnavailable,
    SubjectUnknown,
)
from pinecone_backup.ports import PolicyVersion
from pinecone_backup.rules.evidence import Position, read_segment
from pinecone_backup.rules.policy import parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from pinecone_backup.model import DomainEvent, RunKind
    from pinecone_backup.rules.policy import PolicyDocument

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class MemoryBus:
    """An ``EventBus`` that keeps what it was given; ``refuse`` names event types it refuses."""

    def __init__(self) -> None:
        self.published: list[DomainEvent] = []
        self.requested: list[tuple[RunKind, dict[str, Any]]] = []
        self.refuse: set[str] = set()

    def publish(self, events: Sequence[DomainEvent]) -> Sequence[str]:
        taken = [event for event in events if event.type not in self.refuse]
        self.published.extend(taken)
        return [event.event_id for event in taken]

    def request_run(self, kind: RunKind, detail: Mapping[str, Any]) -> None:
        if str(kind) in self.refuse:
            raise StoreUnavailable("The event bus did not take the request")
        self.requested.append((kind, dict(detail)))

    def types(self) -> list[str]:
        return [event.type for event in self.published]


class MemoryProjects:
    """The ``Projects`` protocol over a set."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def known(self) -> Sequence[str]:
        return sorted(self.names)

    def remember(self, names: Iterable[str]) -> None:
        self.names |= set(names)


class MemoryPolicies:
    """A ``PolicyStore`` whose ``load`` answers or raises what it was given.

    Attributes:
        stored: Every version with its time and change, the oldest first. One that ``load`` gives
            and nobody saved counts as stored outside.
    """

    def __init__(
        self,
        load: Callable[[], tuple[PolicyDocument, str]],
        documents: Mapping[str, PolicyDocument] | None = None,
    ) -> None:
        self.load = load
        self.documents = documents if documents is not None else {}
        self.stored: list[tuple[str, datetime, str]] = []
        self._lock = threading.Lock()

    def load_version(self, policy_version: str) -> PolicyDocument:
        if policy_version not in self.documents and policy_version == self._current():
            return self.load()[0]
        if policy_version not in self.documents:
            raise SubjectUnknown(f"There is no policy version {policy_version!r}")
        return self.documents[policy_version]

    def versions(self) -> Sequence[PolicyVersion]:
        current = self._current()
        if current and all(version != current for version, *_ in self.stored):
            self.stored.append((current, LONG_AGO, ""))
        return [PolicyVersion(each, at, each == current) for each, at, _ in reversed(self.stored)]

    def change_id(self, policy_version: str) -> str:
        return next(change for version, _, change in self.stored if version == policy_version)

    def save(self, body: bytes, *, former: str | None, change_id: str) -> str:
        with self._lock:
            if self._current() != (former or ""):
                raise PolicyConflict("Another version is in force")
            self.versions()
            version = f"s{len(self.stored) + 1}"
            document = parse_policy(body, policy_version=version)
            self.stored.append((version, LONG_AGO, change_id))
            self.documents = {**self.documents, version: document}
            self.load = lambda: (document, version)
            return version

    def _current(self) -> str:
        try:
            return self.load()[1]
        except (PolicyMissing, PolicyInvalid, StoreUnavailable):
            return ""


class MemoryObjects:
    """An ``ObjectStore`` over a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        assert content_type
        self.objects[key] = body

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise SubjectUnknown(f"There is no object {key!r} in the bucket")
        return self.objects[key]

    def link(self, key: str, *, expires_in: timedelta) -> str:
        return f"https://bucket.example/{key}?expires={expires_in.total_seconds():.0f}"


class MemoryEvidence:
    """An ``EvidenceStore`` in memory, which breaks where ``fail`` says so."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.fail: Callable[[], None] = lambda: None

    def create(self, key: str, body: bytes) -> bool:
        self.fail()
        return self.objects.setdefault(key, body) is body

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise SubjectUnknown(key)
        return self.objects[key]

    def sign(self, _: bytes) -> str:
        return ""

    def event_ids(self) -> list[str]:
        """Of the whole chain, which is walked."""
        end = Position()
        found: list[str] = []
        for key in sorted(self.objects):
            segment = read_segment(self.objects[key], end)
            end, found = segment.end, [*found, *segment.event_ids]
        return found


class MemoryMetrics:
    """A ``Metrics`` that keeps every number with its dimensions."""

    def __init__(self) -> None:
        self.gauges: list[tuple[str, float, dict[str, str]]] = []

    def gauge(self, name: str, value: float, *, unit: str = "Count", **dimensions: str) -> None:
        assert unit
        self.gauges.append((name, value, dimensions))

    def value(self, name: str, **dimensions: str) -> float:
        return next(
            value for known, value, given in self.gauges if (known, given) == (name, dimensions)
        )
