"""Closing the record of a backup that was looked for and is not there any more (rule N2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinecone_backup.model import DomainEvent
from pinecone_backup.records import BackupRecord, Deletion, DeletionState

if TYPE_CHECKING:
    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import Ledger

NOT_BY_US = "gone, and not deleted by us"
"""The reason in the record of a backup that somebody else deleted, or that expired."""


def confirm_deleted(context: RunContext, ledger: Ledger, record: BackupRecord) -> BackupRecord:
    """Close the record of a backup that a description did not find.

    A deletion of ours that may have happened has happened: the event of it goes out, once.

    Returns:
        The record as it was written; ``actor`` is empty where it was not us.

    Raises:
        LedgerError: Nothing is closed; the next run looks again.
    """
    now, deletion = context.time.actual, record.deletion
    if deletion is not None and (
        deletion.state.accepted or deletion.state is DeletionState.UNKNOWN
    ):
        ledger.record_event(deleted_event(context, record, deletion))
    else:
        deletion = Deletion(DeletionState.DELETED, now, context.run_id, "", (NOT_BY_US,))
    closed = replace(
        record, deletion=replace(deletion, state=DeletionState.DELETED, confirmed_at=now)
    )
    ledger.put_backup(closed)
    return closed


def deleted_event(context: RunContext, record: BackupRecord, deletion: Deletion) -> DomainEvent:
    """The event of a deletion, the same from whichever run tells it first."""
    return DomainEvent.of(
        "backup.deleted",
        record.backup_id,
        project=context.project,
        at=deletion.at,
        backup_id=record.backup_id,
        index=record.index_name,
        name=record.name,
        reasons=list(deletion.reasons),
        run_id=deletion.run_id,
        actor=deletion.actor,
    )
