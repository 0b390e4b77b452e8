"""Create an index from a backup, and follow the restores that were started through us.

Pinecone's own listing of restore jobs is not exhaustive, so the ledger keeps ours.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    PineconeError,
    RuleForbids,
)
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import RestoreRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import RestoreJob, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger

LOST_AFTER = timedelta(days=1)
"""Pinecone answers 404 in passing, and for ever once the restored index is deleted: after this
long a restore job that cannot be found counts as ended."""
JOB_LOST = "Gone"
"""The status of a restore that Pinecone does not know any more."""


def restore(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    *,
    backup_id: str,
    name: str,
    tags: Mapping[str, str] | None = None,
    deletion_protection: bool = False,
    read_capacity: Mapping[str, Any] | None = None,
) -> RestoreRecord:
    """Start restoring a backup into a new index.

    Args:
        context: The run.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        backup_id: A Ready backup.
        name: The new index's name; no index may have it.
        tags: The new index's tags; None copies the backup's.
        deletion_protection: Whether the new index is protected against deletion.
        read_capacity: As Pinecone's API takes it; None for on demand.

    Returns:
        The restore as recorded; its status begins as ``Pending``.

    Raises:
        RuleForbids: An index of that name exists; Pinecone was not asked to restore.
        OutcomeUnknown: The restore may have been started and is not listed yet.
        PineconeError: Pinecone refused, or could not be asked.
        LedgerError: The restore was started and could not be recorded.
    """
    if any(index.name == name for index in control_plane.list_indexes()):
        raise RuleForbids(
            f"An index named {name!r} exists already, and a restore never overwrites one",
            rule="index-exists",
            next_step="Choose another name, or delete that index first if that is intended.",
        )
    try:
        job = control_plane.restore(
            backup_id,
            name=name,
            tags=tags,
            deletion_protection=deletion_protection,
            read_capacity=read_capacity,
        )
    except OutcomeUnknown as error:
        job = _started(control_plane, backup_id, name, error)
    record = RestoreRecord(
        job_id=job.job_id,
        backup_id=backup_id,
        target_index_name=name,
        target_index_id=job.target_index_id,
        status=job.status,
        started_by=context.actor,
        started_at=context.time.actual,
    )
    ledger.record_event(
        DomainEvent.of(
            "restore.started",
            job.job_id,
            project=context.project,
            at=context.time.actual,
            job_id=job.job_id,
            backup_id=backup_id,
            index=name,
            actor=context.actor,
        )
    )
    ledger.put_restore(record)
    return record


def refresh_restores(
    control_plane: ControlPlane, ledger: Ledger, *, now: datetime
) -> Sequence[RestoreRecord]:
    """Ask how the unfinished restores of the ledger stand; returns those that changed.

    A restore that could not be asked about stays as it is: it may still read its backup.

    Raises:
        LedgerError: The ledger could not be read or written.
    """
    changed: list[RestoreRecord] = []
    for record in ledger.restores():
        if record.finished_at is not None:
            continue
        refreshed = _refreshed(control_plane, record, now)
        if refreshed != record:
            ledger.put_restore(refreshed)
            changed.append(refreshed)
    return changed


def _started(
    control_plane: ControlPlane, backup_id: str, name: str, error: OutcomeUnknown
) -> RestoreJob:
    """The job whose answer was lost: no index had the name before, so one that has it is ours."""
    try:
        for job in control_plane.restore_jobs():
            if (job.backup_id, job.target_index_name) == (backup_id, name) and job.unfinished:
                return job
    except (PineconeError, ListingIncomplete):
        pass  # the lost answer is what the caller must know of
    raise OutcomeUnknown(
        error.problem,
        next_step=f"Look whether an index {name!r} appears before you ask again.",
        operation=error.operation,
        status=error.status,
        request_id=error.request_id,
    ) from error


def _refreshed(control_plane: ControlPlane, record: RestoreRecord, now: datetime) -> RestoreRecord:
    try:
        job = control_plane.describe_restore_job(record.job_id)
    except NotFound:
        if now - record.started_at < LOST_AFTER:
            return record
        return replace(record, status=JOB_LOST, finished_at=now)
    except PineconeError:
        return record
    finished_at = None if job.unfinished else job.completed_at or now
    return replace(record, status=job.status, finished_at=finished_at)
