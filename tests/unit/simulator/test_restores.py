"""Restores of a simulated project, without HTTP."""

from datetime import timedelta

import pytest

from local.simulator import Kind, Outcome, Result, Simulator, vector_fields
from local.simulator.data_plane import DataPlane
from local.simulator.errors import ApiError
from local.simulator.records import Record
from local.simulator.state import Backup
from tests.support.simulator import START

DEDICATED = {
    "mode": "Dedicated",
    "dedicated": {
        "node_type": "b1",
        "scaling": "Manual",
        "manual": {"shards": 1, "replicas": 2},
    },
}


@pytest.fixture
def backup(simulator: Simulator) -> Backup:
    """A ready backup of an index with two namespaces and a tag."""
    simulator.project.seed_index("docs", tags={"tier": "gold"}, deletion_protection=True)
    return simulator.project.seed_backup("docs", record_count=10, namespace_count=2)


def test_a_restore_takes_its_time(simulator: Simulator, backup: Backup) -> None:
    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")
    index = simulator.project.describe_index("copy")

    assert (job.status(START), index.state(START)) == ("Pending", "Initializing")
    later = START + timedelta(seconds=300)
    assert (job.status(later), index.state(later)) == ("Completed", "Ready")


def test_a_restored_index_holds_the_records_of_the_backup(
    simulator: Simulator, backup: Backup
) -> None:
    simulator.project.create_index_from_backup(backup.backup_id, "copy")

    copy, later = simulator.project.describe_index("copy"), START + timedelta(seconds=300)
    assert (copy.records(START), copy.records(later)) == ({}, backup.namespaces)
    assert copy.source_backup_id == backup.backup_id
    assert copy.fields == backup.fields


def test_tags_come_from_the_backup_and_protection_does_not(
    simulator: Simulator, backup: Backup
) -> None:
    simulator.project.create_index_from_backup(backup.backup_id, "copy")

    copy = simulator.project.describe_index("copy")
    assert (copy.tags, copy.deletion_protection) == ({"tier": "gold"}, False)


def test_a_restore_may_bring_its_own_properties(simulator: Simulator, backup: Backup) -> None:
    simulator.project.create_index_from_backup(
        backup.backup_id, "copy", tags={}, deletion_protection=True, read_capacity=DEDICATED
    )

    copy = simulator.project.describe_index("copy")
    assert (copy.tags, copy.deletion_protection, copy.read_capacity) == ({}, True, DEDICATED)


def test_whether_read_capacity_is_honoured_is_a_switch(
    simulator: Simulator, backup: Backup
) -> None:
    simulator.behaviour.restores_keep_read_capacity = False

    simulator.project.create_index_from_backup(backup.backup_id, "copy", read_capacity=DEDICATED)

    assert simulator.project.describe_index("copy").read_capacity == {"mode": "OnDemand"}


def test_a_restore_can_fail(simulator: Simulator, backup: Backup) -> None:
    simulator.project.restore_outcomes.append(Outcome(Result.FAIL, seconds=5))

    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")

    later = simulator.clock.advance(seconds=5)
    assert job.status(later) == "Failed"
    assert simulator.project.describe_index("copy").state(later) == "InitializationFailed"


def test_a_restore_can_stick(simulator: Simulator, backup: Backup) -> None:
    simulator.project.restore_outcomes.append(Outcome(Result.STICK))

    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")

    later = simulator.clock.advance(days=100)
    assert job.status(later) == "Pending"
    assert simulator.project.describe_index("copy").state(later) == "Initializing"


def test_a_backup_with_a_pending_restore_is_not_deleted(
    simulator: Simulator, backup: Backup
) -> None:
    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")

    with pytest.raises(ApiError) as refusal:
        simulator.project.delete_backup(backup.backup_id)

    assert refusal.value.status == 412
    assert refusal.value.message == (
        f"Unable to delete backup. There are pending restore jobs for this backup: ['{job.job_id}']"
    )


def test_a_backup_can_be_deleted_once_its_restore_is_done(
    simulator: Simulator, backup: Backup
) -> None:
    simulator.project.create_index_from_backup(backup.backup_id, "copy")
    simulator.clock.advance(seconds=300)

    simulator.project.delete_backup(backup.backup_id)

    assert backup.deleted_at is not None


@pytest.mark.parametrize("status", ["Initializing", "InitializationFailed", "Thawing"])
def test_only_a_ready_backup_is_restored(simulator: Simulator, status: str) -> None:
    simulator.project.seed_index("docs")
    unready = simulator.project.seed_backup("docs", status=status)

    with pytest.raises(ApiError, match=f"Backup {unready.backup_id} is not completed") as refusal:
        simulator.project.create_index_from_backup(unready.backup_id, "copy")

    assert refusal.value.status == 412


