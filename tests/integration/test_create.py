"""Create through our own client against the simulated Pinecone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Fault, Kind, Outcome, Result
from pinecone_backup.errors import (
    LedgerUnavailable,
    ListingIncomplete,
    PineconeError,
    SubjectUnknown,
)
from pinecone_backup.model import RunKind
from pinecone_backup.records import (
    BackupRecord,
    Claim,
    ClaimState,
    IndexRecord,
    Run,
    RunState,
    Verdict,
)
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import PolicyDocument
from pinecone_backup.rules.slots import jitter, latest_slot
from pinecone_backup.usecases import create, parallel
from tests.support.creating import (
    OWNER,
    Crash,
    DyingLedger,
    Stack,
    document,
    policy,
    slot_of,
)
from tests.support.ledger import MemoryLedger
from tests.support.simulator import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient

DAILY = policy("daily", cron="0 11 * * *")
"""Due an hour before the simulator's clock begins; nothing else is due for a day."""


@pytest.fixture
def stack(simulator: Simulator, control_plane: PineconeClient) -> Stack:
    """A stack that has known index ``docs`` for long, and whose daily backup is due."""
    stack = Stack(simulator, control_plane, document(DAILY))
    known(stack, "docs")
    return stack


def known(stack: Stack, *names: str, **properties: Any) -> None:
    """Indexes that were there, and were seen, long before the test began."""
    for name in names:
        stack.simulator.project.seed_index(name, records=100, **properties)
    document_, stack.document = stack.document, document(DAILY, assignments=[])
    stack.simulator.clock.advance(timedelta(hours=-1))
    stack.tick()
    stack.simulator.clock.advance(timedelta(hours=1))
    stack.document = document_
    stack.simulator.requests.clear()


# When all is well


def test_a_due_index_gets_one_backup_that_says_whose_and_for_what_it_is(stack: Stack) -> None:
    """I2, I5: policy, slot and attempt stand in the marker, and the name implies the same."""
    outcome = stack.tick()
    (row,) = stack.made()
    slot = START - timedelta(hours=1)
    assert Marker.parse(row.description) == Marker(OWNER, "daily", slot, "run-2", 1)
    assert outcome.created == {"docs": row.backup_id}
    assert outcome.state is RunState.SUCCEEDED


def test_a_created_backup_has_a_record_and_an_event(stack: Stack) -> None:
    stack.tick()
    (row,) = stack.made()
    record = stack.ledger.backups()[row.backup_id]
    assert (record.index_name, record.index_id, record.name) == ("docs", row.index_id, row.name)
    (event,) = stack.events("backup.created")
    assert event == {
        "backup_id": row.backup_id,
        "name": row.name,
        "index": "docs",
        "index_id": row.index_id,
        "policy": "daily",
        "slot": slot_of(row).isoformat(),
        "attempt": 1,
        "run_id": "run-2",
        "actor": "schedule",
    }


def test_a_doubled_tick_does_nothing(stack: Stack) -> None:
    """C2."""
    stack.tick()
    outcome = stack.tick()
    assert stack.kinds(outcome) == {"docs": "under_way"}
    assert len(stack.made()) == 1
    assert len(stack.events("backup.created")) == 1


def test_a_finished_backup_satisfies_its_slot_until_the_next_one(stack: Stack) -> None:
    """C1, C2."""
    stack.tick()
    assert stack.kinds(stack.later(hours=1)) == {"docs": "satisfied"}
    stack.day(hours=24)
    assert [slot_of(row) for row in stack.made()] == [
        START - timedelta(hours=1),
        START + timedelta(hours=23),
    ]


def test_a_missed_tick_repairs_itself_at_the_next_one(stack: Stack) -> None:
    """C1: it is the latest slot that counts, not the tick that should have seen it."""
    stack.tick()
    stack.later(days=3)
    assert [slot_of(row) for row in stack.made()] == [
        START - timedelta(hours=1),
        START + timedelta(days=3, hours=-1),
    ]


def test_the_triggers_time_selects_the_slot_and_the_clock_dates_the_claim(stack: Stack) -> None:
    """T1, T2."""
    stack.tick(now=START - timedelta(minutes=55))
    slot = START - timedelta(hours=1)
    before = latest_slot("0 11 * * *", stack.document.policies[0].zone, "main/docs", START)
    assert before == slot
    claim = stack.ledger.claim("docs", slot - timedelta(days=1)) or stack.ledger.claim("docs", slot)
    assert claim is not None
    assert claim.claimed_at == START


def test_an_index_starts_at_its_slot_plus_its_jitter(stack: Stack) -> None:
    """C1."""
    stack.tick()
    due = START + timedelta(hours=23) + jitter("main/docs", "0 11 * * *")
    stack.simulator.clock.set(due - timedelta(seconds=1))
    waiting = stack.tick()
    assert stack.kinds(waiting) == {"docs": "not_due_yet"}
    stack.simulator.clock.set(due)
    assert stack.kinds(stack.tick()) == {"docs": "under_way"}


