"""Native schedules of a simulated project, without HTTP. The clock stands at Sunday noon."""

from datetime import UTC, datetime, timedelta

import pytest

from local.simulator import Kind, Outcome, Result, Simulator
from local.simulator.errors import ApiError
from local.simulator.project import Project
from local.simulator.schedules import first_run, run_after
from local.simulator.state import Schedule
from tests.support.simulator import START

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def schedule(project: Project, frequency: str = "daily", days: int = 7) -> Schedule:
    """An enabled schedule ``nightly`` for the index ``docs``."""
    return project.create_schedule("docs", name="nightly", frequency=frequency, retention_days=days)


@pytest.fixture
def project(simulator: Simulator) -> Project:
    simulator.project.seed_index("docs", records=100)
    return simulator.project


def ready(project: Project) -> list[str | None]:
    """The names of the backups that exist and are ready, oldest first."""
    now = project.clock.now()
    rows = [row for row in project.project_backups() if row.status(now) == "Ready"]
    return [row.name for row in sorted(rows, key=lambda row: row.starts_at)]


def test_the_first_run_is_the_next_six_o_clock() -> None:
    assert first_run(START) == MONDAY
    assert first_run(MONDAY) == MONDAY + timedelta(days=1)
    assert first_run(MONDAY - timedelta(seconds=1)) == MONDAY


@pytest.mark.parametrize(
    ("frequency", "run", "following"),
    [
        ("daily", datetime(2026, 12, 31, 6, tzinfo=UTC), datetime(2027, 1, 1, 6, tzinfo=UTC)),
        ("weekly", datetime(2026, 12, 31, 6, tzinfo=UTC), datetime(2027, 1, 7, 6, tzinfo=UTC)),
        ("monthly", datetime(2026, 12, 31, 6, tzinfo=UTC), datetime(2027, 1, 31, 6, tzinfo=UTC)),
        ("monthly", datetime(2027, 1, 31, 6, tzinfo=UTC), datetime(2027, 2, 28, 6, tzinfo=UTC)),
    ],
)
def test_a_run_follows_a_run(frequency: str, run: datetime, following: datetime) -> None:
    assert run_after(run, frequency) == following


def test_a_new_schedule_is_enabled_and_planned(project: Project) -> None:
    created = schedule(project)

    assert created.enabled
    assert created.next_run == MONDAY


def test_a_schedule_fires_by_the_clock(simulator: Simulator, project: Project) -> None:
    schedule(project)

    simulator.clock.set(MONDAY + timedelta(minutes=10))

    assert ready(project) == ["nightly-20261123T060000Z"]


def test_all_runs_of_a_long_jump_happen(simulator: Simulator, project: Project) -> None:
    schedule(project, frequency="weekly", days=365)

    simulator.clock.set(MONDAY + timedelta(days=21, hours=1))

    assert len(ready(project)) == 4


def test_a_scheduled_backup_holds_what_the_index_held_at_its_run(
    simulator: Simulator, project: Project
) -> None:
    created = schedule(project, days=365)
    simulator.project.write_records("docs", 11, at=MONDAY + timedelta(hours=3))

    simulator.clock.set(MONDAY + timedelta(days=1, hours=1))

    history = project.schedule_history(created.schedule_id)
    assert [row.namespaces for row in history[1:]] == [{"__default__": 111}, {"__default__": 100}]


def test_scheduled_backups_expire(simulator: Simulator, project: Project) -> None:
    schedule(project, days=2)

    simulator.clock.set(MONDAY + timedelta(days=4, hours=1))

    assert ready(project) == ["nightly-20261126T060000Z", "nightly-20261127T060000Z"]


def test_a_shorter_retention_reaches_backups_already_made(
    simulator: Simulator, project: Project
) -> None:
    created = schedule(project, days=365)
    simulator.clock.set(MONDAY + timedelta(days=4, hours=1))
    assert len(ready(project)) == 5

    project.update_schedule(created.schedule_id, retention_days=1)

    assert ready(project) == ["nightly-20261127T060000Z"]


def test_a_longer_retention_does_not_bring_back_what_expired(
    simulator: Simulator, project: Project
) -> None:
    created = schedule(project, days=1)
    simulator.clock.set(MONDAY + timedelta(days=2, hours=1))

    project.update_schedule(created.schedule_id, retention_days=300)

    assert ready(project) == ["nightly-20261125T060000Z"]


def test_the_history_shows_the_planned_run(project: Project) -> None:
    created = schedule(project)

    planned = project.schedule_history(created.schedule_id)

    assert [(row.name, row.created_at, row.starts_at) for row in planned] == [
        ("nightly-20261123T060000Z", START, MONDAY)
    ]


def test_listings_show_planned_runs_unless_set_otherwise(
    simulator: Simulator, project: Project
) -> None:
    schedule(project)

    assert [row.status(START) for row in project.project_backups()] == ["Initializing"]
    simulator.behaviour.planned_runs_listed = False
    assert project.project_backups() == []


def test_an_index_has_one_enabled_schedule(project: Project) -> None:
    schedule(project)

    with pytest.raises(ApiError, match="already has an enabled backup schedule") as refusal:
        schedule(project)

    assert (refusal.value.status, refusal.value.code) == (409, "ALREADY_EXISTS")


def test_a_second_schedule_may_be_disabled(project: Project) -> None:
    first = schedule(project)
    project.update_schedule(first.schedule_id, enabled=False)
    second = schedule(project)

    assert {row.schedule_id for row in project.list_schedules("docs")} == {
        first.schedule_id,
        second.schedule_id,
    }
    with pytest.raises(ApiError, match="already has an enabled") as refusal:
        project.update_schedule(first.schedule_id, enabled=True)
    assert refusal.value.status == 409


