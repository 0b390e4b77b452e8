"""What can be done with the backups of a project."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from local.simulator import errors
from local.simulator.contents import Held, Snapshot, counts
from local.simulator.indexes import NAME, IndexOperations
from local.simulator.project_state import BACKUP_QUOTAS, PLANS_WITH_BACKUPS
from local.simulator.schema import record_bytes
from local.simulator.state import Backup, Index, Kind, Result, take_outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class BackupOperations(IndexOperations):
    """Making, listing and deleting backups."""

    def create_backup(
        self, index_name: str, *, name: str | None = None, description: str | None = None
    ) -> Backup:
        """Start a backup of an index, with the records that are old enough."""
        now = self.settle()
        self._refuse_unpaid()
        if name is not None and NAME.fullmatch(name) is None:
            raise errors.invalid(errors.NAME_RULE.format(what="Backup name"))
        if self.plan not in PLANS_WITH_BACKUPS:
            raise errors.permission_denied(errors.BACKUPS_NOT_IN_PLAN)
        index = self.describe_index(index_name)
        self._refuse_unsupported(index, "backups")
        quota = BACKUP_QUOTAS[self.plan] if self.backup_quota is None else self.backup_quota
        if len(self.project_backups()) >= quota:
            raise errors.forbidden(errors.BACKUP_QUOTA, code=self.behaviour.quota_code)
        backup = self._new_backup(index, now, starts_at=now, name=name)
        backup.description = description
        self._capture(backup, index)
        return backup

    def project_backups(self) -> list[Backup]:
        """Every backup of the project, those of deleted indexes included, by id."""
        return self._listed(self.backups, self.settle())

    def index_backups(self, index_name: str, *, include_deleted: bool = False) -> list[Backup]:
        """The backups of the active index of that name, or of all that ever had it."""
        now = self.settle()
        named = [index for index in self.indexes if index.name == index_name]
        wanted = named if include_deleted else [i for i in named if i.exists(now)]
        if not wanted:
            raise errors.index_not_found(index_name)
        ids = {index.index_id for index in wanted}
        return self._listed((row for row in self.backups if row.index_id in ids), now)

    def describe_backup(self, backup_id: str) -> Backup:
        """The backup with that id (the first, should there be two rows)."""
        now = self.settle()
        for backup in self.backups:
            if backup.backup_id == backup_id and backup.exists(now):
                return backup
        raise errors.backup_not_found(backup_id)

    def delete_backup(self, backup_id: str) -> None:
        """Accept the deletion of a backup; it takes effect later, and a second one is a 404."""
        now = self.settle()
        rows = [b for b in self.backups if b.backup_id == backup_id and b.exists(now)]
        if not rows or any(row.deleted_at is not None for row in rows):
            raise errors.backup_not_found(backup_id)
        pending = [
            job.job_id
            for job in self.jobs.values()
            if job.backup_id == backup_id and job.status(now) == "Pending"
        ]
        if pending:
            raise errors.failed_precondition(
                "Unable to delete backup. There are pending restore jobs for this backup: "
                f"{pending}"
            )
        for row in rows:
            row.deleted_at = now + timedelta(seconds=self.behaviour.deletion_seconds)

    def deleted_at(self, backup: Backup, now: datetime) -> datetime | None:
        """When the backup's source index was deleted; None while it is there."""
        for index in self.indexes:
            if index.index_id == backup.index_id and not index.exists(now):
                return index.deleted_at
        return None

    def _refuse_unsupported(self, index: Index, what: str) -> None:
        if index.kind is Kind.POD:
            raise errors.invalid(f"Pod indexes do not support {what}")
        if index.cmek_id is not None:
            raise errors.invalid(f"Indexes encrypted with CMEK do not support {what}")
        if index.has_document_schema and not self.behaviour.full_text_backups:
            raise errors.invalid(f"Indexes with document schemas do not support {what}")

    def _new_backup(
        self, index: Index, now: datetime, *, starts_at: datetime, name: str | None
    ) -> Backup:
        backup = Backup(
            backup_id=self.new_id(),
            index_id=index.index_id,
            index_name=index.name,
            created_at=now,
            starts_at=starts_at,
            ends_at=None,
            fields=index.fields,
            metadata_fields=list(index.metadata_fields),
            cloud=index.cloud,
            region=index.region,
            name=name,
            tags=dict(index.tags),
        )
        self.backups.append(backup)
        return backup

    def _capture(self, backup: Backup, index: Index) -> None:
        """Take the index as it is at ``starts_at``; how it turns out was set beforehand."""
        outcome = take_outcome(index.outcomes)
        seconds = self.behaviour.backup_seconds if outcome.seconds is None else outcome.seconds
        stuck = outcome.result is Result.STICK
        backup.ends_at = None if stuck else backup.starts_at + timedelta(seconds=seconds)
        backup.failed = outcome.result is Result.FAIL
        backup.tags = dict(index.tags)
        share = {Result.EMPTY: 0.0, Result.SHRINK: outcome.share}.get(outcome.result, 1.0)
        fresh = timedelta(seconds=self.behaviour.freshness_seconds)
        backup.contents = _reduced(index.contents.at(backup.starts_at - fresh), share)
        backup.namespaces = counts(backup.contents)
        backup.size_bytes = sum(backup.namespaces.values()) * record_bytes(index.fields)

    def _listed(self, rows: Iterable[Backup], now: datetime) -> list[Backup]:
        with_planned = self.behaviour.planned_runs_listed
        listed = [r for r in rows if r.exists(now) and (with_planned or not r.planned(now))]
        return sorted(listed, key=lambda row: row.backup_id.encode())


def _reduced(snapshot: Snapshot, share: float) -> Snapshot:
    """The first part of every namespace; namespaces that would be empty are left out."""
    return {
        name: Held(held.records.first(part), held.next_number)
        for name, held in snapshot.items()
        if (part := int(held.records.count() * share))
    }
