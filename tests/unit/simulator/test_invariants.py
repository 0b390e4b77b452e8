"""What holds in a simulated project whatever happens in whatever order."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from local.simulator import Outcome, Result
from local.simulator.errors import ApiError
from tests.support.simulator import fresh_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = st.sampled_from(["docs", "terms"])
REFUSALS = {400, 403, 404, 409, 412}


class ProjectMachine(RuleBasedStateMachine):
    """Somebody works with two index names, while the time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.simulator = fresh_simulator()
        self.project = self.simulator.project
        self.project.backup_quota = 12
        self.deleted: dict[str, datetime] = {}
        self.cancelled: set[tuple[str | None, datetime | None]] = set()
        """Planned runs that somebody deleted like a backup."""

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """A refusal is fine, as long as it is one that the service knows."""
        try:
            yield
        except ApiError as refusal:
            if refusal.status not in REFUSALS:
                raise

    @rule(name=NAMES)
    def create_index(self, name: str) -> None:
        with self.attempt():
            self.project.create_index(name, {"_values": {"type": "dense_vector", "dimension": 2}})

    @rule(name=NAMES)
    def delete_index(self, name: str) -> None:
        with self.attempt():
            self.project.delete_index(name)

    @rule(name=NAMES, result=st.sampled_from(Result))
    def create_backup(self, name: str, result: Result) -> None:
        with self.attempt():
            self.project.expect(name, Outcome(result))
            self.project.create_backup(name)

    @rule(pick=st.integers(0, 20))
    def delete_backup(self, pick: int) -> None:
        rows = self.project.project_backups()
        if rows:
            backup = rows[pick % len(rows)]
            with self.attempt():
                self.project.delete_backup(backup.backup_id)
                self.deleted[backup.backup_id] = self.simulator.clock.now()
                self.cancelled.add((backup.schedule_id, backup.starts_at))

    @rule(name=NAMES, frequency=st.sampled_from(["daily", "weekly", "monthly"]))
    def create_schedule(self, name: str, frequency: str) -> None:
        with self.attempt():
            self.project.create_schedule(name, name="s", frequency=frequency, retention_days=3)

    @rule(name=NAMES, pick=st.integers(0, 5), enabled=st.booleans())
    def switch_schedule(self, name: str, pick: int, *, enabled: bool) -> None:
        with self.attempt():
            schedules = self.project.list_schedules(name)
            if schedules:
                chosen = schedules[pick % len(schedules)]
                self.project.update_schedule(chosen.schedule_id, enabled=enabled)

    @rule(name=NAMES, pick=st.integers(0, 20))
    def restore(self, name: str, pick: int) -> None:
        rows = self.project.project_backups()
        if rows:
            with self.attempt():
                backup_id = rows[pick % len(rows)].backup_id
                self.project.create_index_from_backup(backup_id, name)

    @rule(hours=st.integers(0, 24 * 9))
    def wait(self, hours: int) -> None:
        self.simulator.clock.advance(timedelta(hours=hours))

    @invariant()
    def a_name_has_one_active_index(self) -> None:
        names = [index.name for index in self.project.list_indexes()]
        assert len(names) == len(set(names))

    @invariant()
    def an_index_has_one_enabled_schedule(self) -> None:
        enabled = [s.index_id for s in self.project.schedules.values() if s.enabled]
        assert len(enabled) == len(set(enabled))

    @invariant()
    def a_schedule_has_one_planned_run_while_it_is_enabled(self) -> None:
        now = self.project.settle()
        for schedule in self.project.schedules.values():
            history = self.project.schedule_history(schedule.schedule_id)
            planned = [row.starts_at for row in history if row.planned(now)]
            cancelled = (schedule.schedule_id, schedule.next_run) in self.cancelled
            expected = [schedule.next_run] if schedule.enabled and not cancelled else []
            assert planned in (expected, [schedule.next_run] if schedule.enabled else [])

    @invariant()
    def what_was_deleted_is_gone_when_its_time_has_come(self) -> None:
        listed = {row.backup_id for row in self.project.project_backups()}
        deadline = self.simulator.clock.now() - timedelta(seconds=30)
        for backup_id, at in self.deleted.items():
            assert (backup_id in listed) <= (at > deadline)

    @invariant()
    def every_backup_is_listed_under_its_index(self) -> None:
        by_name = []
        for name in {row.index_name for row in self.project.project_backups()}:
            by_name += self.project.index_backups(name, include_deleted=True)
        everything = self.project.project_backups()
        assert sorted(row.backup_id for row in by_name) == [row.backup_id for row in everything]

    @invariant()
    def a_backup_is_an_orphan_exactly_when_its_index_is_gone(self) -> None:
        now = self.simulator.clock.now()
        active = {index.index_id for index in self.project.list_indexes()}
        for row in self.project.project_backups():
            assert (self.project.deleted_at(row, now) is None) == (row.index_id in active)


ProjectMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestProject = ProjectMachine.TestCase
