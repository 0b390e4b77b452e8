"""Restores: how long one takes, what arrives, and what is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from local.simulator import errors
from local.simulator.backups import BackupOperations
from local.simulator.contents import Held, Snapshot
from local.simulator.damages import Damage, Harm, Restoring
from local.simulator.records import Seeded
from local.simulator.settings import (
    ReadCapacity,
    merged_tags,
    new_read_capacity,
    usual_read_capacity,
)
from local.simulator.state import (
    Backup,
    Behaviour,
    Index,
    Kind,
    Outcome,
    RestoreJob,
    Result,
    take_outcome,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class RestoreOperations(BackupOperations):
    """Restoring backups into new indexes, and following the jobs."""

    def create_index_from_backup(
        self,
        backup_id: str,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool = False,
        read_capacity: ReadCapacity | None = None,
    ) -> RestoreJob:
        """Start restoring a backup into a new index."""
        now = self.settle()
        self._refuse_unpaid()
        backup = self.describe_backup(backup_id)
        if backup.deleted_at is not None:
            raise errors.backup_not_found(backup_id)
        if backup.status(now) != "Ready":
            raise errors.failed_precondition(f"Backup {backup_id} is not completed")
        self._check_new_index(name)
        source = self.index_by_id(backup.index_id)
        byoc = source.kind is Kind.BYOC
        capacity = usual_read_capacity(byoc=byoc)
        if read_capacity is not None:
            wanted = new_read_capacity(read_capacity, byoc=byoc)
            capacity = wanted if self.behaviour.restores_keep_read_capacity else capacity
        new_tags = backup.tags if tags is None else merged_tags({}, tags)
        outcome = take_outcome(self.restore_outcomes)
        restoring = planned(backup, source, outcome, self.behaviour, now)
        index = Index(
            index_id=self.new_id(),
            name=name,
            created_at=now,
            fields=restoring.fields,
            kind=source.kind,
            metadata_fields=list(backup.metadata_fields),
            cloud=backup.cloud,
            region=backup.region,
            tags=dict(new_tags),
            deletion_protection=deletion_protection,
            read_capacity=capacity,
            source_backup_id=backup.backup_id,
            ready_at=restoring.ready_at,
            failed=restoring.failed,
            reported=restoring.reported,
        )
        if restoring.ready_at is not None:
            index.contents.restore(restoring.snapshot, restoring.ready_at)
        self.indexes.append(index)
        job = RestoreJob(
            job_id=self.new_id(),
            backup_id=backup_id,
            index_id=index.index_id,
            index_name=name,
            created_at=now,
            ends_at=restoring.ends_at,
            ends_as=restoring.ends_as,
            known=restoring.known,
        )
        self.jobs[job.job_id] = job
        return job

    def restore_jobs(self) -> list[RestoreJob]:
        """The restore jobs whose target index is still there, oldest first."""
        now = self.settle()
        there = {index.index_id for index in self.indexes if index.exists(now)}
        return [job for job in self.jobs.values() if job.known and job.index_id in there]

    def describe_restore_job(self, job_id: str) -> RestoreJob:
        """One restore job; a 404 also when its target index was deleted."""
        now = self.settle()
        job = self.jobs.get(job_id)
        if job is None or not job.known or not self.index_by_id(job.index_id).exists(now):
            raise errors.not_found(f"Restore job {job_id} not found.")
        return job


def duration(size_bytes: int, behaviour: Behaviour) -> timedelta:
    """The simulator's law: ``restore_seconds``, and the time to move the bytes, in whole seconds.

    ``restore_seconds + floor(size_bytes / restore_bytes_per_second)``
    """
    moving = size_bytes // behaviour.restore_bytes_per_second
    return timedelta(seconds=behaviour.restore_seconds + moving)


def planned(
    backup: Backup, source: Index, outcome: Outcome, behaviour: Behaviour, now: datetime
) -> Restoring:
    """A restore of a backup that starts now, with all the damage that its outcome says."""
    takes = duration(backup.size_bytes or 0, behaviour)
    if outcome.seconds is not None:
        takes = timedelta(seconds=outcome.seconds)
    restoring = Restoring(dict(_kept(backup, source)), backup.fields, now + takes, now + takes)
    for harm in (*_harms(outcome), *outcome.damages):
        restoring.suffer(harm)
    if restoring.failed:
        restoring.snapshot = {}
    return restoring


def _kept(backup: Backup, source: Index) -> Snapshot:
    """What the backup holds; one of the past holds the seeded records of its index."""
    if backup.contents is not None:
        return backup.contents
    return {
        name: Held(Seeded(source.contents.seed, name, 0, count), count)
        for name, count in (backup.namespaces or {}).items()
    }


def _harms(outcome: Outcome) -> list[Harm]:
    """The result of an outcome, spelt as damage."""
    return {
        Result.READY: [],
        Result.FAIL: [Harm(Damage.JOB_FAILED)],
        Result.STICK: [Harm(Damage.JOB_PENDING)],
        Result.EMPTY: [Harm(Damage.ALL_RECORDS_LOST)],
        Result.SHRINK: [Harm(Damage.RECORDS_LOST, share=1 - outcome.share)],
    }[outcome.result]
