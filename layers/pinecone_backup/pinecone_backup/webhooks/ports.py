"""What the notify use case needs from the outside; ``adapters`` and this package implement it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import Target


class Standing(StrEnum):
    """How one event stands with one target, when somebody is about to deliver it."""

    OURS = "ours"
    """Nobody has delivered it, and for a while nobody else will try."""
    IN_FLIGHT = "in flight"
    """Somebody else is delivering it right now, or died while doing so."""
    DELIVERED = "delivered"


class DeliveryLog(Protocol):
    """What was delivered to whom. Raises errors of the ``LedgerError`` branch only."""

    def begin(self, event_id: str, target: str, *, clock: datetime) -> Standing:
        """Reserve the delivery of an event to a target for a short while, if it is free."""
        ...

    def release(self, event_id: str, target: str) -> None:
        """Give a reservation back after a failure."""
        ...

    def mark_delivered(self, event_id: str, target: str, *, clock: datetime) -> None: ...

    def mark_gone(self, target: str, fingerprint: str, *, clock: datetime) -> None:
        """Remember that a target, as it is defined now, wants no messages any more."""
        ...

    def is_gone(self, target: str, fingerprint: str) -> bool: ...

    def mark_resolved(self, topic: str, target: str, *, at: datetime, clock: datetime) -> None:
        """Remember that what a topic's messages of before ``at`` say is over."""
        ...

    def resolved_at(self, topic: str, target: str) -> datetime | None: ...


class DeliveryQueue(Protocol):
    """The queue with one message per event and target. Raises ``StoreUnavailable`` only."""

    def send(self, body: str) -> None: ...

    def postpone(self, receipt: str, *, seconds: int) -> None:
        """Hide a received message for so long, at most 12 hours."""
        ...

    def bury(self, body: str, *, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason."""
        ...


class Courier(Protocol):
    """Takes a message to a target. Raises errors of the ``DeliveryError`` branch only."""

    def deliver(self, target: Target, message: Message) -> None: ...


class TargetsSecret(Protocol):
    """Reads secrets that are JSON objects; ``adapters.secrets.SecretReader`` is one."""

    def read_json(self, secret_name: str) -> Mapping[str, Any]:
        """Raises ``SecretNotSet``, ``SecretMalformed`` or ``StoreUnavailable``."""
        ...
