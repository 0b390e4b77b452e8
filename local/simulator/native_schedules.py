"""The native backup schedules of a project: what can be done with them, and how they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.simulator import errors
from local.simulator.backups import BackupOperations
from local.simulator.project_state import PLANS_WITH_BACKUPS
from local.simulator.schedules import FREQUENCIES, first_run, run_after
from local.simulator.state import Schedule

if TYPE_CHECKING:
    from datetime import datetime

    from local.simulator.state import Backup, Index


class ScheduleOperations(BackupOperations):
    """Creating, changing and deleting schedules; they run as the clock goes on."""

    def settle(self) -> datetime:
        """Let every schedule run that is due happen, in order; returns the time."""
        now = self.clock.now()
        while due := self._next_due(now):
            self._run_schedule(due)
        return now

    def delete_index(self, name: str) -> None:
        """Delete an index: its schedules die with it, its backups survive."""
        self.settle()
        index = self.describe_index(name)
        super().delete_index(name)
        for schedule in self.schedules_of(index):
            self._forget_schedule(schedule)

    def create_schedule(
        self, index_name: str, *, name: str, frequency: str, retention_days: int
    ) -> Schedule:
        """Create an enabled schedule; the plan is checked before the index."""
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

    def _next_due(self, now: datetime) -> Schedule | None:
        waiting = [
            (schedule.next_run, schedule.schedule_id)
            for schedule in self.schedules.values()
            if schedule.next_run is not None and schedule.next_run <= now
        ]
        return self.schedules[min(waiting)[1]] if waiting else None

    def _run_schedule(self, schedule: Schedule) -> None:
        run = schedule.next_run
        assert run is not None  # noqa: S101 - only due schedules get here
        for backup in self._rows_starting_at(schedule, run):
            self._capture(backup, self.index_by_id(schedule.index_id))
            backup.expires_at = run + schedule.retention
        self._plan_run(schedule, run, run_after(run, schedule.frequency))

    def _plan_run(self, schedule: Schedule, now: datetime, run: datetime) -> None:
        schedule.next_run = run
        index = self.index_by_id(schedule.index_id)
        name = f"{schedule.name}-{run:%Y%m%dT%H%M%SZ}"
        self._new_backup(index, now, starts_at=run, name=name).schedule_id = schedule.schedule_id

    def _rows_starting_at(self, schedule: Schedule, run: datetime) -> list[Backup]:
        rows = self.backups
        return [r for r in rows if r.schedule_id == schedule.schedule_id and r.starts_at == run]

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