# What it asks of Pinecone


@pytest.mark.parametrize(("backups", "pages"), [(0, 1), (99, 1), (100, 2), (250, 3)])
def test_a_tick_without_anything_due_asks_for_the_indexes_and_the_backups_once(
    stack: Stack, backups: int, pages: int
) -> None:
    """N1: floor(N/100) + 1 backup pages and one GET /indexes."""
    stack.document = document(DAILY, assignments=[])
    for _ in range(backups):
        stack.simulator.project.seed_backup("docs", created_at=START - timedelta(days=2))
    stack.tick()
    assert stack.simulator.requests.counts() == {
        "list_indexes": 1,
        "list_project_backups": pages,
    }


def test_each_due_index_costs_one_listing_and_one_post(stack: Stack) -> None:
    """N1."""
    known(stack, "a", "b", "c")
    stack.document = document(DAILY, assignments=[{"policy": "daily", "index": "[abc]"}])
    stack.tick()
    assert stack.simulator.requests.counts() == {
        "list_indexes": 1,
        "list_project_backups": 1,
        "list_index_backups": 3,
        "create_backup": 3,
    }


def test_a_satisfied_index_costs_nothing_more(stack: Stack) -> None:
    """N1."""
    stack.tick()
    stack.simulator.requests.clear()
    stack.later(hours=1)
    assert stack.simulator.requests.counts() == {"list_indexes": 1, "list_project_backups": 1}


# Who gets one


@pytest.mark.parametrize(
    ("tags", "assignments", "kind"),
    [
        ({}, [], "no_policy"),
        ({"backup-policy": "none"}, None, "opted_out"),
        ({"backup-policy": "weekyl"}, None, "unknown_policy_tag"),
        ({"backup-policy": "daily"}, [], "under_way"),
    ],
)
def test_an_index_gets_backups_by_its_policy_alone(
    stack: Stack, tags: dict[str, str], assignments: list[dict[str, str]] | None, kind: str
) -> None:
    """I3."""
    stack.simulator.project.configure_index("docs", tags=tags)
    stack.document = document(DAILY, assignments=assignments)
    assert stack.kinds(stack.tick()) == {"docs": kind}
    assert len(stack.made()) == (kind == "under_way")


@pytest.mark.parametrize("properties", [{"kind": Kind.POD}, {"cmek_id": "key-1"}])
def test_an_index_that_pinecone_cannot_back_up_is_not_asked_for(
    stack: Stack, properties: dict[str, object]
) -> None:
    known(stack, "odd", **properties)
    assert stack.kinds(stack.tick())["odd"] == "unsupported"
    assert stack.calls("create_backup") == 1


def test_an_index_that_is_not_ready_waits(stack: Stack) -> None:
    stack.simulator.project.describe_index("docs").ready_at = None
    assert stack.kinds(stack.tick()) == {"docs": "index_not_ready"}


def test_a_new_index_gets_its_first_backup_half_an_hour_after_it_was_first_seen(
    stack: Stack,
) -> None:
    """C5: sooner, the newest vectors would be missing."""
    stack.simulator.project.seed_index("new", created_at=START, records=10)
    assert stack.kinds(stack.tick())["new"] == "too_new"
    assert stack.kinds(stack.later(minutes=29))["new"] == "too_new"
    assert stack.kinds(stack.later(minutes=1))["new"] == "under_way"
    (row,) = stack.made("new")
    assert row.namespaces == {"__default__": 10}


def test_an_index_with_old_backups_is_not_new_to_a_fresh_ledger(
    stack: Stack,
) -> None:
    """C5: a lost ledger does not hold backups up."""
    stack.simulator.project.seed_backup("docs", created_at=START - timedelta(days=1))
    stack.ledger = MemoryLedger()
    assert stack.kinds(stack.tick()) == {"docs": "under_way"}


def test_a_lost_ledger_does_not_double_backups(stack: Stack) -> None:
    """C2: what is listed satisfies, whatever the ledger knows."""
    stack.tick()
    stack.ledger = MemoryLedger()
    assert stack.kinds(stack.tick()) == {"docs": "under_way"}
    assert stack.kinds(stack.later(hours=2)) == {"docs": "satisfied"}
    assert len(stack.made()) == 1


def test_an_unknown_project_is_refused(stack: Stack) -> None:
    stack.document = stack.document.model_copy(
        update={"projects": [stack.document.projects[0].model_copy(update={"name": "other"})]}
    )
    with pytest.raises(SubjectUnknown):
        stack.tick()


# Incarnations


def test_a_namesakes_backups_satisfy_nothing(stack: Stack) -> None:
    """I1, C5: the re-created index counts as new, and then gets its own backup."""
    stack.tick()
    stack.later(hours=1)
    stack.simulator.project.recreate_index("docs", records=5)
    assert stack.kinds(stack.tick()) == {"docs": "too_new"}
    outcome = stack.later(minutes=30)
    assert stack.kinds(outcome) == {"docs": "under_way"}
    first, second = stack.made()
    assert first.index_id != second.index_id
    assert slot_of(first) == slot_of(second)


