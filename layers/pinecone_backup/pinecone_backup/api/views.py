"""Our values as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.api import models
from pinecone_backup.rules.inventory import take_inventory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.api.routes import Call
    from pinecone_backup.model import Backup
    from pinecone_backup.records import Deletion, Hold


def backup_rows(call: Call, rows: Sequence[Backup]) -> list[models.Backup]:
    """A page of backups in the order listed, each with whose it is (rule I2)."""
    found = take_inventory(
        rows, records={}, owner=call.container.services.owner, now=call.now
    ).entries
    shown = []
    for row in rows:
        entry = found[row.backup_id]
        policy = entry.marker.policy if entry.marker else None
        shown.append(_backup(row, entry.origin, policy))
    return shown


def _backup(row: Backup, origin: str, policy: str | None) -> models.Backup:
    return models.Backup(**backup_fields(row), origin=origin, policy=policy)


def backup_fields(row: Backup) -> dict[str, object]:
    """What Pinecone says of a backup, by Pinecone's names."""
    return {
        "backup_id": row.backup_id,
        "source_index_name": row.index_name,
        "source_index_id": row.index_id,
        "source_index_deleted_at": row.index_deleted_at,
        "status": row.status_text,
        "name": row.name,
        "description": row.description,
        "record_count": row.record_count,
        "namespace_count": row.namespace_count,
        "size_bytes": row.size_bytes,
        "cloud": row.cloud,
        "region": row.region,
        "tags": dict(row.tags) if row.tags is not None else None,
        "created_at": row.created_at,
    }


def pagination(cursor: str | None) -> models.Pagination | None:
    """Where a listing goes on, if it does."""
    return models.Pagination(next=cursor) if cursor else None


def hold_view(hold: Hold, now: datetime) -> models.Hold:
    """A hold, and whether it protects now."""
    return models.Hold(
        hold_id=hold.hold_id,
        scope=hold.scope,
        target=hold.target,
        reason=hold.reason,
        owner=hold.owner,
        created_at=hold.created_at,
        expires_at=hold.expires_at,
        released_at=hold.released_at,
        released_by=hold.released_by,
        release_reason=hold.release_reason,
        active=hold.active(now),
    )


def deletion_view(deletion: Deletion) -> models.Deletion:
    """How far a deletion has come."""
    return models.Deletion(
        state=deletion.state,
        at=deletion.at,
        run_id=deletion.run_id,
        actor=deletion.actor,
        reasons=list(deletion.reasons),
        error=deletion.error,
        confirmed_at=deletion.confirmed_at,
    )
