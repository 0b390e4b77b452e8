"""R2: which backups are tested, when, and within which limits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.records import RestoreKind, RestoreRecord, RestoreResult, RestoreStep
from pinecone_backup.rules.restore_tests import (
    Candidate,
    TestDecision,
    TestState,
    decide_tests,
    restored_bytes,
)
from tests.support.backups import NOW, backup, inventory_of
from tests.support.restores import restore_record, with_restore_tests

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def candidate(
    index: str = "docs", *ages: float, since_days: float = 30, **restore_test: Any
) -> Candidate:
    """An index whose good backups are so many days old, one day unless told otherwise."""
    rows = [
        replace(backup(f"{index}-{age:g}", days_ago=age, index=index), size_bytes=100)
        for age in ages or (1,)
    ]
    entries = inventory_of(rows).incarnations[f"id-of-{index}"].entries
    policy = with_restore_tests(restore_test).policies[0]
    return Candidate(index, f"id-of-{index}", policy, entries, NOW - since_days * DAY)


def a_test(days_ago: float, **properties: Any) -> RestoreRecord:
    """A test of ``docs`` that is over."""
    at = NOW - days_ago * DAY
    known = {
        "kind": RestoreKind.TEST,
        "step": RestoreStep.DONE,
        "started_at": at,
        "finished_at": at,
        "result": RestoreResult.SUCCEEDED,
        "size_bytes": 100,
        **properties,
    }
    return restore_record(f"test-{days_ago:g}", **known)


def decide(
    *candidates: Candidate, records: Sequence[RestoreRecord] = (), now: datetime = NOW
) -> Sequence[TestDecision]:
    return decide_tests(candidates or [candidate()], records, now=now)


def test_an_index_is_due_as_soon_as_it_has_a_good_backup() -> None:
    (decision,) = decide()
    assert (decision.state, decision.due_at) == (TestState.BEGIN, NOW - DAY)
    assert (decision.index, decision.index_id, decision.reason) == (
        "docs",
        "id-of-docs",
        "it is due",
    )
    assert decision.choice is not None
    assert decision.choice.backup.backup_id == "docs-1"


@pytest.mark.parametrize(
    ("days_ago", "state"), [(6.9, TestState.NOT_DUE), (7, TestState.BEGIN), (8, TestState.BEGIN)]
)
def test_the_next_test_is_due_after_the_policys_time(days_ago: float, state: TestState) -> None:
    assert decide(records=[a_test(days_ago)])[0].state is state


@pytest.mark.parametrize(
    ("hours_ago", "state"), [(2, TestState.NOT_DUE), (9, TestState.BEGIN), (30, TestState.BEGIN)]
)
def test_a_cron_is_read_in_the_policys_zone(hours_ago: float, state: TestState) -> None:
    """A slot at 06:00 lies between the last test and noon, or does not."""
    known = [a_test(hours_ago / 24)]
    assert decide(candidate(every="0 6 * * *"), records=known)[0].state is state


def test_a_test_that_began_at_its_slot_is_not_due_again() -> None:
    index = candidate(every="0 6 * * *")
    begun = a_test(0.25)
    assert begun.started_at == NOW.replace(hour=6)
    assert decide(index, records=[begun])[0].state is TestState.NOT_DUE


def test_a_slot_stays_due_however_many_follow_so_that_the_longest_due_goes_first() -> None:
    """R2: each day there is time for one test, and the other index waits since two days ago."""
    waiting, tested = candidate("users", every="0 6 * * *"), candidate(every="0 6 * * *")
    of_users = replace(a_test(3), index_id="id-of-users")
    decisions = decide(tested, waiting, records=[of_users, a_test(1)])
    assert [(each.index, each.due_at, each.state) for each in decisions] == [
        ("users", (NOW - 2 * DAY).replace(hour=6), TestState.BEGIN),
        ("docs", NOW.replace(hour=6), TestState.WAITS),
    ]


def test_a_later_test_is_due_since_its_slot_however_young_the_backups_are() -> None:
    """R2."""
    (decision,) = decide(candidate("docs", 0.1, every="0 6 * * *"), records=[a_test(1)])
    assert decision.due_at == NOW.replace(hour=6)


def test_a_slot_stays_due_when_the_retention_deleted_the_backups_that_were_there_then() -> None:
    """R2: an index that waits for its first test is not forgotten until the next slot."""
    (decision,) = decide(candidate("docs", 0.1, every="0 6 * * *"))
    assert (decision.state, decision.due_at) == (TestState.BEGIN, NOW - 0.1 * DAY)


def test_an_index_that_was_first_seen_after_the_slot_waits_for_the_next_one() -> None:
    (decision,) = decide(candidate("docs", 1, since_days=0.1, every="0 6 * * *"))
    assert decision.state is TestState.NOT_DUE
    assert decision.due_at is not None
    assert decision.due_at > NOW


def test_a_test_is_not_due_for_longer_than_the_index_is_known() -> None:
    """A stack that has just been deployed finds old backups."""
    (decision,) = decide(candidate("docs", 9, since_days=0.1))
    assert (decision.state, decision.due_at) == (TestState.BEGIN, NOW - 0.1 * DAY)


def test_a_decision_says_why_nothing_begins() -> None:
    """R2."""
    begun = a_test(1, step=RestoreStep.RESTORING, result=None)
    assert [
        decide(given, records=records)[0].reason
        for given, records in (
            (candidate(), [begun]),
            (candidate(), [a_test(1)]),
            (replace(candidate(), backups=[]), []),
            (replace(candidate(), index_id=None), []),
        )
    ] == ["a test is under way", "", "it has no good backup", "its incarnation is not known"]


def test_the_next_slot_of_a_test_is_one_of_the_policys_zone() -> None:
    """R2: six in the morning in Auckland is the evening before, UTC."""
    test = {"every": "0 6 * * *"}
    there = replace(
        candidate("docs", 0.01, since_days=0.1),
        policy=with_restore_tests(test, timezone="Pacific/Auckland").policies[0],
    )
    (decision,) = decide(there)
    assert decision.due_at is not None
    assert NOW.replace(hour=17) <= decision.due_at < NOW.replace(hour=18)


@pytest.mark.parametrize("result", [RestoreResult.FAILED, RestoreResult.TIMED_OUT])
def test_a_test_that_did_not_succeed_counts_for_when_the_next_one_is_due(
    result: RestoreResult,
) -> None:
    (decision,) = decide(records=[a_test(1, result=result)])
    assert (decision.state, decision.passed) == (TestState.NOT_DUE, None)


def test_an_attempt_that_could_not_be_carried_out_is_repeated_after_an_hour() -> None:
    given_up = a_test(0, result=RestoreResult.ABANDONED, reason="the quota is full")
    (waits,) = decide(records=[given_up], now=NOW + HOUR - timedelta(seconds=1))
    assert (waits.state, waits.reason) == (
        TestState.WAITS,
        "the last attempt failed: the quota is full",
    )
    assert decide(records=[given_up], now=NOW + HOUR)[0].state is TestState.BEGIN


@pytest.mark.parametrize(("finished_at", "again_at"), [(NOW, NOW + HOUR), (None, NOW)])
def test_the_hour_until_an_attempt_is_repeated_begins_at_its_end_as_far_as_that_is_known(
    finished_at: datetime | None, again_at: datetime
) -> None:
    """R2."""
    given_up = a_test(1 / 24, result=RestoreResult.ABANDONED, finished_at=finished_at)
    states = [
        decide(records=[given_up], now=again_at - early)[0].state
        for early in (timedelta(seconds=1), timedelta())
    ]
    assert states == [TestState.WAITS, TestState.BEGIN]


@pytest.mark.parametrize(
    ("newest", "state"),
    [(RestoreResult.ABANDONED, TestState.WAITS), (RestoreResult.FAILED, TestState.NOT_DUE)],
)
def test_the_newest_attempt_of_an_index_counts_however_they_are_listed(
    newest: RestoreResult, state: TestState
) -> None:
    """R2."""
    attempts = [
        a_test(0, result=newest),
        a_test(0.02, result=RestoreResult.ABANDONED),
        a_test(9, result=RestoreResult.SUCCEEDED),
    ]
    found = [decide(records=listed)[0].state for listed in (attempts, attempts[::-1])]
    assert found == [state, state]


def test_a_decision_names_the_last_test_and_the_last_one_that_succeeded() -> None:
    """However they are listed; of tests that began at one time, the one with the greater id."""
    known = [
        a_test(1, result=RestoreResult.FAILED),
        a_test(3, result=RestoreResult.FAILED),
        replace(a_test(3), restore_id="test-4"),
        a_test(5),
    ]
    for listed in (known, known[::-1]):
        (decision,) = decide(records=listed)
        assert decision.last == known[0]
        assert decision.passed == known[2]
        (before,) = decide(records=[each for each in listed if each != known[0]])
        assert before.last == known[2]


def test_a_decision_and_its_choice_name_what_the_policy_asks_for() -> None:
    """R2."""
    known = candidate(depth="queries")
    (decision,) = decide(known)
    assert decision.policy == known.policy
    assert decision.choice is not None
    assert decision.choice.test == known.policy.restore_test


def test_a_test_has_one_id_however_often_it_is_decided_and_its_follower_another() -> None:
    """R1: a doubled tick begins no second one."""
    first, again = (decide(now=NOW + n * HOUR)[0].choice for n in (0, 1))
    later = decide(records=[a_test(8)])[0].choice
    assert first is not None
    assert later is not None
    assert again == first
    assert later.restore_id != first.restore_id
    assert re.fullmatch("test-[0-9a-f]{16}", first.restore_id)


def test_while_a_test_is_under_way_no_other_of_its_index_begins() -> None:
    open_test = a_test(9, step=RestoreStep.CLEANING)
    assert decide(records=[open_test])[0].state is TestState.UNDER_WAY


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (replace(candidate(), index_id=None), "its incarnation is not known"),
        (replace(candidate(), backups=()), "it has no good backup"),
        (
            candidate("docs", 40, backup="random", window_days=30),
            "no good backup is newer than 30 days",
        ),
    ],
)
def test_it_is_said_why_an_index_cannot_be_tested(known: Candidate, reason: str) -> None:
    (decision,) = decide(known)
    assert (decision.state, decision.reason) == (TestState.WAITS, reason)


def test_one_at_random_is_taken_within_the_window_and_others_follow() -> None:
    known = candidate("docs", 1, 5, 9, 29, 40, backup="random", window_days=30)
    taken: set[str] = set()
    records: list[RestoreRecord] = []
    for week in range(24):
        (decision,) = decide(known, records=records)
        assert decision.choice is not None
        taken.add(decision.choice.backup.backup_id)
        records = [a_test(8 + week)]
    assert taken == {"docs-1", "docs-5", "docs-9", "docs-29"}


@pytest.mark.parametrize(
    ("age", "window", "taken"),
    [
        pytest.param(30, {"window_days": 30}, True, id="as old as the window"),
        pytest.param(30.001, {"window_days": 30}, False, id="older"),
        pytest.param(300, {}, True, id="without a window"),
    ],
)
def test_a_backup_at_random_is_as_old_as_the_window_at_most(
    age: float, window: dict[str, int], taken: bool
) -> None:
    """R2."""
    (decision,) = decide(candidate("docs", age, backup="random", **window))
    assert (decision.choice is not None) is taken


def test_the_longest_due_is_tested_first_where_not_all_can_be() -> None:
    decisions = decide(candidate("young", 1), candidate("old", 5), candidate("middle", 3))
    assert [(each.index, each.state) for each in decisions] == [
        ("old", TestState.BEGIN),
        ("middle", TestState.WAITS),
        ("young", TestState.WAITS),
    ]
    assert decisions[1].reason == "at_once is 1, and as many tests are under way"


def test_an_index_that_cannot_be_tested_keeps_no_other_from_its_test() -> None:
    """R2."""
    without = replace(candidate("without"), backups=())
    decisions = decide(without, candidate("docs"))
    assert [(each.index, each.state) for each in decisions] == [
        ("without", TestState.WAITS),
        ("docs", TestState.BEGIN),
    ]


def test_tests_that_begin_together_share_the_budget_of_the_month() -> None:
    """R2: it is enough for two of the three, and the third one's reason counts them."""
    decisions = decide(*(candidate(name, at_once=3, monthly_bytes=299) for name in ("a", "b", "c")))
    assert [each.state for each in decisions] == [
        TestState.BEGIN,
        TestState.BEGIN,
        TestState.WAITS,
    ]
    assert decisions[2].reason == (
        "monthly_bytes is 299 B, 200 B were restored this month, and the backup has 100 B"
    )


