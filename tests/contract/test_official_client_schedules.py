"""The official client performs every operation on schedules and restores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pinecone import IndexInitFailedError
from pinecone.models.backups.model import CreateIndexFromBackupResponse

from local.simulator import Outcome, Result, Simulator
from tests.support.official_client import official_client
from tests.support.simulator import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinecone import Pinecone
    from pinecone.models.backups.schedules import BackupScheduleModel

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.fixture
def pc(simulator_url: str) -> Iterator[Pinecone]:
    with official_client(simulator_url) as client:
        yield client


class TestSchedules:
    @pytest.fixture
    def schedule(self, pc: Pinecone, simulator: Simulator) -> BackupScheduleModel:
        simulator.project.seed_index("docs", records=9)
        return pc.backup_schedules.create(
            index_name="docs", name="nightly", frequency="daily", retention_days=7
        )

    def test_create_schedule(self, simulator: Simulator, schedule: BackupScheduleModel) -> None:
        assert schedule.name == "nightly"
        assert schedule.index_id == simulator.project.describe_index("docs").index_id
        assert schedule.project_id == simulator.project.project_id
        assert (schedule.schedule_type, schedule.frequency) == ("time-based", "daily")
        assert (schedule.retention_expire_after_days, schedule.enabled) == (7, True)
        assert (schedule.created_at, schedule.next_scheduled_run) == (START, MONDAY)

    def test_list_and_describe_schedules(self, pc: Pinecone, schedule: BackupScheduleModel) -> None:
        assert list(pc.backup_schedules.list(index_name="docs")) == [schedule]
        assert list(pc.backup_schedules.iter_schedules(index_name="docs")) == [schedule]
        assert pc.backup_schedules.describe(schedule_id=schedule.schedule_id) == schedule

    def test_pause_and_resume_a_schedule(
        self, pc: Pinecone, simulator: Simulator, schedule: BackupScheduleModel
    ) -> None:
        paused = pc.backup_schedules.update(schedule_id=schedule.schedule_id, enabled=False)
        assert (paused.enabled, paused.next_scheduled_run) == (False, None)

        at = simulator.clock.advance(days=3)
        resumed = pc.backup_schedules.update(schedule_id=schedule.schedule_id, enabled=True)

        assert resumed.enabled
        assert resumed.next_scheduled_run == at + timedelta(days=1)

    def test_change_frequency_and_retention(
        self, pc: Pinecone, schedule: BackupScheduleModel
    ) -> None:
        changed = pc.backup_schedules.update(
            schedule_id=schedule.schedule_id, frequency="monthly", retention_days=365
        )

        assert (changed.frequency, changed.retention_expire_after_days) == ("monthly", 365)
        assert changed.name == "nightly"

    def test_delete_schedule(self, pc: Pinecone, schedule: BackupScheduleModel) -> None:
        pc.backup_schedules.delete(schedule_id=schedule.schedule_id)

        assert list(pc.backup_schedules.list(index_name="docs")) == []

    def test_history_shows_finished_and_planned_runs(
        self, pc: Pinecone, simulator: Simulator, schedule: BackupScheduleModel
    ) -> None:
        simulator.clock.set(MONDAY + timedelta(hours=1))

        planned, finished = pc.backup_schedules.iter_history(schedule_id=schedule.schedule_id)

        assert (finished.name, finished.status) == ("nightly-20261123T060000Z", "Ready")
        assert finished.record_count == 9
        assert (planned.name, planned.status) == ("nightly-20261124T060000Z", "Initializing")
        assert (planned.record_count, planned.scheduled_execution_at) == (None, None)

    def test_a_planned_run_can_be_called_scheduled(
        self, pc: Pinecone, simulator: Simulator, schedule: BackupScheduleModel
    ) -> None:
        simulator.behaviour.planned_status = "Scheduled"

        (planned,) = pc.backup_schedules.history(schedule_id=schedule.schedule_id)

        assert planned.is_scheduled
        assert planned.scheduled_execution_at == MONDAY

    def test_history_is_paged(
        self, pc: Pinecone, simulator: Simulator, schedule: BackupScheduleModel
    ) -> None:
        pc.backup_schedules.update(schedule_id=schedule.schedule_id, retention_days=365)
        simulator.clock.advance(days=10)

        first = pc.backup_schedules.history(schedule_id=schedule.schedule_id, limit=4)
        assert first.pagination is not None
        second = pc.backup_schedules.history(
            schedule_id=schedule.schedule_id, pagination_token=first.pagination.next
        )

        assert [len(first), len(second)] == [4, 4]
        assert not {run.name for run in first} & {run.name for run in second}

    def test_a_schedule_fires_and_its_backup_can_be_described(
        self, pc: Pinecone, simulator: Simulator, schedule: BackupScheduleModel
    ) -> None:
        simulator.clock.set(MONDAY + timedelta(hours=1))

        names = [backup.name for backup in pc.backups.list(index_name="docs")]

        assert "nightly-20261123T060000Z" in names


class TestRestores:
    @pytest.fixture
    def backup_id(self, simulator: Simulator) -> str:
        simulator.project.seed_index("docs", tags={"a": "b"})
        return simulator.project.seed_backup("docs").backup_id

    def restore(self, pc: Pinecone, backup_id: str) -> CreateIndexFromBackupResponse:
        answer = pc.create_index_from_backup(name="copy", backup_id=backup_id, timeout=-1)
        assert isinstance(answer, CreateIndexFromBackupResponse)
        return answer

    def test_restore_and_follow_the_job(
        self, pc: Pinecone, simulator: Simulator, backup_id: str
    ) -> None:
        answer = self.restore(pc, backup_id)

        pending = pc.restore_jobs.describe(job_id=answer.restore_job_id)
        assert (pending.status, pending.percent_complete) == ("Pending", None)
        assert (pending.backup_id, pending.target_index_name) == (backup_id, "copy")
        assert pending.target_index_id == answer.index_id

        simulator.clock.advance(seconds=300)

        done = pc.restore_jobs.describe(job_id=answer.restore_job_id)
        assert (done.status, done.percent_complete) == ("Completed", 100)
        assert done.completed_at == "2026-11-22T12:05:00.000000Z"
        copy = pc.indexes.describe("copy")
        assert (copy.status.state, copy.source_backup_id) == ("Ready", backup_id)

    def test_the_client_waits_for_a_restored_index(
        self, pc: Pinecone, simulator: Simulator, backup_id: str
    ) -> None:
        simulator.behaviour.restore_seconds = 0

        copy = pc.create_index_from_backup(
            name="copy", backup_id=backup_id, tags={"c": "d"}, deletion_protection="enabled"
        )

        assert copy["tags"] == {"c": "d"}
        assert copy["deletion_protection"] == "enabled"

    def test_the_client_sees_a_failed_restore(
        self, pc: Pinecone, simulator: Simulator, backup_id: str
    ) -> None:
        simulator.project.restore_outcomes.append(Outcome(Result.FAIL, seconds=0))

        with pytest.raises(IndexInitFailedError):
            pc.create_index_from_backup(name="copy", backup_id=backup_id)

        (job,) = pc.restore_jobs.list()
        assert (job.status, job.percent_complete, job.completed_at) == ("Failed", None, None)

    def test_a_restore_onto_dedicated_read_nodes(
        self, pc: Pinecone, simulator: Simulator, backup_id: str
    ) -> None:
        simulator.behaviour.restore_seconds = 0
        dedicated = {
            "mode": "Dedicated",
            "dedicated": {
                "node_type": "b1",
                "scaling": "Manual",
                "manual": {"shards": 1, "replicas": 1},
            },
        }

        pc.create_index_from_backup(name="copy", backup_id=backup_id, read_capacity=dedicated)

        assert type(pc.indexes.describe("copy").read_capacity).__name__ == (
            "ReadCapacityDedicatedResponse"
        )

    def test_list_restore_jobs(self, pc: Pinecone, simulator: Simulator, backup_id: str) -> None:
        for number in range(3):
            simulator.project.create_index_from_backup(backup_id, f"copy-{number}")

        page = pc.restore_jobs.list(limit=2)
        assert page.pagination is not None
        rest = pc.restore_jobs.list(pagination_token=page.pagination.next)

        names = [job.target_index_name for job in [*page, *rest]]
        assert names == ["copy-0", "copy-1", "copy-2"]

    def test_the_listing_of_jobs_may_be_incomplete(
        self, pc: Pinecone, simulator: Simulator, backup_id: str
    ) -> None:
        simulator.behaviour.restore_listing_exhaustive = False
        for number in range(4):
            simulator.project.create_index_from_backup(backup_id, f"copy-{number}")

        page = pc.restore_jobs.list(limit=2)
        assert page.pagination is not None
        rest = pc.restore_jobs.list(pagination_token=page.pagination.next)

        assert [job.target_index_name for job in page] == ["copy-0", "copy-1"]
        assert [job.target_index_name for job in rest] == ["copy-1", "copy-2"]