def test_a_restore_over_an_existing_name_is_a_conflict(
    simulator: Simulator, backup: Backup
) -> None:
    with pytest.raises(ApiError, match=r"Resource already exists.") as refusal:
        simulator.project.create_index_from_backup(backup.backup_id, "docs")

    assert refusal.value.status == 409


def test_a_restore_to_a_bad_name_is_refused(simulator: Simulator, backup: Backup) -> None:
    with pytest.raises(ApiError) as refusal:
        simulator.project.create_index_from_backup(backup.backup_id, "No_Such")

    assert refusal.value.status == 400


def test_a_restore_needs_quota_for_an_index(simulator: Simulator, backup: Backup) -> None:
    simulator.project.index_quota = 1

    with pytest.raises(ApiError, match="upgrade to create more indexes"):
        simulator.project.create_index_from_backup(backup.backup_id, "copy")


def test_a_backup_being_deleted_is_not_restored(simulator: Simulator, backup: Backup) -> None:
    simulator.project.delete_backup(backup.backup_id)

    with pytest.raises(ApiError, match="not found"):
        simulator.project.create_index_from_backup(backup.backup_id, "copy")


def test_a_job_is_forgotten_with_its_index(simulator: Simulator, backup: Backup) -> None:
    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")
    assert simulator.project.describe_restore_job(job.job_id) is job

    simulator.project.delete_index("copy")

    assert simulator.project.restore_jobs() == []
    with pytest.raises(ApiError, match=f"Restore job {job.job_id} not found."):
        simulator.project.describe_restore_job(job.job_id)


def test_a_byoc_index_is_restored_as_one(simulator: Simulator) -> None:
    simulator.project.seed_index("mine", kind=Kind.BYOC)
    kept = simulator.project.seed_backup("mine")

    simulator.project.create_index_from_backup(kept.backup_id, "copy")

    assert simulator.project.describe_index("copy").kind is Kind.BYOC


def test_a_deleted_index_comes_back_under_its_name(simulator: Simulator, backup: Backup) -> None:
    old = simulator.project.describe_index("docs")
    old.deletion_protection = False
    simulator.project.delete_index("docs")

    job = simulator.project.create_index_from_backup(backup.backup_id, "docs")

    assert job.index_id != old.index_id


@pytest.mark.parametrize(
    ("size_bytes", "seconds"), [(0, 300), (19_999_999, 300), (20_000_000, 301), (10**12, 50_300)]
)
def test_a_restore_takes_as_long_as_the_law_says(
    simulator: Simulator, backup: Backup, size_bytes: int, seconds: int
) -> None:
    backup.size_bytes = size_bytes

    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")

    assert job.ends_at == START + timedelta(seconds=seconds)


def test_the_law_has_a_beginning_and_a_speed(simulator: Simulator, backup: Backup) -> None:
    simulator.behaviour.restore_seconds = 60
    simulator.behaviour.restore_bytes_per_second = 1_000
    backup.size_bytes = 90_000

    job = simulator.project.create_index_from_backup(backup.backup_id, "copy")

    assert job.ends_at == START + timedelta(seconds=150)


def test_a_restore_brings_what_the_index_held_a_quarter_of_an_hour_before_the_backup(
    simulator: Simulator,
) -> None:
    def plane(name: str) -> DataPlane:
        index = simulator.project.describe_index(name)
        return DataPlane(index, simulator.behaviour, simulator.clock.now())

    simulator.project.seed_index("docs", fields=vector_fields(dimension=2))
    held = [Record("kept", (1.0, 0.0)), Record("deleted", (1.0, 1.0))]
    plane("docs").upsert("a", held)
    simulator.clock.advance(minutes=10)
    plane("docs").upsert("a", [Record("new", (0.0, 1.0))])
    plane("docs").delete("a", ["deleted"])
    simulator.clock.advance(minutes=5)
    backup = simulator.project.create_backup("docs")
    plane("docs").upsert("a", [Record("kept", (0.5, 0.5))])
    simulator.clock.advance(minutes=10)

    simulator.project.create_index_from_backup(backup.backup_id, "copy")
    simulator.clock.advance(minutes=5)

    assert plane("copy").fetch("a", ["kept", "deleted", "new"]) == held


def test_a_backup_of_the_past_brings_seeded_records_of_its_index(simulator: Simulator) -> None:
    index = simulator.project.seed_index("docs", records=20)
    past = simulator.project.seed_backup("docs", record_count=10)
    simulator.project.create_index_from_backup(past.backup_id, "copy")
    later = simulator.clock.advance(minutes=5)

    source, copy = index.contents.at(later), simulator.project.describe_index("copy").contents

    (held,) = copy.at(later).values()
    assert list(held.records) == list(source["__default__"].records.first(10))
