"""A POST that is repeated, without an Idempotency-Key, does once what it asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.records import RunState, Verdict
from pinecone_backup.rules.inventory import new_record
from tests.support.api import finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.api import Answer, World

HOLD = {"scope": "index", "target": "products", "reason": "case 4711"}
SCHEDULE = {
    "name": "nightly",
    "schedule": {"type": "time-based", "frequency": "daily"},
    "retention": {"expire_after_days": 14},
}
REASON = {"reason": "we know"}


def place(world: World) -> Answer:
    return world.ask("POST", "/holds", HOLD)


def release(world: World) -> Answer:
    (hold,) = world.ledger.holds()
    return world.ask("POST", f"/holds/{hold.hold_id}/release", REASON)


def start(world: World) -> Answer:
    return world.ask("POST", "/runs", {"kind": "prune"})


def acknowledge(world: World) -> Answer:
    return world.ask("POST", "/findings/f1/acknowledge", REASON)


def accept(world: World) -> Answer:
    (backup_id,) = world.ledger.backups()
    return world.ask("POST", f"/suspects/{backup_id}/accept", REASON)


def schedule(world: World) -> Answer:
    return world.ask("POST", "/indexes/products/backup-schedules", SCHEDULE)


REQUESTS = [place, release, start, acknowledge, accept, schedule]


@pytest.fixture
def prepared(world: World) -> World:
    """A world in which each of the requests has something to act on."""
    control_plane = world.container.control_plane(world.container.document.projects[0])
    suspect = control_plane.describe_backup(world.seed())
    now = world.simulator.clock.now()
    world.ledger.put_backup(new_record(suspect, now, verdict=Verdict.SUSPECT))
    world.ledger.put_finding(finding(world, 1))
    return world


def stored(world: World) -> Any:
    """Everything that a request can leave behind."""
    ledger = world.ledger
    return (
        list(ledger.holds()),
        list(ledger.runs()),
        list(ledger.findings()),
        dict(ledger.backups()),
        list(ledger.schedules()),
        list(ledger.events),
    )


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_that_is_repeated_is_answered_alike_and_changes_nothing(
    prepared: World, request_: Callable[[World], Answer]
) -> None:
    if request_ is release:
        place(prepared)
    first = request_(prepared)
    before = stored(prepared)
    prepared.simulator.clock.advance(minutes=5)

    again = request_(prepared)

    assert first.status < 300, first.text
    assert (again.status, again.text) == (first.status, first.text)
    assert stored(prepared) == before


@pytest.mark.parametrize("request_", [each for each in REQUESTS if each is not start])
def test_a_request_whose_answer_was_lost_is_finished_by_its_repetition(
    prepared: World, request_: Callable[[World], Answer]
) -> None:
    """What was asked for was written, with its event, and nobody heard of it."""
    if request_ is release:
        place(prepared)
    events = len(prepared.ledger.events)

    prepared.ledger.table.lost = 1
    assert request_(prepared).status == 503
    half = stored(prepared)[:-1]

    assert request_(prepared).status < 300
    assert stored(prepared)[:-1] == half
    assert len(prepared.ledger.events) == events + 1


def test_a_run_whose_request_got_lost_is_asked_for_again_under_its_own_id(world: World) -> None:
    run_id = start(world).json["run_id"]
    start(world)
    assert [detail["run_id"] for _, detail in world.container.bus.requested] == [run_id, run_id]


def test_a_run_that_has_started_is_not_the_one_that_is_asked_for(world: World) -> None:
    run_id = start(world).json["run_id"]
    (run,) = world.ledger.runs()
    world.ledger.put_run(
        replace(run, state=RunState.RUNNING, started_at=world.simulator.clock.now())
    )
    assert start(world).json["run_id"] != run_id


def test_another_callers_request_is_another_run(world: World) -> None:
    run_id = start(world).json["run_id"]
    other = world.ask("POST", "/runs", {"kind": "prune"}, actor="arn:aws:iam::1:user/bob")
    assert other.json["run_id"] != run_id


@pytest.mark.parametrize(
    "change",
    [{"reason": "another"}, {"expires_at": "2027-06-30T00:00:00Z"}, {"scope": "backup"}],
    ids=lambda change: next(iter(change)),
)
def test_a_hold_that_says_something_else_is_another_hold(
    world: World, change: dict[str, str]
) -> None:
    target = world.seed("products") if "scope" in change else "products"
    place(world)
    assert world.ask("POST", "/holds", {**HOLD, "target": target, **change}).status == 201
    assert len(world.ledger.holds()) == 2


def test_a_hold_that_was_released_can_be_placed_anew(world: World) -> None:
    first = place(world).json["hold_id"]
    release(world)
    assert place(world).json["hold_id"] != first
    assert [hold.active(world.simulator.clock.now()) for hold in world.ledger.holds()] == [
        False,
        True,
    ]
