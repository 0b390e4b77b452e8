"""Stand-ins for the outside that unit tests give to use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import StoreUnavailable, SubjectUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from pinecone_backup.model import DomainEvent, RunKind
    from pinecone_backup.rules.policy import PolicyDocument


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
    """A ``PolicyStore`` whose ``load`` answers or raises what it was given."""

    def __init__(
        self,
        load: Callable[[], tuple[PolicyDocument, str]],
        versions: Mapping[str, PolicyDocument] | None = None,
    ) -> None:
        self.load = load
        self.versions = dict(versions or {})

    def load_version(self, policy_version: str) -> PolicyDocument:
        if policy_version not in self.versions:
            raise SubjectUnknown(f"There is no policy version {policy_version!r}")
        return self.versions[policy_version]


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
