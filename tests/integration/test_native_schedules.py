"""Policies that ask for a native schedule, against the simulated Pinecone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Fault
from pinecone_backup.records import RunState
from pinecone_backup.usecases.sync_native_schedules import native_name
from tests.support.creating import Stack, document, policy
from tests.support.simulator import START

if TYPE_CHECKING:
    from local.simulator import Simulator
    from local.simulator.state import Schedule
    from pinecone_backup.adapters.pinecone.client import PineconeClient

WISH = {"frequency": "daily", "expire_after_days": 14}
NATIVE = policy("native", cron=None, native_schedule=WISH)
CRON = policy("hourly")


@pytest.fixture
def stack(simulator: Simulator, control_plane: PineconeClient) -> Stack:
    """Index ``docs``, whose policy asks for a daily native schedule kept 14 days."""
    simulator.project.seed_index("docs", records=10)
    return Stack(simulator, control_plane, document(NATIVE))


def schedules(stack: Stack) -> list[Schedule]:
    return list(stack.simulator.project.schedules.values())


def settings(stack: Stack) -> list[tuple[str, str, int, bool]]:
    return [(s.name, s.frequency, s.retention_days, s.enabled) for s in schedules(stack)]


def somebody_elses(stack: Stack, *, frequency: str = "weekly", days: int = 30) -> Schedule:
    return stack.simulator.project.create_schedule(
        "docs", name="by-hand", frequency=frequency, retention_days=days
    )


def test_a_missing_schedule_is_created_as_the_policy_says(stack: Stack) -> None:
    outcome = stack.tick()
    assert settings(stack) == [("native", "daily", 14, True)]
    assert outcome.native.changes == {"docs": "created schedule native (daily, kept 14 days)"}
    assert stack.kinds(outcome) == {"docs": "native_schedule"}
    assert outcome.state is RunState.SUCCEEDED


def test_a_created_schedule_is_remembered_as_ours_to_keep(stack: Stack) -> None:
    stack.tick()
    (record,) = stack.ledger.schedules()
    (schedule,) = schedules(stack)
    assert (record.schedule_id, record.managed_by_policy, record.index_name) == (
        schedule.schedule_id,
        "native",
        "docs",
    )


def test_no_backup_of_ours_is_made_where_a_native_schedule_makes_them(stack: Stack) -> None:
    """G5."""
    stack.tick()
    stack.day(hours=48, every=60)
    assert stack.calls("create_backup") == 0
    assert settings(stack) == [("native", "daily", 14, True)]


def test_a_schedule_that_is_as_it_should_be_costs_one_listing(stack: Stack) -> None:
    """N1."""
    stack.tick()
    stack.simulator.requests.clear()
    outcome = stack.later(minutes=15)
    assert stack.simulator.requests.counts() == {
        "list_indexes": 1,
        "list_project_backups": 1,
        "list_backup_schedules": 1,
    }
    assert outcome.native.changes == {}


@pytest.mark.parametrize(
    "change", [{"frequency": "weekly"}, {"retention_days": 7}, {"enabled": False}]
)
def test_a_schedule_that_drifted_is_corrected_and_a_finding(
    stack: Stack, change: dict[str, Any]
) -> None:
    stack.tick()
    (schedule,) = schedules(stack)
    stack.simulator.project.update_schedule(schedule.schedule_id, **change)
    stack.later(minutes=15)
    assert settings(stack) == [("native", "daily", 14, True)]
    assert stack.open_findings() == {("native-drift", schedule.schedule_id)}
    stack.later(minutes=15)
    assert stack.open_findings() == set()


def test_a_policy_that_changed_its_mind_changes_its_schedule(stack: Stack) -> None:
    stack.tick()
    weekly = {"frequency": "weekly", "expire_after_days": 60}
    stack.document = document(policy("long", cron=None, native_schedule=weekly))
    stack.later(minutes=15)
    assert settings(stack) == [("native", "weekly", 60, True)]
    assert [record.managed_by_policy for record in stack.ledger.schedules()] == ["long"]
    assert stack.open_findings() == set()


def test_a_schedule_whose_answer_was_lost_is_known_again_by_its_name(stack: Stack) -> None:
    stack.simulator.faults.add(
        Fault(kind="drop", operation="create_backup_schedule", after_effect=True)
    )
    outcome = stack.tick()
    assert list(outcome.native.problems) == ["docs"]
    assert outcome.state is RunState.PARTIAL
    stack.later(minutes=15)
    assert settings(stack) == [("native", "daily", 14, True)]
    assert [record.managed_by_policy for record in stack.ledger.schedules()] == ["native"]


def test_somebody_elses_schedule_is_never_overwritten(stack: Stack) -> None:
    """G5."""
    theirs = somebody_elses(stack)
    outcome = stack.tick()
    assert settings(stack) == [("by-hand", "weekly", 30, True)]
    assert stack.open_findings() == {("native-drift", theirs.schedule_id)}
    assert outcome.native.changes == {}


def test_somebody_elses_schedule_that_does_what_the_policy_says_serves(stack: Stack) -> None:
    somebody_elses(stack, frequency="daily", days=14)
    stack.tick()
    assert len(schedules(stack)) == 1
    assert stack.open_findings() == set()


def test_when_somebody_elses_schedule_is_paused_the_policys_own_is_created(stack: Stack) -> None:
    theirs = somebody_elses(stack)
    stack.tick()
    stack.simulator.project.update_schedule(theirs.schedule_id, enabled=False)
    stack.later(minutes=15)
    assert sorted(settings(stack)) == [
        ("by-hand", "weekly", 30, False),
        ("native", "daily", 14, True),
    ]
    assert stack.open_findings() == set()


def test_a_schedule_that_no_policy_asks_for_any_more_is_paused_once(stack: Stack) -> None:
    stack.tick()
    stack.document = document(CRON)
    outcome = stack.later(minutes=15)
    assert settings(stack) == [("native", "daily", 14, False)]
    assert outcome.native.changes == {"docs": "paused schedule native: no policy asks for it now"}
    stack.simulator.requests.clear()
    stack.later(minutes=15)
    assert stack.calls("update_backup_schedule") == 0


def test_a_paused_schedule_of_ours_is_resumed_when_its_policy_asks_again(stack: Stack) -> None:
    stack.tick()
    stack.document = document(CRON)
    stack.later(minutes=15)
    stack.document = document(NATIVE)
    stack.later(minutes=15)
    assert settings(stack) == [("native", "daily", 14, True)]
    assert stack.open_findings() == set()


def test_opting_out_pauses_the_schedule(stack: Stack) -> None:
    stack.tick()
    stack.simulator.project.configure_index("docs", tags={"backup-policy": "none"})
    stack.later(minutes=15)
    assert settings(stack) == [("native", "daily", 14, False)]


@pytest.mark.parametrize("tag", ["natvie", None])
def test_on_doubt_about_the_policy_the_schedule_runs_on(stack: Stack, tag: str | None) -> None:
    """I3: a tag that names no policy, or no assignment, changes nothing."""
    stack.tick()
    if tag:
        stack.simulator.project.configure_index("docs", tags={"backup-policy": tag})
    else:
        stack.document = document(NATIVE, assignments=[])
    stack.later(minutes=15)
    assert settings(stack) == [("native", "daily", 14, True)]


def test_a_schedule_that_was_deleted_when_it_should_be_paused_is_forgotten(stack: Stack) -> None:
    stack.tick()
    stack.simulator.project.delete_schedule(schedules(stack)[0].schedule_id)
    stack.document = document(CRON)
    outcome = stack.later(minutes=15)
    assert outcome.native.changes == {"docs": "schedule native was deleted outside this deployment"}
    assert [record.managed_by_policy for record in stack.ledger.schedules()] == [""]


def test_a_refused_schedule_is_a_finding_until_it_is_allowed(stack: Stack) -> None:
    stack.simulator.faults.add(
        Fault(kind="status", status=403, operation="create_backup_schedule", times=2)
    )
    stack.tick()
    stack.later(minutes=15)
    assert stack.open_findings() == {("creation-refused", "docs")}
    stack.later(minutes=15)
    assert stack.open_findings() == set()


def test_schedules_that_cannot_be_listed_change_nothing_and_resolve_nothing(stack: Stack) -> None:
    """U1."""
    theirs = somebody_elses(stack)
    stack.tick()
    stack.simulator.faults.add(
        Fault(kind="status", status=503, operation="list_backup_schedules", times=None)
    )
    outcome = stack.later(minutes=15)
    assert list(outcome.native.problems) == ["docs"]
    assert stack.open_findings() == {("native-drift", theirs.schedule_id)}


def test_an_unexpected_error_at_one_schedule_leaves_the_others_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.simulator.project.seed_index("more", records=10)
    honest = stack.control_plane.native_schedules

    def but_not_for_docs(index: str) -> Any:
        if index == "docs":
            raise ZeroDivisionError
        return honest(index)

    monkeypatch.setattr(stack.control_plane, "native_schedules", but_not_for_docs)
    outcome = stack.tick()
    problem = "Unexpected ZeroDivisionError; the function's log has the traceback"
    assert outcome.summary["native_problems"] == outcome.unexpected == {"docs": problem}
    assert set(outcome.native.changes) == {"more"}
    assert outcome.state is RunState.PARTIAL


def test_without_time_left_schedules_wait_for_the_next_tick(stack: Stack) -> None:
    stack.tick(time_left=lambda: 129.0)
    assert schedules(stack) == []


def test_a_native_backup_satisfies_our_slots_where_the_policy_says_so(stack: Stack) -> None:
    """G5."""
    somebody_elses(stack, frequency="daily")
    stack.document = document(policy("daily", cron="0 5 * * *", native_satisfies=True))
    stack.simulator.clock.set(START + timedelta(days=1, hours=-5))
    stack.tick()
    assert stack.kinds(stack.later(hours=1)) == {"docs": "satisfied"}
    stack.document = document(policy("daily", cron="0 5 * * *"))
    assert stack.kinds(stack.later(minutes=15)) == {"docs": "under_way"}


def test_a_planned_native_run_neither_satisfies_nor_holds_up(stack: Stack) -> None:
    """G5."""
    somebody_elses(stack, frequency="daily")
    stack.document = document(policy(native_satisfies=True))
    stack.tick()
    assert stack.kinds(stack.later(hours=1)) == {"docs": "under_way"}
    assert len(stack.made()) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("native", "native"),
        ("a" * 40, "a" * 28),
        ("a" * 27 + "-bcd", "a" * 27),
    ],
)
def test_a_schedules_name_leaves_room_for_the_time_of_its_runs(name: str, expected: str) -> None:
    assert native_name(name) == expected
