"""Restores, through our own client against the simulated Pinecone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Fault, Outcome, Result
from pinecone_backup.errors import NotFound, OutcomeUnknown, PreconditionFailed, RuleForbids
from pinecone_backup.usecases.requests.restore import JOB_LOST, refresh_restores, restore
from tests.support.creating import Stack, client, document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.records import RestoreRecord


@pytest.fixture
def control_plane(simulator_url: str) -> Iterator[PineconeClient]:
    with client(simulator_url) as control_plane:
        yield control_plane


@pytest.fixture
def stack(simulator: Simulator, control_plane: PineconeClient) -> Stack:
    """A project with one index ``docs`` and one Ready backup ``b-1`` of it."""
    simulator.project.seed_index("docs", records=10, tags={"team": "search"})
    simulator.project.seed_backup("docs", backup_id="b-1", record_count=10)
    return Stack(simulator, control_plane, document(assignments=[]))


def start(stack: Stack, name: str = "docs-2", backup_id: str = "b-1", **how: Any) -> RestoreRecord:
    return restore(
        stack.context(), stack.control_plane, stack.ledger, backup_id=backup_id, name=name, **how
    )


def refresh(stack: Stack) -> list[str]:
    changed = refresh_restores(stack.control_plane, stack.ledger, now=stack.now)
    return [record.status for record in changed]


def test_a_restore_creates_an_index_and_is_recorded_and_announced(stack: Stack) -> None:
    record = start(stack)
    assert stack.simulator.project.describe_index("docs-2").source_backup_id == "b-1"
    assert list(stack.ledger.restores()) == [record]
    assert (record.status, record.started_by, record.started_at) == (
        "Pending",
        "schedule",
        stack.now,
    )
    assert stack.events("restore.started") == [
        {"job_id": record.job_id, "backup_id": "b-1", "index": "docs-2", "actor": "schedule"}
    ]


def test_what_the_caller_wants_of_the_new_index_reaches_pinecone(stack: Stack) -> None:
    capacity = {"mode": "OnDemand"}
    start(stack, tags={"a": "b"}, deletion_protection=True, read_capacity=capacity)
    index = stack.simulator.project.describe_index("docs-2")
    assert (index.tags, index.deletion_protection, index.read_capacity) == (
        {"a": "b"},
        True,
        capacity,
    )


def test_restoring_over_an_existing_name_is_refused_before_pinecone_is_asked(stack: Stack) -> None:
    with pytest.raises(RuleForbids, match="'docs'") as caught:
        start(stack, "docs")
    assert caught.value.rule == "index-exists"
    assert stack.calls("create_index_from_backup") == 0


def test_a_restore_of_an_unknown_backup_is_recorded_nowhere(stack: Stack) -> None:
    with pytest.raises(NotFound):
        start(stack, backup_id="b-2")
    assert list(stack.ledger.restores()) == []
    assert stack.ledger.events == []


def test_a_backup_that_is_not_complete_is_not_restored(stack: Stack) -> None:
    stack.simulator.project.seed_backup("docs", backup_id="b-2", status="Initializing")
    with pytest.raises(PreconditionFailed):
        start(stack, backup_id="b-2")


def test_a_restore_whose_answer_was_lost_is_found_by_its_name(stack: Stack) -> None:
    stack.simulator.project.create_index_from_backup("b-1", "docs-1")
    stack.simulator.faults.add(
        Fault(kind="drop", operation="create_index_from_backup", after_effect=True)
    )
    record = start(stack)
    assert list(stack.simulator.project.jobs)[1:] == [record.job_id]
    assert stack.calls("create_index_from_backup") == 1


def test_a_restore_that_cannot_be_found_is_unknown_and_not_asked_for_twice(stack: Stack) -> None:
    stack.simulator.faults.add(Fault(kind="drop", operation="create_index_from_backup"))
    with pytest.raises(OutcomeUnknown, match="docs-2"):
        start(stack)
    assert stack.calls("create_index_from_backup") == 1


def test_a_lost_answer_stays_unknown_when_the_jobs_cannot_be_listed(stack: Stack) -> None:
    stack.simulator.faults.add(
        Fault(kind="drop", operation="create_index_from_backup", after_effect=True)
    )
    stack.simulator.faults.add(
        Fault(kind="status", status=503, operation="list_restore_jobs", times=None)
    )
    with pytest.raises(OutcomeUnknown):
        start(stack)


@pytest.mark.parametrize(
    ("result", "status"), [(Result.READY, "Completed"), (Result.FAIL, "Failed")]
)
def test_a_restore_is_followed_to_its_end(stack: Stack, result: Result, status: str) -> None:
    stack.simulator.project.restore_outcomes.append(Outcome(result))
    start(stack)
    assert refresh(stack) == []
    stack.simulator.clock.advance(timedelta(minutes=6))
    assert refresh(stack) == [status]
    (record,) = stack.ledger.restores()
    assert record.finished_at is not None
    assert record.finished_at <= stack.now


def test_a_finished_restore_is_not_asked_about_again(stack: Stack) -> None:
    start(stack)
    stack.simulator.clock.advance(timedelta(minutes=6))
    refresh(stack)
    stack.simulator.requests.clear()
    assert refresh(stack) == []
    assert stack.simulator.requests.calls == []


def test_a_restore_that_is_not_found_in_passing_may_still_read_its_backup(stack: Stack) -> None:
    start(stack)
    stack.simulator.faults.add(Fault(kind="status", status=404, operation="describe_restore_job"))
    assert refresh(stack) == []
    assert [record.status for record in stack.ledger.restores()] == ["Pending"]


def test_a_restore_that_cannot_be_asked_about_stays_as_it_is(stack: Stack) -> None:
    start(stack)
    stack.simulator.clock.advance(timedelta(days=2))
    stack.simulator.faults.add(
        Fault(kind="status", status=503, operation="describe_restore_job", times=None)
    )
    assert refresh(stack) == []


def test_a_restore_whose_index_is_deleted_ends_after_a_day(stack: Stack) -> None:
    """Else its backup could never be deleted."""
    stack.simulator.project.restore_outcomes.append(Outcome(Result.STICK))
    start(stack)
    stack.simulator.project.delete_index("docs-2")
    stack.simulator.clock.advance(timedelta(hours=23, minutes=59))
    assert refresh(stack) == []
    stack.simulator.clock.advance(timedelta(minutes=1))
    assert refresh(stack) == [JOB_LOST]
    assert refresh(stack) == []
