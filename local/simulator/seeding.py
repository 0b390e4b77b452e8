"""Giving a project a past: indexes, backups and records as if they had been there all along."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from local.simulator.contents import DEFAULT_NAMESPACE, Grown
from local.simulator.project import Project
from local.simulator.schema import Fields, record_bytes, vector_fields
from local.simulator.settings import usual_read_capacity
from local.simulator.state import Backup, Index, Kind, Outcome


class SeedableProject(Project):
    """A project whose history can be written; no rule of the service is checked."""

    def seed_index(
        self,
        name: str,
        *,
        created_at: datetime | None = None,
        records: int = 0,
        fields: Fields | None = None,
        kind: Kind = Kind.SERVERLESS,
        tags: dict[str, str] | None = None,
        deleted_at: datetime | None = None,
        index_id: str | None = None,
        **properties: Any,
    ) -> Index:
        """Add an index, ready since ``created_at`` (30 days ago by default).

        Args:
            name: Several incarnations may have had it; at most one should be active.
            created_at: When it came into being.
            records: Written into the default namespace at ``created_at``, made from its seed.
            fields: Its schema; 1536 dense dimensions by default (see ``vector_fields``).
            kind: Where it runs.
            tags: Its tags.
            deleted_at: When it was deleted, for a past incarnation.
            index_id: Its id; a fresh one by default.
            properties: Further fields of ``Index``.
        """
        born = created_at or self.clock.now() - timedelta(days=30)
        index = Index(
            index_id=index_id or self.new_id(),
            name=name,
            created_at=born,
            fields=fields or vector_fields(),
            kind=Kind(kind),
            tags=dict(tags or {}),
            deletion_asked=deleted_at is not None,
            deleted_at=deleted_at,
            **{
                "ready_at": born,
                "read_capacity": usual_read_capacity(byoc=kind == Kind.BYOC),
                **properties,
            },
        )
        if records:
            index.contents.add(DEFAULT_NAMESPACE, Grown(born, records))
        self.indexes.append(index)
        return index

    def seed_backup(
        self,
        index_name: str,
        *,
        name: str | None = None,
        description: str | None = None,
        created_at: datetime | None = None,
        status: str | None = "Ready",
        record_count: int | None = 1000,
        namespace_count: int = 1,
        tags: dict[str, str] | None = None,
        backup_id: str | None = None,
        index_id: str | None = None,
    ) -> Backup:
        """Add a backup.

        Args:
            index_name: Which index it was taken from: the newest incarnation of the name.
            name: Any text; seeded names are not checked.
            description: Any text.
            created_at: Now by default.
            status: Any text, which then stays; None to let it follow from the time.
            record_count: None for a backup whose counts the service does not give.
            namespace_count: Over how many namespaces the records are spread.
            tags: The index's tags by default.
            backup_id: An id that exists already makes a second row with the same id.
            index_id: A certain incarnation.
        """
        index = self._incarnation(index_name, index_id)
        born = created_at or self.clock.now()
        backup = self._new_backup(index, born, starts_at=born, name=name)
        backup.backup_id = backup_id or backup.backup_id
        backup.description = description
        backup.fixed_status = status
        backup.ends_at = born + timedelta(seconds=self.behaviour.backup_seconds)
        backup.tags = dict(index.tags if tags is None else tags)
        if record_count is not None:
            backup.namespaces = _spread(record_count, namespace_count)
            backup.size_bytes = record_count * record_bytes(index.fields)
        return backup

    def write_records(
        self,
        index_name: str,
        records: int,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        at: datetime | None = None,
    ) -> None:
        """Write seeded records into an index, now by default.

        A negative number deletes as many of them, from the last one written.
        """
        index = self.describe_index(index_name)
        index.contents.add(namespace, Grown(at or self.clock.now(), records))

    def recreate_index(self, index_name: str, *, records: int = 0) -> Index:
        """Delete an index and create it anew under its name: a new incarnation, a new id."""
        now = self.settle()
        old = self.describe_index(index_name)
        old.deletion_protection = False
        self.delete_index(index_name)
        old.deleted_at = now
        return self.seed_index(
            index_name,
            created_at=now,
            records=records,
            fields=old.fields,
            kind=old.kind,
            tags=old.tags,
            cloud=old.cloud,
            region=old.region,
        )

    def expect(self, index_name: str, outcome: Outcome) -> None:
        """Decide how the next backups of an index turn out."""
        self.describe_index(index_name).outcomes.append(outcome)

    def _incarnation(self, index_name: str, index_id: str | None) -> Index:
        if index_id is not None:
            return self.index_by_id(index_id)
        named = [index for index in self.indexes if index.name == index_name]
        if not named:
            return self.describe_index(index_name)
        return max(named, key=lambda index: index.created_at)


def _spread(records: int, namespaces: int) -> dict[str, int]:
    names = [DEFAULT_NAMESPACE, *(f"ns-{number}" for number in range(1, namespaces))]
    each, rest = divmod(records, max(namespaces, 1))
    return {name: each + (rest if name == DEFAULT_NAMESPACE else 0) for name in names}
