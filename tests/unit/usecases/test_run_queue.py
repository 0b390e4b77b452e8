"""Ticks over several projects: one message each, late, doubled, reordered and interrupted."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.errors import StoreUnavailable, Unavailable
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.usecases.runs import LEASE, STARTS_WITHIN, Job
from tests.support.fuse import Fuse, Fused, Killed, ledger_error, store_error
from tests.support.runs import NOW, Done, MemoryQueue, World

if TYPE_CHECKING:
    from pinecone_backup.triggers import RunRequest
    from tests.support.ledger import MemoryLedger

QUARTER = timedelta(minutes=15)
NAMES = ("docs", "main", "search", "shop")


def fanned_out(*names: str) -> World:
    world = World(*(names or NAMES))
    world.queue = MemoryQueue()
    return world


def tick(world: World, at: datetime = NOW) -> list[str]:
    """The messages of a tick."""
    assert world.queue is not None
    world.now = max(world.now, at)
    world.run(time=at)
    return world.queue.take()


def project_of(body: str) -> str:
    return str(json.loads(body)["project"])


def announced(world: World) -> Counter[tuple[str, str]]:
    """How often each event id went out, with its type."""
    return Counter((event.type, event.event_id) for event in world.bus.published)


# One message per project


def test_a_tick_over_several_projects_queues_one_message_each_and_runs_none() -> None:
    world = fanned_out()
    bodies = tick(world)
    assert sorted(map(project_of, bodies)) == sorted(NAMES)
    assert world.jobs == []


def test_a_single_project_is_run_and_not_queued() -> None:
    world = fanned_out("main")
    assert tick(world) == []
    assert [job.project.name for job in world.jobs] == ["main"]


def test_a_project_that_is_asked_for_is_run_and_not_queued() -> None:
    world = fanned_out()
    world.run(project="search")
    assert [job.project.name for job in world.jobs] == ["search"]


def test_a_message_is_a_run_of_its_project_at_the_ticks_time() -> None:
    """T1: a message that is worked off later selects slots as the tick would have."""
    world = fanned_out()
    world.now = NOW + timedelta(minutes=10)
    for body in tick(world):
        world.message(body)
    assert {job.project.name for job in world.jobs} == set(NAMES)
    assert {job.context.time.scheduled_at for job in world.jobs} == {NOW}
    assert {job.context.time.actual for job in world.jobs} == {NOW + timedelta(minutes=10)}
    assert {job.context.actor for job in world.jobs} == {"schedule"}


def test_a_worked_off_message_is_a_heartbeat() -> None:
    world = fanned_out()
    world.message(tick(world)[0])
    assert world.metrics.value("ProjectsFailed", kind="create") == 0


def test_a_run_that_failed_is_recorded_and_its_message_worked_off() -> None:
    """The next tick tries again; the metric says that it failed."""
    world = fanned_out()

    def work(_: Job) -> Done:
        raise Unavailable("Pinecone does not answer")

    answer = world.message(tick(world)[0], work)
    assert answer["runs"][0]["state"] == "failed"
    assert world.metrics.value("ProjectsFailed", kind="create") == 1


def test_a_message_about_a_project_that_left_the_policy_does_nothing() -> None:
    world = fanned_out()
    (body,) = (body for body in tick(world) if project_of(body) == "shop")
    world.document = validate_policy({"projects": [{"name": "main"}]})
    assert world.message(body)["runs"] == []
    assert world.jobs == []


def test_a_message_that_is_not_taken_fails_the_tick_after_the_others_are_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = fanned_out()
    assert world.queue is not None
    honest = world.queue.send

    def but_not_main(request: RunRequest) -> None:
        if request.project == "main":
            raise StoreUnavailable("The queue did not take the run of project main")
        honest(request)

    monkeypatch.setattr(world.queue, "send", but_not_main)
    with pytest.raises(StoreUnavailable, match="main"):
        world.run(time=NOW)
    assert sorted(map(project_of, world.queue.bodies)) == ["docs", "search", "shop"]


def test_every_project_comes_first_at_some_tick_of_a_day() -> None:
    world = fanned_out()
    first = {project_of(tick(world, NOW + number * QUARTER)[0]) for number in range(96)}
    assert first == set(NAMES)


# Late, doubled and reordered


def test_a_doubled_tick_asks_for_the_same_runs() -> None:
    world = fanned_out()
    assert tick(world) == tick(world)


def test_a_doubled_message_is_one_run() -> None:
    world = fanned_out()
    body = tick(world)[0]
    for _ in range(2):
        world.message(body)
    assert len(world.jobs) == 1
    assert len(world.ledger(project_of(body)).runs()) == 1


def test_a_message_that_comes_again_while_its_run_goes_on_leaves_that_alone() -> None:
    world = fanned_out()
    body = tick(world)[0]

    def work(job: Job) -> Done:
        if len(world.jobs) == 1:
            world.message(body)
        return Done()

    world.message(body, work)
    assert len(world.jobs) == 1
    assert world.only_run(project_of(body)).state is RunState.SUCCEEDED


def test_a_message_older_than_a_later_ticks_run_is_refused() -> None:
    """T1."""
    world = fanned_out("a", "b")
    early, late = (
        {project_of(body): body for body in tick(world, at)} for at in (NOW, NOW + QUARTER)
    )
    world.message(late["a"])
    assert world.message(early["a"])["runs"][0]["state"] == "refused"
    assert len(world.jobs) == 1


@settings(max_examples=40)
@given(st.data())
def test_doubled_and_reordered_messages_give_each_project_its_run_once(data: st.DataObject) -> None:
    """Of two ticks, whatever comes when: the newest is served, none twice, nothing goes back."""
    world = fanned_out("a", "b", "c")
    bodies = [*tick(world), *tick(world), *tick(world, NOW + QUARTER)]
    for body in data.draw(
        st.permutations([*bodies, *data.draw(st.lists(st.sampled_from(bodies)))])
    ):
        world.message(body)
    for name in "abc":
        times = [job.context.time.scheduled_at for job in world.jobs if job.project.name == name]
        assert times in ([NOW + QUARTER], [NOW, NOW + QUARTER])
    assert max(announced(world).values()) == 1


# Interrupted


def interrupted(at: int, *, after_effect: bool) -> tuple[World, Fuse]:
    """A tick of two projects that is killed at its n-th call, and what came after it."""
    world = fanned_out("a", "b")
    fuse = Fuse(at=at, after_effect=after_effect, kill=True)
    honest = world.ledger

    def fused(project: str = "main") -> MemoryLedger:
        return cast("MemoryLedger", Fused(honest(project), fuse, ledger_error))

    bus, queue = world.bus, world.queue
    assert queue is not None
    world.ledger = fused  # type: ignore[method-assign]
    world.bus = cast("Any", Fused(bus, fuse, store_error))
    world.queue = cast("Any", Fused(queue, fuse, store_error))
    with suppress(Killed):
        world.run(time=NOW)
        for body in list(queue.bodies):
            world.message(body)
            queue.bodies.remove(body)
    world.ledger, world.bus, world.queue = honest, bus, queue  # type: ignore[method-assign]
    left = queue.take()
    world.now = NOW + QUARTER
    later = tick(world, NOW + QUARTER)
    for body in [*later, *left]:  # what was left comes again when its visibility timeout is over
        world.message(body)
    return world, fuse


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_tick_that_is_killed_at_any_call_is_made_good_by_the_next_one(after_effect: bool) -> None:
    """Each project has a run of the later tick, none stays running, nothing is announced anew."""
    calls = len(interrupted(10_000, after_effect=False)[1].calls)
    assert calls > 20
    for at in range(calls):
        world, fuse = interrupted(at, after_effect=after_effect)
        for name in "ab":
            runs = world.ledger(name).runs()
            where = f"killed at {fuse.calls[at]} ({at})"
            assert runs[0].state is RunState.SUCCEEDED, where
            assert runs[0].time == NOW + QUARTER, where
            assert all(run.state is not RunState.RUNNING for run in runs), where
            assert world.ledger(name).leases in ([], ["write"]), where
        again = fuse.calls[at] in ("publish", "mark_announced")  # under its id, which notify knows
        assert max(announced(world).values()) <= 1 + again, where


def test_a_message_whose_run_was_killed_starts_it_once_more() -> None:
    """While no later tick has been there."""
    world = fanned_out("a", "b")
    body = tick(world)[0]

    def dies(_: Job) -> Done:
        raise Killed

    with suppress(Killed):
        world.message(body, dies)
    world.now = NOW + timedelta(minutes=30)
    world.message(body)
    assert world.only_run(project_of(body)).state is RunState.SUCCEEDED


# Lost runs


def left_behind(world: World, state: RunState, age: timedelta, **more: Any) -> Run:
    at = NOW - age
    started = None if state is RunState.REQUESTED else at
    run = Run(
        f"{at:%Y%m%dt%H%M%Sz}-audit-abcdef",
        RunKind.AUDIT,
        TriggerKind.API,
        "alice",
        state,
        at,
        started,
        **more,
    )
    world.ledger().put_run(run)
    return run


def test_a_run_that_outlived_its_lease_is_closed_as_lost() -> None:
    """U1: with an event and a finding."""
    world = World()
    lost = left_behind(world, RunState.RUNNING, LEASE + timedelta(seconds=1))
    world.run()
    known = world.ledger().run(lost.run_id)
    assert known is not None
    assert (known.state, known.finished_at) == (RunState.LOST, NOW)
    assert [
        event.data["run_id"] for event in world.ledger().events if event.type == "run.failed"
    ] == [lost.run_id]
    assert world.open_findings() == ["run-broken"]


def test_a_lost_run_after_which_one_of_its_kind_ended_well_is_no_finding() -> None:
    """U1: it is closed, and what broke is made good already."""
    world = World()
    later = left_behind(world, RunState.RUNNING, timedelta(minutes=2))
    world.ledger().put_run(replace(later, state=RunState.SUCCEEDED))
    lost = left_behind(world, RunState.RUNNING, LEASE + timedelta(seconds=1))
    world.run()
    known = world.ledger().run(lost.run_id)
    assert known is not None
    assert known.state is RunState.LOST
    assert world.open_findings() == []


def test_the_finding_of_a_lost_run_resolves_when_the_next_of_its_kind_ends_well() -> None:
    """U1."""
    world = World()
    left_behind(world, RunState.RUNNING, LEASE + timedelta(seconds=1))
    world.run()
    world.run(kind=RunKind.AUDIT)
    assert world.open_findings() == []


def test_a_run_that_may_still_be_under_way_is_left_alone() -> None:
    world = World()
    young = left_behind(world, RunState.RUNNING, LEASE)
    world.run()
    assert world.ledger().run(young.run_id) == young


def test_a_requested_run_that_never_started_is_asked_for_again_once() -> None:
    world = World()
    waits = left_behind(
        world, RunState.REQUESTED, STARTS_WITHIN + timedelta(seconds=1), summary={"dry_run": True}
    )
    for _ in range(3):
        world.run()
    asked = {"project": "main", "run_id": waits.run_id, "dry_run": True}
    assert world.bus.requested == [(RunKind.AUDIT, asked)]
    known = world.ledger().run(waits.run_id)
    assert known == replace(waits, asked_again_at=NOW)


def test_a_requested_run_that_never_starts_is_closed_as_lost() -> None:
    world = World()
    waits = left_behind(world, RunState.REQUESTED, STARTS_WITHIN + timedelta(seconds=1))
    world.run()
    world.now = NOW + STARTS_WITHIN + timedelta(seconds=1)
    world.run()
    known = world.ledger().run(waits.run_id)
    assert known is not None
    assert (known.state, known.error) == (RunState.LOST, "It was asked for twice and never started")


def test_a_request_that_was_made_just_now_is_waited_for() -> None:
    world = World()
    left_behind(world, RunState.REQUESTED, STARTS_WITHIN)
    world.run()
    assert world.bus.requested == []


def test_what_goes_wrong_with_lost_runs_stops_no_run() -> None:
    world = World()
    left_behind(world, RunState.REQUESTED, STARTS_WITHIN + timedelta(seconds=1))
    world.bus.refuse = {"audit"}
    assert world.run()["runs"][0]["state"] == "succeeded"