def test_the_least_of_what_several_policies_allow_holds() -> None:
    decisions = decide(candidate("a", at_once=3), candidate("b", at_once=2), candidate("c"))
    assert [each.state for each in decisions].count(TestState.BEGIN) == 1


def test_the_bytes_of_a_month_are_those_of_its_tests_alone() -> None:
    """Of the calendar, in UTC; what never began is not among them."""
    records = [
        a_test(0),
        a_test(21.4),
        a_test(21.6),
        a_test(1, result=RestoreResult.ABANDONED, accepted_at=None),
        a_test(2, result=RestoreResult.ABANDONED),
        a_test(3, kind=RestoreKind.REQUEST),
        a_test(4, result=None, accepted_at=None, step=RestoreStep.SELECTED),
    ]
    assert restored_bytes(records, NOW) == 400
    assert restored_bytes(records, datetime(2026, 12, 1, tzinfo=UTC)) == 0


@pytest.mark.parametrize(
    ("now", "counted"),
    [
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), 100),
        (datetime(2026, 12, 1, 1, tzinfo=timezone(2 * HOUR)), 100),
        (datetime(2026, 12, 1, tzinfo=UTC), 0),
    ],
)
def test_the_month_of_a_budget_ends_at_midnight_utc(now: datetime, counted: int) -> None:
    """R2."""
    assert restored_bytes([a_test(0)], now) == counted