def test_a_changed_incarnation_is_remembered(stack: Stack) -> None:
    """I1."""
    stack.tick()
    (first,) = stack.made()
    stack.simulator.project.recreate_index("docs", records=5)
    stack.later(hours=1)
    stack.later(hours=1)
    record = stack.ledger.indexes()["docs"]
    assert record.previous_ids == (first.index_id,)
    assert record.index_id == stack.made()[-1].index_id


def test_two_incarnations_that_both_seem_alive_are_distinguished_by_asking(stack: Stack) -> None:
    """I1: an old row without its index's deletion does not make the new index's claim fail."""
    stack.tick()
    stack.later(hours=1)
    stack.simulator.project.recreate_index("docs", records=5)
    stack.tick()
    stack.later(minutes=30)
    old = stack.simulator.project.index_by_id(stack.made()[0].index_id)
    old.name, old.deleted_at = "elsewhere", None
    known = stack.ledger.indexes()["docs"]
    stack.ledger.put_index(replace(known, previous_ids=()), over=known)
    assert stack.kinds(stack.later(hours=1))["docs"] == "satisfied"
    assert len(stack.made()) == 2
    assert stack.events("backup.failed") == []


def test_a_listing_that_comes_back_empty_creates_no_second_backup(stack: Stack) -> None:
    """I1: an empty answer means a new incarnation, and a new one waits."""
    stack.tick()
    stack.later(hours=23)
    stack.simulator.clock.advance(timedelta(minutes=45))
    stack.simulator.faults.add(Fault(kind="empty_listing", operation="list_index_backups"))
    assert stack.kinds(stack.tick()) == {"docs": "too_new"}
    stack.later(minutes=30)
    assert [slot_of(row) for row in stack.made()] == [
        START - timedelta(hours=1),
        START + timedelta(hours=23),
    ]
    assert stack.ledger.indexes()["docs"].previous_ids == ()


