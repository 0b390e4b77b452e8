"""What surrounds the notifier in tests: memory in place of AWS, under the same contracts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.adapters.delivery_log import LEASE
from pinecone_backup.errors import BackupError, LedgerUnavailable, StoreUnavailable
from pinecone_backup.ports import DeliveryStatus
from pinecone_backup.usecases.notify import Notifier
from pinecone_backup.webhooks.inbox import Record
from pinecone_backup.webhooks.links import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import Target

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LOGS = {name: f"/logs/backup-{name}" for name in ("create", "prune", "audit", "api")}
PAGES = Pages("https://backups.example.com", "eu-central-1", LOGS)


class MemoryDeliveryLog:
    """The ``DeliveryLog`` in memory; ``broken`` names methods that fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self._states: dict[tuple[str, str], datetime | None] = {}
        self._disabled: set[tuple[str, str]] = set()
        self._resolved: dict[tuple[str, str], datetime] = {}

    def begin(self, event_id: str, target: str, *, now: datetime) -> DeliveryStatus:
        self._answer("begin")
        key = (event_id, target)
        until = self._states.get(key, datetime.min.replace(tzinfo=UTC))
        if until is None:
            return DeliveryStatus.DELIVERED
        if until > now:
            return DeliveryStatus.IN_FLIGHT
        self._states[key] = now + LEASE
        return DeliveryStatus.RESERVED

    def release(self, event_id: str, target: str) -> None:
        self._answer("release")
        if self._states.get((event_id, target)) is not None:
            del self._states[event_id, target]

    def mark_delivered(self, event_id: str, target: str, *, now: datetime) -> None:
        self._answer("mark_delivered")
        self._states[event_id, target] = None

    def mark_disabled(self, target: str, fingerprint: str, *, now: datetime) -> None:
        self._answer("mark_disabled")
        self._disabled.add((target, fingerprint))

    def is_disabled(self, target: str, fingerprint: str) -> bool:
        return (target, fingerprint) in self._disabled

    def mark_resolved(self, topic: str, target: str, *, at: datetime, now: datetime) -> None:
        key = (topic, target)
        self._resolved[key] = max(at, self._resolved.get(key, at))

    def resolved_at(self, topic: str, target: str) -> datetime | None:
        return self._resolved.get((topic, target))

    def _answer(self, method: str) -> None:
        if method in self.broken:
            raise LedgerUnavailable("The delivery log did not answer")


@dataclass
class MemoryQueue:
    """The ``DeliveryQueue`` in memory; ``broken`` names methods that fail."""

    sent: list[str] = field(default_factory=list)
    postponed: list[tuple[str, int]] = field(default_factory=list)
    dead_letters: list[tuple[str, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def send(self, body: str) -> None:
        self._answer("send")
        self.sent.append(body)

    def postpone(self, receipt: str, *, seconds: int) -> None:
        self._answer("postpone")
        self.postponed.append((receipt, seconds))

    def dead_letter(self, body: str, *, reason: str) -> None:
        self._answer("dead_letter")
        self.dead_letters.append((body, reason))

    def _answer(self, method: str) -> None:
        if method in self.broken:
            raise StoreUnavailable("The queue did not answer")


@dataclass
class MemoryMetrics:
    """The ``Metrics`` in memory."""

    gauges: list[tuple[str, float, dict[str, str]]] = field(default_factory=list)

    def gauge(self, name: str, value: float, *, unit: str = "Count", **dimensions: str) -> None:
        assert unit == "Count"
        self.gauges.append((name, value, dimensions))


@dataclass
class MemoryCourier:
    """A ``Courier`` that notes what it delivers, or raises what is next."""

    delivered: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)

    def deliver(self, target: Target, message: Message) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.delivered.append((target.name, message.event_id))


@dataclass
class MemorySecrets:
    """The targets secret; an error is raised. ``known`` is what was read before, if it differs."""

    document: Mapping[str, Any] | BackupError
    known: Mapping[str, Any] | None = None

    def read_json(self, secret_name: str, *, fresh: bool = False) -> Mapping[str, Any]:
        assert secret_name == "stack/targets"
        if self.known is not None and not fresh:
            return self.known
        if isinstance(self.document, BackupError):
            raise self.document
        return self.document


class NotifierSetup:
    """A notifier and all that it touches."""

    def __init__(self, *targets: dict[str, Any]) -> None:
        self.secrets = MemorySecrets({"targets": list(targets)})
        self.courier = MemoryCourier()
        self.log = MemoryDeliveryLog()
        self.queue = MemoryQueue()
        self.metrics = MemoryMetrics()
        self.now = NOON
        self.notifier = Notifier(
            secret_name="stack/targets",
            secrets=self.secrets,
            courier=self.courier,
            log=self.log,
            queue=self.queue,
            metrics=self.metrics,
            clock=lambda: self.now,
            jitter=lambda: 0.0,
            pages=PAGES,
        )

    def handle(self, *bodies: str, received: int = 1, age: timedelta = timedelta()) -> list[str]:
        """Handle a batch of these bodies; records are called r1, r2 ..."""
        return self.notifier.handle(
            [
                Record(f"r{number}", body, f"receipt-{number}", received, self.now - age)
                for number, body in enumerate(bodies, 1)
            ]
        )

    @property
    def metric_names(self) -> list[str]:
        """The names of the metrics that were written."""
        return [name for name, _, _ in self.metrics.gauges]


def slack_target(name: str = "ops", **more: object) -> dict[str, Any]:
    return {"name": name, "kind": "slack", "url": "https://hooks.example.com/verysecret"} | more


def pager_target(name: str = "pager", **more: object) -> dict[str, Any]:
    return {"name": name, "kind": "pagerduty", "routing_key": "R" * 32} | more


def detail(
    type_: str = "finding.opened", event_id: str = "e-1", at: datetime = NOON, **data: object
) -> dict[str, Any]:
    """The ``detail`` of a bus event."""
    return {
        "id": event_id,
        "type": type_,
        "project": "prod",
        "occurred_at": at.isoformat(),
        "owner": "backup",
        "data": data,
    }


def bus_event(type_: str = "finding.opened", event_id: str = "e-1", **data: object) -> str:
    """What EventBridge puts into the events queue."""
    return json.dumps(
        {
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": type_,
            "source": "pinecone-backup",
            "account": "123456789012",
            "time": "2026-11-03T12:00:00Z",
            "region": "eu-central-1",
            "resources": [],
            "detail": detail(type_, event_id, NOON, **data),
        }
    )


def delivery(target: str = "ops", **given: Any) -> str:
    """What the notifier puts into the delivery queue."""
    return json.dumps({"target": target, "event": detail(**given)})