def test_a_paused_schedule_plans_and_makes_nothing(simulator: Simulator, project: Project) -> None:
    created = schedule(project)

    project.update_schedule(created.schedule_id, enabled=False)
    simulator.clock.advance(days=10)

    assert created.next_run is None
    assert project.schedule_history(created.schedule_id) == []


def test_a_schedule_that_is_enabled_again_runs_at_once_and_goes_on_from_there(
    simulator: Simulator, project: Project
) -> None:
    created = schedule(project, frequency="weekly")
    simulator.clock.set(MONDAY + timedelta(hours=1))
    project.update_schedule(created.schedule_id, enabled=False)

    enabled_at = simulator.clock.advance(days=2)
    project.update_schedule(created.schedule_id, enabled=True)

    history = project.schedule_history(created.schedule_id)
    assert created.next_run == enabled_at + timedelta(days=7)
    assert [run.starts_at for run in history] == [created.next_run, enabled_at, MONDAY]


def test_enabling_an_enabled_schedule_changes_nothing(
    simulator: Simulator, project: Project
) -> None:
    created = schedule(project, frequency="weekly")
    simulator.clock.set(MONDAY + timedelta(hours=1))

    project.update_schedule(created.schedule_id, enabled=True)

    assert created.next_run == MONDAY + timedelta(days=7)
    assert len(project.schedule_history(created.schedule_id)) == 2


def test_an_empty_update_changes_nothing(project: Project) -> None:
    created = schedule(project)

    project.update_schedule(created.schedule_id)

    assert (created.frequency, created.retention_days, created.enabled) == ("daily", 7, True)


def test_a_new_frequency_counts_from_the_next_run(simulator: Simulator, project: Project) -> None:
    created = schedule(project)

    project.update_schedule(created.schedule_id, frequency="weekly")
    simulator.clock.set(MONDAY + timedelta(hours=1))
    project.project_backups()

    assert created.next_run == MONDAY + timedelta(days=7)


def test_deleting_a_schedule_keeps_its_backups_until_they_expire(
    simulator: Simulator, project: Project
) -> None:
    created = schedule(project, days=3)
    simulator.clock.set(MONDAY + timedelta(hours=1))
    project.delete_schedule(created.schedule_id)

    simulator.clock.advance(days=2)
    assert ready(project) == ["nightly-20261123T060000Z"]
    simulator.clock.advance(days=1)
    assert project.project_backups() == []


def test_a_deleted_schedule_is_not_found(project: Project) -> None:
    created = schedule(project)
    project.delete_schedule(created.schedule_id)

    with pytest.raises(ApiError, match=r"Backup schedule not found."):
        project.delete_schedule(created.schedule_id)


def test_a_schedule_dies_with_its_index(simulator: Simulator, project: Project) -> None:
    created = schedule(project)
    simulator.clock.set(MONDAY + timedelta(hours=1))

    simulator.project.recreate_index("docs")
    simulator.clock.advance(days=2)

    assert project.list_schedules("docs") == []
    with pytest.raises(ApiError, match=r"Backup schedule not found."):
        project.describe_schedule(created.schedule_id)
    assert ready(project) == ["nightly-20261123T060000Z"]


@pytest.mark.parametrize("days", [0, -1, 366, 400])
def test_retention_is_bounded(project: Project, days: int) -> None:
    with pytest.raises(ApiError) as refusal:
        schedule(project, days=days)

    assert refusal.value.status == 400
    assert refusal.value.message == (
        f"retention.expire_after_days must be between 1 and 365, got {days}."
    )


@pytest.mark.parametrize("days", [1, 365])
def test_retention_at_its_bounds_is_accepted(project: Project, days: int) -> None:
    assert schedule(project, days=days).retention_days == days


def test_an_update_is_checked_before_anything_changes(project: Project) -> None:
    created = schedule(project)

    with pytest.raises(ApiError, match="between 1 and 365"):
        project.update_schedule(created.schedule_id, frequency="weekly", retention_days=0)
    with pytest.raises(ApiError, match="must be one of daily, weekly, monthly, got hourly"):
        project.update_schedule(created.schedule_id, frequency="hourly", enabled=False)

    assert (created.frequency, created.enabled) == ("daily", True)


def test_the_plan_is_checked_before_the_index(project: Project) -> None:
    project.plan = "starter"

    with pytest.raises(ApiError, match="not available for your plan") as refusal:
        project.create_schedule("no-such", name="n", frequency="daily", retention_days=1)

    assert (refusal.value.status, refusal.value.code) == (403, "PERMISSION_DENIED")


def test_a_pod_index_has_no_schedules(simulator: Simulator, project: Project) -> None:
    simulator.project.seed_index("pods", kind=Kind.POD)

    with pytest.raises(ApiError, match="Pod indexes do not support backup schedules"):
        project.create_schedule("pods", name="n", frequency="daily", retention_days=1)


def test_an_encrypted_index_has_no_schedules(simulator: Simulator, project: Project) -> None:
    simulator.project.seed_index("sealed", cmek_id="key-1")

    with pytest.raises(ApiError, match="CMEK"):
        project.create_schedule("sealed", name="n", frequency="daily", retention_days=1)


def test_a_scheduled_run_can_fail(simulator: Simulator, project: Project) -> None:
    created = schedule(project)
    simulator.project.expect("docs", Outcome(Result.FAIL))

    now = simulator.clock.advance(days=1)

    history = project.schedule_history(created.schedule_id)
    assert [row.status(now) for row in history] == ["Initializing", "InitializationFailed"]
