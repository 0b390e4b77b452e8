"""One simulated Pinecone project: its state, and the operations of the control plane on it.

Pure but for the clock that it is given: no HTTP, no threads, no waiting. Every operation first
lets the schedules catch up with the clock. Refusals are ``ApiError``.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.simulator import errors, restores
from local.simulator.contents import Held, Snapshot, counts
from local.simulator.schedules import FREQUENCIES, first_run, run_after
from local.simulator.schema import Fields, record_bytes
from local.simulator.settings import (
    ReadCapacity,
    merged_read_capacity,
    merged_tags,
    new_read_capacity,
    usual_read_capacity,
)
from local.simulator.state import (
    Backup,
    Behaviour,
    ConversionJob,
    Index,
    Kind,
    Outcome,
    RestoreJob,
    Result,
    Schedule,
    take_outcome,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from local.simulator.clock import Clock

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?")
PLANS_WITH_BACKUPS = ("standard", "enterprise")
BACKUP_QUOTAS = {"starter": 0, "builder": 0, "standard": 500, "enterprise": 1000}
INDEX_QUOTAS = {"starter": 5, "builder": 10, "standard": 20, "enterprise": 200}
_CONTENTS = (
    "indexes",
    "backups",
    "schedules",
    "jobs",
    "conversions",
    "restore_outcomes",
    "conversion_outcomes",
)


class Project:
    """One project with its API keys, plan, quota, indexes, backups, schedules and restores.

    Attributes:
        keys: API key to role.
        plan: ``starter``, ``builder``, ``standard`` or ``enterprise``.
        backup_quota: How many backups it may hold; None for what the plan allows.
        index_quota: How many indexes it may hold; None for what the plan allows.
        past_due: Whether invoices are unpaid: every create is then answered with 402.
        backups: Rows, not ids: one id may stand under two indexes, as the service once showed.
        restore_outcomes: What shall come of the next restores.
        conversion_outcomes: What shall come of the next conversions.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        behaviour: Behaviour,
        *,
        keys: Mapping[str, str],
        plan: str = "standard",
        backup_quota: int | None = None,
        index_quota: int | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.behaviour = behaviour
        self.keys = dict(keys)
        self.plan = plan
        self.backup_quota = backup_quota
        self.index_quota = index_quota
        self.past_due = False
        self.indexes: list[Index] = []
        self.backups: list[Backup] = []
        self.schedules: dict[str, Schedule] = {}
        self.jobs: dict[str, RestoreJob] = {}
        self.conversions: dict[str, ConversionJob] = {}
        self.restore_outcomes: list[Outcome] = []
        self.conversion_outcomes: list[Outcome] = []
        self._numbers = itertools.count(1)
        self.project_id = self.new_id()

    # Keeping up with the time.

    def new_id(self) -> str:
        """A fresh UUID; the same sequence in every simulator, so that runs can be repeated."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"simulator:{self.name}:{next(self._numbers)}"))

    def settle(self) -> datetime:
        """Let every schedule run that is due happen, in order; returns the time."""
        now = self.clock.now()
        while due := self._next_due(now):
            self._run_schedule(due)
        return now

    def _next_due(self, now: datetime) -> Schedule | None:
        waiting = [
            (schedule.next_run, schedule.schedule_id)
            for schedule in self.schedules.values()
            if schedule.next_run is not None and schedule.next_run <= now
        ]
        return self.schedules[min(waiting)[1]] if waiting else None

    @contextlib.contextmanager
    def pretending(self) -> Iterator[None]:
        """Whatever happens inside the block has not happened after it; ids given stay given."""
        real = {name: getattr(self, name) for name in _CONTENTS}
        vars(self).update(copy.deepcopy(real))
        try:
            yield
        finally:
            vars(self).update(real)

    # Indexes.

    def list_indexes(self) -> list[Index]:
        """The active indexes, by name."""
        now = self.settle()
        return sorted((i for i in self.indexes if i.exists(now)), key=lambda index: index.name)

    def describe_index(self, name: str) -> Index:
        """The active index of that name."""
        now = self.settle()
        for index in self.indexes:
            if index.name == name and index.exists(now):
                return index
        raise errors.index_not_found(name)

    def index_by_id(self, index_id: str) -> Index:
        """One incarnation, deleted or not."""
        for index in self.indexes:
            if index.index_id == index_id:
                return index
        raise errors.index_not_found(index_id)

    def create_index(
        self,
        name: str | None,
        fields: Fields,
        *,
        tags: Mapping[str, str] | None = None,
        **properties: Any,
    ) -> Index:
        """Create an index; without a name it is given one. ``properties`` are ``Index``'s."""
        now = self.settle()
        self._refuse_unpaid()
        index_id = self.new_id()
        name = f"index-{index_id[:7]}" if name is None else name
        self._check_new_index(name)
        index = Index(
            index_id=index_id,
            name=name,
            created_at=now,
            fields=fields,
            tags=merged_tags({}, tags or {}),
            ready_at=now + timedelta(seconds=self.behaviour.index_creation_seconds),
            **properties,
        )
        self.indexes.append(index)
        return index

    def _check_new_index(self, name: str) -> None:
        if NAME.fullmatch(name) is None:
            raise errors.invalid(errors.NAME_RULE.format(what="Resource name"))
        existing = self.list_indexes()
        if any(index.name == name for index in existing):
            raise errors.already_exists()
        quota = INDEX_QUOTAS[self.plan] if self.index_quota is None else self.index_quota
        if len(existing) >= quota:
            raise errors.forbidden(errors.INDEX_QUOTA, code=self.behaviour.quota_code)

    def configure_index(
        self,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool | None = None,
        read_capacity: ReadCapacity | None = None,
    ) -> Index:
        """Change an index; tags and read capacity are merged, and an empty value unsets a tag."""
        index = self.describe_index(name)
        merged = merged_tags(index.tags, tags or {})
        if read_capacity is not None:
            if index.kind is Kind.POD:
                raise errors.invalid("Pod indexes do not support read_capacity.")
            byoc = index.kind is Kind.BYOC
            index.read_capacity = merged_read_capacity(
                index.read_capacity, read_capacity, byoc=byoc
            )
        index.tags = merged
        if deletion_protection is not None:
            index.deletion_protection = deletion_protection
        return index

    def delete_index(self, name: str) -> None:
        """Delete an index: its schedules die with it, its backups survive."""
        now = self.settle()
        index = self.describe_index(name)
        if index.deletion_asked:
            raise errors.index_not_found(name)
        if index.deletion_protection:
            raise errors.forbidden(errors.DELETION_PROTECTED)
        index.deletion_asked = True
        index.deleted_at = now + timedelta(seconds=self.behaviour.index_deletion_seconds)
        for schedule in self.schedules_of(index):
            self._forget_schedule(schedule)

    # Backups.

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

    def _listed(self, rows: Iterable[Backup], now: datetime) -> list[Backup]:
        with_planned = self.behaviour.planned_runs_listed
        listed = [r for r in rows if r.exists(now) and (with_planned or not r.planned(now))]
        return sorted(listed, key=lambda row: row.backup_id.encode())

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
        if not rows or any(row.gone_at is not None for row in rows):
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
            row.gone_at = now + timedelta(seconds=self.behaviour.deletion_seconds)

    def deleted_at(self, backup: Backup, now: datetime) -> datetime | None:
        """When the backup's source index was deleted; None while it is there."""
        for index in self.indexes:
            if index.index_id == backup.index_id and not index.exists(now):
                return index.deleted_at
        return None

    # Restores.

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
        if backup.gone_at is not None:
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
        restoring = restores.planned(backup, source, outcome, self.behaviour, now)
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
        known = [job for job in self.jobs.values() if job.known]
        return [job for job in known if self.index_by_id(job.index_id).exists(now)]

    def describe_restore_job(self, job_id: str) -> RestoreJob:
        """One restore job; a 404 also when its target index is gone."""
        for job in self.restore_jobs():
            if job.job_id == job_id:
                return job
        raise errors.not_found(f"Restore job {job_id} not found.")

    # Conversions.

    def convert_index(
        self,
        source_name: str,
        name: str,
        fields: Fields,
        *,
        on_error: str = "abort",
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool = False,
    ) -> ConversionJob:
        """Start filling a new document index from a serverless one, which stays as it is."""
        now = self.settle()
        self._refuse_unpaid()
        if self.plan not in PLANS_WITH_BACKUPS:
            raise errors.permission_denied(errors.CONVERSIONS_NOT_IN_PLAN)
        source = self.describe_index(source_name)
        if source.kind is not Kind.SERVERLESS or source.has_document_schema:
            raise errors.invalid("Only serverless vector indexes can be converted.")
        if source.state(now) != "Ready":
            raise errors.failed_precondition(f"Index {source_name} is not ready")
        outcome = take_outcome(self.conversion_outcomes)
        seconds = self.behaviour.conversion_seconds if outcome.seconds is None else outcome.seconds
        ends_at = None if outcome.result is Result.STICK else now + timedelta(seconds=seconds)
        failed = outcome.result is Result.FAIL
        target = self.create_index(
            name,
            fields,
            tags=tags,
            cloud=source.cloud,
            region=source.region,
            cmek_id=source.cmek_id,
            deletion_protection=deletion_protection,
        )
        target.ready_at, target.failed = ends_at, failed
        snapshot = source.contents.at(now)
        if ends_at is not None and not failed:
            target.contents.restore(snapshot, ends_at)
        job = ConversionJob(
            job_id=self.new_id(),
            source_index_id=source.index_id,
            source_index_name=source.name,
            target_index_id=target.index_id,
            target_index_name=target.name,
            created_at=now,
            ends_at=ends_at,
            records=sum(counts(snapshot).values()),
            on_error=on_error,
            ends_as="Failed" if failed else "Completed",
        )
        self.conversions[job.job_id] = job
        return job

    def conversion_jobs(self) -> list[ConversionJob]:
        """The conversions of the project, the newest first."""
        self.settle()
        return list(reversed(self.conversions.values()))

    def describe_conversion_job(self, job_id: str) -> ConversionJob:
        """One conversion."""
        if job_id not in self.conversions:
            raise errors.not_found(f"Conversion job {job_id} not found.")
        return self.conversions[job_id]

    # Native schedules.

    def create_schedule(
        self, index_name: str, *, name: str, frequency: str, retention_days: int
    ) -> Schedule:
        """Create an enabled schedule; the plan is looked at before the index."""
        now = self.settle()
        self._refuse_unpaid()
        self.check_schedule_plan()
        index = self.describe_index(index_name)
        self._refuse_unsupported(index, "backup schedules")
        self._check_frequency(frequency)
        self._check_retention(retention_days)
        self._refuse_second_enabled(index.index_id)
        schedule = Schedule(
            schedule_id=self.new_id(),
            name=name,
            index_id=index.index_id,
            frequency=frequency,
            retention_days=retention_days,
            created_at=now,
        )
        self.schedules[schedule.schedule_id] = schedule
        self._plan_run(schedule, now, first_run(now))
        return schedule

    def check_schedule_plan(self) -> None:
        """Refuse a plan without scheduled backups."""
        if self.plan not in PLANS_WITH_BACKUPS:
            raise errors.permission_denied(errors.SCHEDULES_NOT_IN_PLAN)

    def list_schedules(self, index_name: str) -> list[Schedule]:
        """The schedules of the active index of that name, disabled ones included."""
        return self.schedules_of(self.describe_index(index_name))

    def schedules_of(self, index: Index) -> list[Schedule]:
        """The schedules of one incarnation, by id."""
        found = [s for s in self.schedules.values() if s.index_id == index.index_id]
        return sorted(found, key=lambda schedule: schedule.schedule_id)

    def describe_schedule(self, schedule_id: str) -> Schedule:
        """One schedule."""
        self.settle()
        if schedule_id not in self.schedules:
            raise errors.not_found("Backup schedule not found.")
        return self.schedules[schedule_id]

    def update_schedule(
        self,
        schedule_id: str,
        *,
        frequency: str | None = None,
        retention_days: int | None = None,
        enabled: bool | None = None,
    ) -> Schedule:
        """Change a schedule; what is None stays, and enabling an enabled one does nothing.

        Enabling a disabled one runs it at once, and the runs go on from there.
        """
        now = self.settle()
        schedule = self.describe_schedule(schedule_id)
        if frequency is not None:
            self._check_frequency(frequency)
        if retention_days is not None:
            self._check_retention(retention_days)
        if enabled and not schedule.enabled:
            self._refuse_second_enabled(schedule.index_id)
        schedule.frequency = frequency or schedule.frequency
        if retention_days is not None:
            self._change_retention(schedule, retention_days, now)
        if enabled is False:
            self._disable(schedule)
        elif enabled and not schedule.enabled:
            schedule.enabled = True
            self._plan_run(schedule, now, now)
            self._run_schedule(schedule)
        return schedule

    def delete_schedule(self, schedule_id: str) -> None:
        """Delete a schedule; its backups stay, and still age out."""
        self._forget_schedule(self.describe_schedule(schedule_id))

    def schedule_history(self, schedule_id: str) -> list[Backup]:
        """The schedule's backups and its planned run, the latest run first."""
        now = self.settle()
        self.describe_schedule(schedule_id)
        rows = [b for b in self.backups if b.schedule_id == schedule_id and b.exists(now)]
        return sorted(rows, key=lambda row: row.starts_at, reverse=True)

    def _check_frequency(self, frequency: str) -> None:
        if frequency not in FREQUENCIES:
            raise errors.invalid(
                f"schedule.frequency must be one of {', '.join(FREQUENCIES)}, got {frequency}."
            )

    def _check_retention(self, days: int) -> None:
        longest = self.behaviour.max_retention_days
        if not 1 <= days <= longest:
            raise errors.invalid(
                f"retention.expire_after_days must be between 1 and {longest}, got {days}."
            )

    def _refuse_second_enabled(self, index_id: str) -> None:
        if any(s.enabled and s.index_id == index_id for s in self.schedules.values()):
            raise errors.already_exists(errors.SCHEDULE_EXISTS)

    def _plan_run(self, schedule: Schedule, now: datetime, run: datetime) -> None:
        schedule.next_run = run
        index = self.index_by_id(schedule.index_id)
        name = f"{schedule.name}-{run:%Y%m%dT%H%M%SZ}"
        self._new_backup(index, now, starts_at=run, name=name).schedule_id = schedule.schedule_id

    def _run_schedule(self, schedule: Schedule) -> None:
        run = schedule.next_run
        assert run is not None  # noqa: S101 - only due schedules get here
        for backup in self._rows_starting_at(schedule, run):
            self._capture(backup, self.index_by_id(schedule.index_id))
            backup.expires_at = run + schedule.retention
        self._plan_run(schedule, run, run_after(run, schedule.frequency))

    def _rows_starting_at(self, schedule: Schedule, run: datetime) -> list[Backup]:
        rows = self.backups
        return [r for r in rows if r.schedule_id == schedule.schedule_id and r.starts_at == run]

    def _change_retention(self, schedule: Schedule, days: int, now: datetime) -> None:
        schedule.retention_days = days
        for backup in self.backups:
            unexpired = backup.expires_at is not None and backup.expires_at > now
            if backup.schedule_id == schedule.schedule_id and unexpired:
                backup.expires_at = backup.starts_at + schedule.retention

    def _disable(self, schedule: Schedule) -> None:
        self.backups = [
            row
            for row in self.backups
            if row.schedule_id != schedule.schedule_id or row.starts_at != schedule.next_run
        ]
        schedule.enabled = False
        schedule.next_run = None

    def _forget_schedule(self, schedule: Schedule) -> None:
        self._disable(schedule)
        del self.schedules[schedule.schedule_id]

    def _refuse_unpaid(self) -> None:
        if self.past_due:
            raise errors.payment_required()


def _reduced(snapshot: Snapshot, share: float) -> Snapshot:
    """The first part of every namespace; namespaces that would be empty are left out."""
    return {
        name: Held(held.records.first(part), held.next_number)
        for name, held in snapshot.items()
        if (part := int(held.records.count() * share))
    }
