"""Laws of creating: for any sequence of ticks, delays, failures and crashes."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulator import Outcome, Result
from pinecone_backup.errors import LedgerError, PineconeError, RuleForbids
from pinecone_backup.records import IndexRecord
from pinecone_backup.rules.marker import Marker
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from tests.support.creating import (
    OWNER,
    Crash,
    DyingLedger,
    ProjectControlPlane,
    Stack,
    document,
    policy,
    slot_of,
)
from tests.support.simulator import START, fresh_simulator

if TYPE_CHECKING:
    from pinecone_backup.ports import ControlPlane

NAMES = ("alpha", "beta", "gamma")
STUCK_AFTER = timedelta(hours=12)
POSTS = (
    "ok",
    "unavailable",
    "refused",
    "unknown",
    "lost answer",
    "lost write",
    "crash before",
    "crash after",
)


@dataclass(frozen=True)
class Step:
    """What happens next: time passes, somebody asks for a backup, one tick goes well or badly."""

    minutes: int
    post: str
    fate: Result
    dies_at: int
    doubled: bool
    asked: bool


steps = st.builds(
    Step,
    minutes=st.sampled_from([1, 15, 30, 60, 200, 800]),
    post=st.sampled_from(POSTS),
    fate=st.sampled_from([Result.READY, Result.FAIL, Result.STICK]),
    dies_at=st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5]),
    doubled=st.booleans(),
    asked=st.booleans(),
)
histories = st.lists(steps, max_size=25)


def new_stack(quota: int = 500) -> Stack:
    simulator = fresh_simulator()
    for name in NAMES:
        simulator.project.seed_index(name, records=10)
    control_plane = cast("ControlPlane", ProjectControlPlane(simulator))
    stack = Stack(
        simulator,
        control_plane,
        document(
            policy("hourly", cron="0 */2 * * *"),
            policy("daily", cron="30 5 * * *", timezone="Europe/Berlin"),
            assignments=[
                {"policy": "daily", "index": "gamma"},
                {"policy": "hourly"},
            ],
            quota=quota,
        ),
    )
    stack.ledger = DyingLedger()
    stack.tick()
    return stack


def play(stack: Stack, step: Step) -> None:
    control_plane, ledger = (
        cast("ProjectControlPlane", stack.control_plane),
        cast("DyingLedger", stack.ledger),
    )
    for index in stack.simulator.project.indexes:
        index.outcomes[:] = [Outcome(step.fate)]
    stack.simulator.clock.advance(timedelta(minutes=step.minutes))
    control_plane.post, ledger.dies_at = step.post, step.dies_at
    if step.asked:
        with contextlib.suppress(Crash, LedgerError, PineconeError, RuleForbids):
            create_on_demand(stack.context(), stack.control_plane, ledger, NAMES[0])
    with contextlib.suppress(Crash, LedgerError):
        stack.tick()
    if step.doubled:
        with contextlib.suppress(Crash, LedgerError):
            stack.tick()
    control_plane.post, ledger.dies_at = "ok", 0


def running(stack: Stack, name: str) -> int:
    now = stack.now
    return sum(
        row.status(now) == "Initializing" and now - row.created_at < STUCK_AFTER
        for row in stack.made(name)
    )


def recover(stack: Stack) -> None:
    """A day without trouble: longer than anything stuck, refused or leased can last."""
    for index in stack.simulator.project.indexes:
        index.outcomes.clear()
    stack.day(hours=26, every=30)


@settings(max_examples=20)
@given(histories)
def test_at_most_one_backup_is_under_way_per_index(history: list[Step]) -> None:
    """C2."""
    stack = new_stack()
    for step in history:
        play(stack, step)
        assert all(running(stack, name) <= 1 for name in NAMES)


@settings(max_examples=20)
@given(histories)
def test_no_slot_of_an_index_gets_two_successful_backups(history: list[Step]) -> None:
    """C2, C3."""
    stack = new_stack()
    for step in history:
        play(stack, step)
    recover(stack)
    now = stack.now
    for name in NAMES:
        ready = [slot_of(row) for row in stack.made(name) if row.status(now) == "Ready"]
        assert len(set(ready)) == len(ready)


@settings(max_examples=15)
@given(histories)
def test_no_slot_gets_more_than_four_attempts(history: list[Step]) -> None:
    """C3."""
    stack = new_stack()
    for step in history:
        play(stack, step)
    for name in NAMES:
        attempts = Counter(slot_of(row) for row in stack.made(name))
        assert max(attempts.values(), default=0) <= 4


@settings(max_examples=15)
@given(histories)
def test_whatever_was_missed_repairs_itself(history: list[Step]) -> None:
    """C1: when the trouble is over, every index has the backup of its latest slot."""
    stack = new_stack()
    for step in history:
        play(stack, step)
    recover(stack)
    assert set(stack.kinds(stack.tick()).values()) <= {"satisfied", "not_due_yet", "under_way"}
    for name in NAMES:
        newest = max(row.created_at for row in stack.made(name) if row.status(stack.now) == "Ready")
        assert stack.now - newest <= timedelta(hours=25)


@settings(max_examples=15)
@given(histories)
def test_every_backup_has_one_event_and_a_record(history: list[Step]) -> None:
    """C3: record first, announce after; nothing is lost and nothing is announced twice."""
    stack = new_stack()
    for step in history:
        play(stack, step)
    recover(stack)
    announced = [event["backup_id"] for event in stack.events("backup.created")]
    assert len(announced) == len(set(announced))
    failed = {event["backup_id"] for event in stack.events("backup.failed")}
    made = {row.backup_id for name in NAMES for row in stack.made(name)}
    assert made <= set(announced) | failed


@settings(max_examples=15)
@given(histories, st.integers(1, 6))
def test_the_project_never_holds_more_than_its_quota(history: list[Step], quota: int) -> None:
    """C4: what people ask for is Pinecone's to refuse."""
    stack = new_stack(quota)
    for step in history:
        play(stack, replace(step, asked=False))
        assert len(stack.simulator.project.project_backups()) <= quota


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 40)), max_size=12), st.integers(1, 20))
def test_several_at_a_time_serve_whom_one_after_the_other_does(
    indexes: list[tuple[int, int]], quota: int
) -> None:
    """C4: by priority, then the oldest backup, whatever the order in which calls are answered."""

    def served(concurrency: int) -> dict[str, str]:
        stack = new_stack(quota)
        for number, (priority, hours) in enumerate(indexes):
            name, at = f"i{number}", stack.now - timedelta(hours=hours)
            stack.simulator.project.seed_index(name)
            marker = Marker(OWNER, f"p{priority}", at, "run-0", 1)
            stack.simulator.project.seed_backup(
                name, name=marker.name_for(name), description=str(marker), created_at=at
            )
            seen = stack.now - timedelta(days=9)
            stack.ledger.put_index(IndexRecord(name, seen, seen))
        stack.document = document(
            *(policy(f"p{priority}", priority=priority) for priority in range(3)),
            assignments=[
                {"policy": f"p{priority}", "index": f"i{number}"}
                for number, (priority, _) in enumerate(indexes)
            ],
            quota=quota,
        )
        stack.control_plane.concurrency = concurrency
        return stack.kinds(stack.tick())

    assert served(8) == served(1)