def test_a_backup_of_unknown_size_adds_nothing_to_the_month() -> None:
    """R2."""
    assert restored_bytes([a_test(0, size_bytes=None)], NOW) == 0


@pytest.mark.parametrize(("budget", "state"), [(200, TestState.BEGIN), (199, TestState.WAITS)])
def test_the_budget_of_a_month_is_not_exceeded_by_a_byte(budget: int, state: TestState) -> None:
    (decision,) = decide(candidate(monthly_bytes=budget), records=[a_test(8)])
    assert decision.state is state


def test_a_backup_of_unknown_size_is_not_restored_on_a_budget() -> None:
    known = candidate()
    (entry,) = known.backups
    unknown = replace(entry, backup=replace(entry.backup, size_bytes=None))
    (decision,) = decide(replace(known, backups=[unknown]))
    assert (decision.state, decision.reason) == (
        TestState.WAITS,
        "Pinecone does not say how large the backup is, and monthly_bytes is limited",
    )


@pytest.mark.parametrize(("at_once", "budget"), [(3, 10**6), (5, 6_000)])
def test_a_hundred_indexes_are_tested_within_their_week_or_it_is_said_why_not(
    at_once: int, budget: int
) -> None:
    """Each test takes four hours, and so long lies between the ticks of a week."""
    known = [
        candidate(f"i-{n:02}", 1 + n / 1000, at_once=at_once, monthly_bytes=budget)
        for n in range(100)
    ]
    records: dict[str, RestoreRecord] = {}
    for hour in range(0, 7 * 24, 4):
        now = NOW + hour * HOUR
        for restore_id, record in records.items():
            if record.step is not RestoreStep.DONE and now - record.started_at >= 4 * HOUR:
                ended = replace(record, step=RestoreStep.DONE, result=RestoreResult.SUCCEEDED)
                records[restore_id] = replace(ended, finished_at=now)
        decisions = decide(*known, records=list(records.values()), now=now)
        for decision in decisions:
            late = decision.due_at is not None and decision.due_at < now
            assert not late or decision.state is not TestState.NOT_DUE
            assert decision.state is not TestState.WAITS or decision.reason
            if decision.choice is not None:
                assert decision.choice.restore_id not in records
                records[decision.choice.restore_id] = restore_record(
                    decision.choice.restore_id,
                    kind=RestoreKind.TEST,
                    index_id=f"id-of-{decision.index}",
                    started_at=now,
                    accepted_at=now,
                    size_bytes=100,
                )
        under_way = [each for each in records.values() if each.step is not RestoreStep.DONE]
        assert len(under_way) <= at_once
        assert restored_bytes(records.values(), now) <= budget
    tested = {record.index_id for record in records.values()}
    assert len(tested) == min(100, budget // 100)


@pytest.mark.parametrize(
    ("properties", "counted"),
    [
        pytest.param({"accepted_at": NOW}, 100, id="accepted"),
        pytest.param({"accepted_at": None, "result": None}, 100, id="about to be"),
        pytest.param(
            {"accepted_at": None, "result": RestoreResult.ABANDONED}, 0, id="never accepted"
        ),
    ],
)
def test_what_was_never_restored_takes_nothing_of_the_month(
    properties: dict[str, Any], counted: int
) -> None:
    """R2."""
    assert restored_bytes([a_test(0, **properties)], NOW) == counted
