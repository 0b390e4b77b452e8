"""The real ledger over a table in memory, for unit and property tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pinecone_backup.adapters.codec import deserialize
from pinecone_backup.adapters.ledger import DynamoLedger
from tests.support.table import MemoryTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pinecone_backup.model import DomainEvent


class MemoryLedger(DynamoLedger):
    """A project's ledger; every record passes through the codec on its way in and out.

    Attributes:
        events: Every event that was recorded, in order, announced or not.
    """

    def __init__(self, project: str = "main") -> None:
        self.table = MemoryTable()
        self.events: list[DomainEvent] = []
        super().__init__(cast("DynamoDBClient", self.table), "ledger", project)

    @property
    def leases(self) -> list[str]:
        """The names of the leases that were not given back."""
        return [key.partition("#")[2] for key in self.keys("LEASE")]

    def keys(self, kind: str) -> list[str]:
        """The keys of the items of a kind."""
        return sorted(key for key in self.table.items if key.startswith(f"{kind}#"))

    def stored(self, key: str) -> dict[str, Any]:
        """The attributes of an item."""
        return deserialize(self.table.items[key])

    def record_event(self, event: DomainEvent) -> None:
        known = f"EVENT#{event.event_id}" in self.table.items
        super().record_event(event)
        if not known:
            self.events.append(event)