@settings(max_examples=15)
@given(histories)
def test_a_doubled_tick_does_nothing(history: list[Step]) -> None:
    """C2, C3."""
    stack = new_stack()
    for step in history:
        play(stack, step)
        stack.tick()
        before = (sum(len(stack.made(name)) for name in NAMES), len(stack.events("backup.failed")))
        stack.tick()
        assert before == (
            sum(len(stack.made(name)) for name in NAMES),
            len(stack.events("backup.failed")),
        )


def test_a_hundred_indexes_do_not_start_in_the_same_minute() -> None:
    """C1."""
    simulator = fresh_simulator()
    names = [f"index-{number}" for number in range(100)]
    for name in names:
        simulator.project.seed_index(name, records=10)
    stack = Stack(
        simulator, cast("ControlPlane", ProjectControlPlane(simulator)), document(policy())
    )
    for _ in range(5):
        stack.later(minutes=23)
    for _ in range(45):
        stack.later(minutes=1)
    slot = START + timedelta(hours=2)
    starts = [row.created_at for name in names for row in stack.made(name) if slot_of(row) == slot]
    assert len(starts) == 100
    assert max(Counter(starts).values()) <= 12
    assert max(starts) - min(starts) > timedelta(minutes=25)


SCHEDULES = st.sampled_from(
    [
        ("0 2 * * *", "UTC"),
        ("0 3 * * *", "UTC"),
        ("0 * * * *", "UTC"),
        ("0 2 * * *", "Pacific/Auckland"),
        ("30 */6 * * *", "Europe/Berlin"),
    ]
)


@settings(max_examples=8)
@given(st.lists(SCHEDULES, min_size=2, max_size=4), st.sampled_from([15, 60, 300]))
def test_a_changed_schedule_starts_no_index_before_its_next_slot(
    schedules: list[tuple[str, str]], minutes: int
) -> None:
    """C2: every index has its backup; of a chain of changes, none starts one that is not due."""
    stack = new_stack()

    def change(schedule: tuple[str, str]) -> None:
        cron, zone = schedule
        stack.document = document(policy(cron=cron, timezone=zone, max_age="30d"))

    change(schedules[0])
    stack.day(hours=25, every=60)
    for schedule in schedules[1:]:
        stack.later(minutes=minutes)
        stack.later(minutes=29)  # however late its jitter lets an index start
        change(schedule)
        assert not stack.tick().created
        stack.day(hours=1)