def test_an_idle_tick_reads_all_claims_in_one_request(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N1."""
    known(stack, "a", "b")
    stack.tick()
    stack.later(minutes=15)
    table, reads = stack.ledger.table, Counter[str]()
    for operation in ("get_item", "batch_get_item"):
        honest = getattr(table, operation)

        def counted(*, operation: str = operation, honest: Any = honest, **request: Any) -> Any:
            reads[operation] += 1
            return honest(**request)

        monkeypatch.setattr(table, operation, counted)
    assert set(stack.kinds(stack.tick()).values()) == {"satisfied"}
    assert reads == {"batch_get_item": 1}


def test_several_indexes_are_attended_to_at_a_time(stack: Stack) -> None:
    """Each is listed once, gets its backup once, and all is recorded."""
    names = [f"index-{number:02}" for number in range(12)]
    known(stack, *names)
    stack.control_plane.concurrency = 8
    outcome = stack.tick()
    assert set(outcome.created) == {"docs", *names}
    assert [decision.index for decision in outcome.decisions] == ["docs", *names]
    assert all(len(stack.made(name)) == 1 for name in names)
    assert len(stack.events("backup.created")) == stack.calls("create_backup") == 13


# Listed early


@pytest.fixture
def due_again(stack: Stack) -> Stack:
    """A stack whose two daily backups are due again, which may make eight calls at a time."""
    known(stack, "a")
    stack.tick()
    for record in list(stack.ledger.backups().values()):
        stack.ledger.put_backup(replace(record, verdict=Verdict.GOOD), over=record)
    stack.simulator.clock.advance(timedelta(days=1))
    stack.simulator.requests.clear()
    stack.control_plane.concurrency = 8
    return stack


@pytest.fixture
def expecting(due_again: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The same; the walk over its project lasts until all that goes beside it was listed."""
    walk, done = due_again.control_plane.project_backups, Event()

    def in_parallel(*given: Any, **named: Any) -> Any:
        try:
            return parallel.in_parallel(*given, **named)
        finally:
            done.set()

    def waiting() -> Iterator[Any]:
        assert done.wait(20), "the walk is not over before anything is listed beside it"
        return walk()

    monkeypatch.setattr(create, "in_parallel", in_parallel)
    monkeypatch.setattr(due_again.control_plane, "project_backups", waiting)
    return due_again


def order(stack: Stack) -> list[str]:
    """The listings of backups, in the order asked."""
    return [
        request.operation
        for request in stack.simulator.requests.calls
        if request.operation in ("list_index_backups", "list_project_backups")
    ]


EARLY = ["list_index_backups", "list_index_backups", "list_project_backups"]
IN_TURN = ["list_project_backups", "list_index_backups", "list_index_backups"]


def test_what_the_ledger_expects_to_be_due_is_listed_once_while_the_project_is(
    expecting: Stack,
) -> None:
    """N1."""
    outcome = expecting.tick()
    assert set(outcome.created) == {"docs", "a"}
    assert order(expecting) == EARLY


def test_when_the_walk_has_ended_nothing_is_listed_early(
    due_again: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where calls are slow, a run would list two hundred indexes before it creates a backup."""
    early: list[list[str]] = []

    def the_walk_first(indexes: Any, walk: Any, **_: Any) -> Any:
        rows, found = walk(), indexes()
        early.append(order(due_again))
        return found, rows

    monkeypatch.setattr(create, "both", the_walk_first)
    assert set(due_again.tick().created) == {"docs", "a"}
    assert early == [["list_project_backups"]]


def test_what_could_not_be_listed_early_is_listed_in_its_turn(expecting: Stack) -> None:
    expecting.simulator.faults.add(
        Fault(kind="status", status=400, operation="list_index_backups", times=1)
    )
    outcome = expecting.tick()
    assert (set(outcome.created), outcome.problems) == ({"docs", "a"}, {})
    assert order(expecting) == [*EARLY, "list_index_backups"]


def test_an_index_about_which_nothing_can_be_expected_leaves_the_others_alone(
    expecting: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = PolicyDocument.assigned

    def but_not_docs(self: PolicyDocument, project: str, index: str, tags: Any) -> Any:
        if index == "docs":
            raise ZeroDivisionError
        return honest(self, project, index, tags)

    monkeypatch.setattr(PolicyDocument, "assigned", but_not_docs)
    outcome = expecting.tick()
    assert (set(outcome.created), set(outcome.unexpected)) == ({"a"}, {"docs"})
    assert order(expecting) == EARLY[1:]


@pytest.mark.parametrize(
    ("state", "expected"),
    [(None, EARLY), (RunState.SUCCEEDED, EARLY), (RunState.PARTIAL, IN_TURN)],
)
def test_after_a_run_with_trouble_nothing_is_listed_early(
    expecting: Stack, state: RunState | None, expected: list[str]
) -> None:
    """N1: an index that waits for its quota would be listed at each tick."""
    if state is not None:
        context, now = expecting.context(), expecting.now
        expecting.ledger.put_run(
            Run("last", RunKind.CREATE, context.trigger, context.actor, state, now, now)
        )
    assert set(expecting.tick().created) == {"docs", "a"}
    assert order(expecting) == expected


def test_a_lower_priority_begins_when_the_higher_one_has_ended(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4: what Pinecone's own quota still takes goes to those who come first."""
    first = [f"first-{number}" for number in range(5)]
    known(stack, *first, *(f"second-{number}" for number in range(5)))
    stack.document = document(
        policy("second", cron="0 11 * * *"),
        policy("first", cron="0 11 * * *", priority=5),
        assignments=[
            {"policy": "first", "index": "first-*"},
            {"policy": "second", "index": "second-*"},
        ],
    )
    stack.simulator.project.backup_quota = 5
    stack.control_plane.concurrency = 8
    assert set(stack.tick().created) == set(first)


# Quota


def test_the_last_of_the_quota_goes_by_priority_and_then_to_the_oldest_backup(
    stack: Stack,
) -> None:
    """C4."""
    known(stack, "low", "fresh", "stale")
    for name, hours in {"low": 99, "fresh": 30, "stale": 60}.items():
        at = START - timedelta(hours=hours)
        marker = Marker(OWNER, "daily", at, "run-0", 1)
        stack.simulator.project.seed_backup(
            name, name=marker.name_for(name), description=str(marker), created_at=at
        )
    stack.document = document(
        policy("daily", cron="0 11 * * *", priority=5),
        policy("minor", cron="0 11 * * *"),
        assignments=[
            {"policy": "minor", "index": "low"},
            {"policy": "daily", "index": "fresh"},
            {"policy": "daily", "index": "stale"},
        ],
        quota=4,
    )
    outcome = stack.tick()
    assert set(outcome.created) == {"stale"}
    assert stack.open_findings() == {("quota-reached", "fresh"), ("quota-reached", "low")}
    assert outcome.state is RunState.PARTIAL
    assert stack.calls("create_backup") == 1


def test_quota_findings_resolve_when_the_quota_suffices_again(stack: Stack) -> None:
    """C4, U1."""
    stack.document = document(DAILY, quota=1)
    stack.simulator.project.seed_backup("docs", name="manual", created_at=START)
    stack.tick()
    assert stack.open_findings() == {("quota-reached", "docs")}
    stack.document = document(DAILY, quota=2)
    assert stack.kinds(stack.later(minutes=15)) == {"docs": "under_way"}
    assert stack.open_findings() == set()


def test_when_pinecone_says_that_the_quota_is_reached_no_one_else_is_asked_for(
    stack: Stack,
) -> None:
    """C3, C4: our figure of the quota can be wrong, Pinecone's is not."""
    known(stack, "a", "b")
    stack.simulator.project.backup_quota = 1
    stack.simulator.project.seed_backup("docs", created_at=START)
    stack.document = document(DAILY, assignments=[{"policy": "daily", "index": "[ab]"}])
    outcome = stack.tick()
    assert stack.kinds(outcome) == {"a": "refused", "b": "no_quota_left", "docs": "no_policy"}
    assert stack.calls("create_backup") == 1


def test_a_new_incarnation_gets_nothing_either_when_the_quota_is_used_up(stack: Stack) -> None:
    """C4: found out only when its incarnation was asked for."""
    stack.tick()
    stack.later(hours=1)
    old = stack.made()[0]
    stack.simulator.project.recreate_index("docs", records=5)
    stack.simulator.project.seed_backup("docs", created_at=START - timedelta(days=1))
    index = stack.simulator.project.index_by_id(old.index_id)
    index.name, index.deleted_at = "elsewhere", None
    stack.document = document(DAILY, quota=2)
    outcome = stack.tick()
    assert stack.kinds(outcome)["docs"] == "no_quota_left"
    assert stack.calls("create_backup") == 1


# What Pinecone refuses


@pytest.mark.parametrize("status", [400, 402, 403])
def test_a_refusal_is_no_attempt_but_a_finding_at_once_and_asked_again_hourly(
    stack: Stack, status: int
) -> None:
    """C3."""
    stack.simulator.faults.add(
        Fault(kind="status", status=status, operation="create_backup", times=2)
    )
    outcome = stack.tick()
    assert stack.kinds(outcome) == {"docs": "refused"}
    assert outcome.state is RunState.PARTIAL
    assert stack.open_findings() == {("creation-refused", "docs")}
    assert stack.kinds(stack.later(minutes=59)) == {"docs": "refused"}
    assert stack.calls("create_backup") == 1
    stack.later(minutes=1)
    assert stack.calls("create_backup") == 2
    stack.later(hours=1)
    (row,) = stack.made()
    assert Marker.parse(row.description).attempt == 1  # type: ignore[union-attr]  # ours by made()
    stack.later(hours=1)
    assert stack.open_findings() == set()


def test_one_index_that_fails_leaves_the_others_alone(stack: Stack) -> None:
    known(stack, "a", "b")
    stack.simulator.faults.add(
        Fault(kind="status", status=400, operation="create_backup", path="/indexes/a/*")
    )
    stack.simulator.faults.add(
        Fault(kind="malformed", operation="list_index_backups", path="/indexes/b/*", times=None)
    )
    outcome = stack.tick()
    assert stack.kinds(outcome) == {"a": "refused", "b": "unclear", "docs": "under_way"}
    assert set(outcome.problems) == {"a", "b"}


@pytest.mark.parametrize("broken", ["index_backups", "create_backup"])
def test_an_unexpected_error_at_one_index_is_a_problem_of_that_index_only(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    known(stack, "a", "z")
    honest = getattr(stack.control_plane, broken)

    def but_not_for_docs(index: str, **more: Any) -> Any:
        if index == "docs":
            raise ZeroDivisionError("some text that nobody has checked")
        return honest(index, **more)

    with monkeypatch.context() as patched:
        patched.setattr(stack.control_plane, broken, but_not_for_docs)
        outcome = stack.tick()
    assert stack.kinds(outcome) == {"a": "under_way", "docs": "unclear", "z": "under_way"}
    assert outcome.state is RunState.PARTIAL
    problem = "Unexpected ZeroDivisionError; the function's log has the traceback"
    assert outcome.summary["problems"] == outcome.unexpected == {"docs": problem}
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert logged.exc_info


def test_an_index_whose_view_cannot_be_formed_leaves_the_others_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(stack, "a")
    honest = stack.ledger.put_index

    def but_not_docs(record: IndexRecord, *, over: IndexRecord | None) -> None:
        if record.name == "docs":
            raise ZeroDivisionError
        honest(record, over=over)

    monkeypatch.setattr(stack.ledger, "put_index", but_not_docs)
    outcome = stack.later(hours=1)
    assert stack.kinds(outcome) == {"a": "under_way", "docs": "unclear"}


def spoil(stack: Stack, kind: str, name: str) -> None:
    """An item of the ledger that was edited by hand."""
    (key,) = [key for key in stack.ledger.keys(kind) if key.startswith(f"{kind}#{name}")]
    stack.ledger.table.items[key]["record"] = {"S": "edited"}


def test_an_index_whose_claim_cannot_be_read_gets_nothing_and_the_others_theirs(
    stack: Stack,
) -> None:
    """U2, C3: nobody knows what its claim says."""
    stack.simulator.faults.add(Fault(kind="status", status=400, operation="create_backup"))
    stack.tick()
    spoil(stack, "CLAIM", "docs")
    known(stack, "a")
    outcome = stack.later(hours=1)
    assert stack.kinds(outcome) == {"a": "under_way", "docs": "unclear"}
    assert outcome.state is RunState.PARTIAL
    assert (set(outcome.problems), outcome.unexpected) == ({"docs"}, {})


def test_a_backup_whose_claim_cannot_be_read_is_recorded_without_it(stack: Stack) -> None:
    """U2."""
    stack.simulator.faults.add(AFTER_EFFECT[0].model_copy())
    stack.tick()
    spoil(stack, "CLAIM", "docs")
    assert stack.kinds(stack.later(minutes=15)) == {"docs": "satisfied"}
    (row,) = stack.made()
    assert set(stack.ledger.backups()) == {row.backup_id}
    assert stack.events("backup.created") == []


def test_an_index_whose_record_cannot_be_read_is_not_new(stack: Stack) -> None:
    """U2, C5."""
    spoil(stack, "INDEX", "docs")
    assert stack.kinds(stack.tick()) == {"docs": "under_way"}


def test_what_may_have_been_created_before_an_unexpected_error_counts_against_the_quota(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4."""
    known(stack, "z")
    stack.document = document(DAILY, quota=1)
    honest = stack.control_plane.create_backup

    def and_then_break(index: str, **more: Any) -> Any:
        honest(index, **more)
        raise ZeroDivisionError

    monkeypatch.setattr(stack.control_plane, "create_backup", and_then_break)
    assert stack.kinds(stack.tick()) == {"docs": "unclear", "z": "no_quota_left"}


def test_an_index_that_is_deleted_meanwhile_is_no_trouble(stack: Stack) -> None:
    stack.simulator.faults.add(
        Fault(kind="status", status=404, operation="list_index_backups", times=1)
    )
    outcome = stack.tick()
    assert stack.kinds(outcome) == {"docs": "index_not_ready"}
    assert outcome.state is RunState.SUCCEEDED


def test_an_index_that_is_deleted_before_the_post_is_no_finding(stack: Stack) -> None:
    stack.simulator.faults.add(Fault(kind="status", status=404, operation="create_backup"))
    assert stack.kinds(stack.tick()) == {"docs": "index_not_ready"}
    assert stack.open_findings() == set()


# Crashes and lost answers, at every point


AFTER_EFFECT = [
    Fault(kind="drop", operation="create_backup", after_effect=True),
    Fault(kind="status", status=503, operation="create_backup", after_effect=True),
    Fault(kind="malformed", operation="create_backup"),
    Fault(kind="truncated", operation="create_backup"),
]
WITHOUT_EFFECT = [
    Fault(kind="drop", operation="create_backup"),
    Fault(kind="status", status=500, operation="create_backup"),
]


@pytest.mark.parametrize("fault", AFTER_EFFECT, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_a_post_whose_answer_was_lost_is_found_and_recorded_by_the_next_tick(
    stack: Stack, fault: Fault
) -> None:
    """C3: no second POST, and the event is not lost."""
    stack.simulator.faults.add(fault.model_copy())
    outcome = stack.tick()
    assert outcome.created == {}
    assert outcome.state is RunState.PARTIAL
    assert stack.calls("create_backup") == 1
    stack.later(minutes=15)
    stack.day(hours=20)
    (row,) = stack.made()
    assert [event["backup_id"] for event in stack.events("backup.created")] == [row.backup_id]
    assert row.backup_id in stack.ledger.backups()
    assert stack.calls("create_backup") == 1


def test_the_event_of_a_lost_answer_is_recorded_although_an_audit_saw_the_backup_first(
    stack: Stack,
) -> None:
    """C3: and what the audit wrote about the backup stays."""
    stack.simulator.faults.add(AFTER_EFFECT[0].model_copy())
    stack.tick()
    (row,) = stack.made()
    seen = BackupRecord(
        row.backup_id, "docs", row.index_id, row.name, row.created_at, START, Verdict.GOOD
    )
    stack.ledger.put_backup(seen)
    stack.later(minutes=15)
    assert [event["backup_id"] for event in stack.events("backup.created")] == [row.backup_id]
    assert stack.ledger.backups()[row.backup_id] == seen


@pytest.mark.parametrize("fault", WITHOUT_EFFECT, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_a_post_that_may_have_happened_and_did_not_is_made_again_half_an_hour_later(
    stack: Stack, fault: Fault
) -> None:
    """C3."""
    stack.simulator.faults.add(fault.model_copy())
    assert stack.kinds(stack.tick()) == {"docs": "waits"}
    assert stack.kinds(stack.later(minutes=29)) == {"docs": "waits"}
    assert stack.kinds(stack.later(minutes=1)) == {"docs": "under_way"}
    (row,) = stack.made()
    assert Marker.parse(row.description).attempt == 2  # type: ignore[union-attr]  # ours by made()


def test_a_write_that_pinecone_lost_is_described_before_it_is_made_again(stack: Stack) -> None:
    """N2, C3."""
    stack.simulator.faults.add(Fault(kind="lost_write", operation="create_backup"))
    assert set(stack.tick().created) == {"docs"}
    assert stack.made() == []
    assert stack.kinds(stack.later(minutes=15)) == {"docs": "under_way"}
    assert stack.calls("describe_backup") == 0
    assert stack.kinds(stack.later(minutes=15)) == {"docs": "waits"}
    assert stack.calls("describe_backup") == 1
    assert len(stack.events("backup.failed")) == 1
    assert stack.kinds(stack.later(minutes=30)) == {"docs": "under_way"}
    assert len(stack.made()) == 1


def test_a_backup_that_the_listings_miss_is_not_made_again(stack: Stack) -> None:
    """N2: it is described, and it is there."""
    stack.tick()
    for operation in ("list_project_backups", "list_index_backups"):
        stack.simulator.faults.add(Fault(kind="empty_listing", operation=operation))
    outcome = stack.later(minutes=30)
    assert stack.kinds(outcome) == {"docs": "satisfied"}
    assert len(stack.made()) == 1


def test_a_missing_backup_that_cannot_be_described_waits_for_the_next_tick(stack: Stack) -> None:
    """N2: no answer is no proof."""
    stack.simulator.faults.add(Fault(kind="lost_write", operation="create_backup"))
    stack.tick()
    stack.simulator.faults.add(
        Fault(kind="status", status=503, operation="describe_backup", times=None)
    )
    assert stack.kinds(stack.later(minutes=30)) == {"docs": "unclear"}
    stack.simulator.faults.clear()
    assert stack.kinds(stack.later(minutes=15)) == {"docs": "waits"}


def test_a_rate_limited_post_is_repeated_at_once_because_it_had_no_effect(stack: Stack) -> None:
    stack.simulator.faults.add(Fault(kind="status", status=429, operation="create_backup"))
    assert set(stack.tick().created) == {"docs"}
    assert len(stack.made()) == 1


def test_a_post_that_stays_rate_limited_is_a_failed_attempt(stack: Stack) -> None:
    """C3."""
    stack.simulator.faults.add(
        Fault(kind="status", status=429, operation="create_backup", times=None)
    )
    assert stack.kinds(stack.tick()) == {"docs": "waits"}
    claim = stack.ledger.claim("docs", START - timedelta(hours=1))
    assert claim is not None
    assert (claim.state, claim.attempt) == (ClaimState.FAILED, 1)


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_a_crash_at_any_write_neither_doubles_nor_loses_the_backup_or_its_event(
    stack: Stack, dies_at: int
) -> None:
    """C3: before the claim, and after the POST before the event, the record and the claim."""
    ledger = DyingLedger()
    for record in stack.ledger.indexes().values():
        ledger.put_index(record)
    stack.ledger, ledger.dies_at = ledger, dies_at
    with pytest.raises(LedgerUnavailable):
        stack.tick()
    stack.day(hours=20)
    (row,) = stack.made()
    assert [event["backup_id"] for event in stack.events("backup.created")] == [row.backup_id]
    assert set(stack.ledger.backups()) == {row.backup_id}


def test_a_crash_between_the_claim_and_the_post_is_made_good_when_the_lease_is_over(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3: a lease of 20 minutes, then 30 more."""

    def die(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(type(stack.control_plane), "create_backup", die)
        with pytest.raises(Crash):
            stack.tick()
    assert stack.kinds(stack.later(minutes=19)) == {"docs": "waits"}
    assert stack.kinds(stack.later(minutes=30)) == {"docs": "waits"}
    assert stack.kinds(stack.later(minutes=1)) == {"docs": "under_way"}
    assert len(stack.made()) == 1


def test_a_lost_race_for_the_claim_is_no_error(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3: another run claims right after we have read."""
    honest = stack.ledger.claims

    def and_then_another_run_claims(wanted: Any) -> Any:
        found = honest(wanted)
        ((index, slot),) = wanted
        until = START + timedelta(minutes=20)
        stack.ledger.save_claim(
            Claim(index, slot, ClaimState.CLAIMED, 1, "daily", "x", "other", START, until)
        )
        return found

    monkeypatch.setattr(stack.ledger, "claims", and_then_another_run_claims)
    outcome = stack.tick()
    assert stack.kinds(outcome) == {"docs": "waits"}
    assert outcome.state is RunState.SUCCEEDED
    assert stack.calls("create_backup") == 0


def test_a_lost_race_for_what_became_of_an_attempt_is_no_error(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3."""
    stack.simulator.project.expect("docs", Outcome(Result.FAIL, seconds=60))
    stack.tick()
    honest = stack.ledger.claims

    def and_then_another_run_writes(wanted: Any) -> Any:
        found = honest(wanted)
        for claim in filter(None, found.values()):
            stack.ledger.save_claim(claim)
        return found

    monkeypatch.setattr(stack.ledger, "claims", and_then_another_run_writes)
    assert stack.kinds(stack.later(minutes=5)) == {"docs": "waits"}
    assert len(stack.events("backup.failed")) == 1


# Backups that fail


def test_a_failed_backup_is_tried_again_after_30_minutes_2_and_6_hours_then_given_up(
    stack: Stack,
) -> None:
    """C3."""
    stack.simulator.project.expect("docs", Outcome(Result.FAIL, seconds=60, times=None))
    began = stack.now
    stack.tick()
    for _ in range(15 * 60 // 5):
        stack.later(minutes=5)
    starts = [row.created_at - began for row in stack.made()]
    noticed = timedelta(minutes=5)
    first = noticed + timedelta(minutes=30)
    second = first + noticed + timedelta(hours=2)
    assert starts == [timedelta(0), first, second, second + noticed + timedelta(hours=6)]
    assert stack.open_findings() == {("creation-failing", "docs")}
    assert len(stack.events("backup.failed")) == 4


def test_the_next_slot_is_tried_anew_and_its_success_resolves_the_finding(stack: Stack) -> None:
    """C3, U1: an attempt under way is no proof that creating works again."""
    stack.simulator.project.expect("docs", Outcome(Result.FAIL, seconds=60, times=4))
    stack.tick()
    stack.day(hours=20)
    assert stack.open_findings() == {("creation-failing", "docs")}
    stack.simulator.clock.set(START + timedelta(hours=23, minutes=45))
    stack.tick()
    assert len(stack.made()) == 5
    assert stack.open_findings() == {("creation-failing", "docs")}
    stack.later(minutes=15)
    assert stack.open_findings() == set()


def test_a_stuck_backup_is_replaced_after_stuck_after_and_a_wait(stack: Stack) -> None:
    """C2, C3."""
    stack.simulator.project.expect("docs", Outcome(Result.STICK))
    stack.tick()
    assert stack.kinds(stack.later(hours=11, minutes=59)) == {"docs": "under_way"}
    assert stack.kinds(stack.later(minutes=1)) == {"docs": "waits"}
    assert stack.events("backup.failed")[0]["reason"].endswith("is stuck (Initializing)")
    assert stack.kinds(stack.later(minutes=30)) == {"docs": "under_way"}
    assert len(stack.made()) == 2


def test_a_long_backup_keeps_the_next_slots_from_starting_another(stack: Stack) -> None:
    """C2: while one of ours is under way for an index, no new one starts there."""
    stack.document = document(policy())
    stack.simulator.project.expect("docs", Outcome(seconds=5 * 3600))
    stack.tick()
    stack.day(hours=4.5)
    assert len(stack.made()) == 1
    assert stack.kinds(stack.later(minutes=30)) == {"docs": "under_way"}
    assert len(stack.made()) == 2


# Time


def test_what_does_not_fit_into_the_time_left_waits_for_the_next_tick(stack: Stack) -> None:
    known(stack, "a", "b")
    left = iter([900.0, 900.0, 129.0, 129.0])
    outcome = stack.tick(time_left=lambda: next(left))
    assert (sorted(outcome.created), list(outcome.late)) == (["a", "b"], ["docs"])
    assert outcome.state is RunState.STOPPED
    stack.tick()
    assert len(stack.made("docs")) == 1


# Doubt


@pytest.mark.parametrize("operation", ["list_indexes", "list_project_backups"])
def test_nothing_is_created_when_the_project_cannot_be_listed(stack: Stack, operation: str) -> None:
    """N2."""
    stack.simulator.faults.add(Fault(kind="status", status=503, operation=operation, times=None))
    with pytest.raises((PineconeError, ListingIncomplete)):
        stack.tick()
    assert stack.calls("create_backup") == 0


def test_other_peoples_backups_satisfy_nothing(stack: Stack) -> None:
    """I2, C2."""
    theirs = Marker("stack-b", "daily", START - timedelta(hours=1), "run-0", 1)
    stack.simulator.project.seed_backup(
        "docs", name=theirs.name_for("docs"), description=str(theirs), created_at=START
    )
    stack.simulator.project.seed_backup("docs", name="by-hand", created_at=START)
    assert stack.kinds(stack.tick()) == {"docs": "under_way"}
    assert len(stack.made()) == 1


def test_the_summary_of_a_run_is_small_and_says_what_matters(stack: Stack) -> None:
    known(stack, "a")
    stack.simulator.faults.add(
        Fault(kind="status", status=400, operation="create_backup", path="/indexes/a/*")
    )
    summary = dict(stack.tick().summary)
    (row,) = stack.made("docs")
    assert summary["policy_version"] == "v1"
    assert summary["indexes"] == 2
    assert summary["decisions"] == {"refused": 1, "under_way": 1}
    assert summary["created"] == {"docs": row.backup_id}
    assert list(summary["problems"]) == list(summary["waiting"]) == ["a"]
