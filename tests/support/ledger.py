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
        pauses: How long it would have waited between tries, in seconds.
    """

    def __init__(self, project: str = "main", *, table: MemoryTable | None = None) -> None:
        self.table = table or MemoryTable()
        self.events: list[DomainEvent] = []
        self.pauses: list[float] = []
        super().__init__(
            cast("DynamoDBClient", self.table), "ledger", project, pause=self.pauses.append
        )

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

    def _commit(self, writes: list[dict[str, Any]], event: DomainEvent | None) -> None:
        known = event is None or self._is_recorded(event)
        try:
            super()._commit(writes, event)
        finally:
            if event is not None and not known and self._is_recorded(event):
                self.events.append(event)
