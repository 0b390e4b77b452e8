"""When an index is looked at, so that two looks enclose a backup's creation (rule F1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pinecone_backup.model import Depth, RunTime, Status
from pinecone_backup.records import IndexRecord, Look, LookRecord
from pinecone_backup.rules.creation import Decision, Kind, View
from pinecone_backup.rules.looks import enclosed, first_look_due, wants_looks
from pinecone_backup.rules.policy import Assigned, AssignedBy, Policy
from pinecone_backup.rules.slots import jitter
from tests.support.backups import NOW, backup, index, inventory_of

MINUTE = timedelta(minutes=1)
CRON = "0 11 * * *"
START = NOW.replace(hour=11) + timedelta(days=1) + jitter("main/docs", CRON)
"""When the next slot of ``CRON`` is due for index docs."""


def policy(**changes: Any) -> Policy:
    given = {
        "name": "daily",
        "cron": CRON,
        "max_age": "26h",
        "retention": {"keep_last": 3},
        "restore_test": {"every": "7d"},
        **changes,
    }
    return Policy.model_validate({name: value for name, value in given.items() if value})


DAILY = policy()


def view(*backups: Any, policy: Policy | None = DAILY, **changes: Any) -> View:
    entries = [*inventory_of(backups).entries.values()]
    record = IndexRecord("docs", NOW - timedelta(days=30), NOW, "id-of-docs")
    assigned = Assigned(policy, AssignedBy.ASSIGNMENT if policy else AssignedBy.NOTHING)
    return replace(View("main", index(), assigned, record, entries), **changes)


def known(at: datetime, **changes: Any) -> LookRecord:
    seen = Look("00", Depth.SAMPLE, at, at, 2, "cosine", 0, (), complete=True)
    return replace(LookRecord("docs", "id-of-docs", at, seen), **changes)


def due(
    now: datetime,
    kind: Kind = Kind.SATISFIED,
    first: LookRecord | None = None,
    seen: View | None = None,
    **changes: Any,
) -> bool:
    at = seen or view()
    decision = Decision("docs", kind, "", at.assigned.policy, **changes)
    return first_look_due(at, decision, first, RunTime(now, now))


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        (None, False),
        ({"every": "7d", "depth": "counts"}, False),
        ({"every": "7d", "depth": "sample"}, True),
        ({"every": "7d", "depth": "queries"}, True),
    ],
)
def test_only_who_compares_records_wants_looks(test: dict[str, str] | None, wanted: bool) -> None:
    """F1"""
    assert wants_looks(view(policy=policy(restore_test=test))) is wanted


def test_an_index_without_a_policy_or_not_ready_is_not_looked_at() -> None:
    """F1"""
    assert not wants_looks(view(policy=None))
    assert not wants_looks(view(index=index(ready=False)))


@pytest.mark.parametrize(
    ("before", "taken"), [(61, False), (60, True), (35, True), (20, True), (19, False), (0, False)]
)
def test_the_first_look_is_taken_in_the_hour_before_a_slot_but_not_at_its_end(
    before: float, taken: bool
) -> None:
    """F1"""
    for kind in (Kind.SATISFIED, Kind.NOT_DUE, Kind.UNDER_WAY):
        assert due(START - before * MINUTE, kind) is taken


@pytest.mark.parametrize("kind", [Kind.TOO_NEW, Kind.WAITS])
def test_a_backup_that_waits_for_a_time_is_looked_at_before_that(kind: Kind) -> None:
    """F1"""
    assert due(NOW, kind, until=NOW + 30 * MINUTE)
    assert not due(NOW, kind, until=NOW + 90 * MINUTE)
    assert not due(NOW, kind)


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.NO_QUOTA, Kind.UNCLEAR, Kind.PAUSED])
def test_nothing_is_looked_at_where_no_backup_is_to_be_expected(kind: Kind) -> None:
    """F1"""
    assert not due(START - 30 * MINUTE, kind)


def test_a_native_schedule_has_no_time_of_ours() -> None:
    """F1"""
    native = policy(cron=None, native_schedule={"frequency": "daily", "expire_after_days": 7})
    assert not due(START - 30 * MINUTE, Kind.NATIVE, seen=view(policy=native))


def test_without_a_policy_no_backup_is_expected() -> None:
    """F1"""
    assert not due(START - 30 * MINUTE, seen=view(policy=None))


@pytest.mark.parametrize(("seconds", "again"), [(0, False), (1, True)])
def test_a_look_of_the_last_hour_before_a_slot_is_its_first_one(seconds: int, again: bool) -> None:
    """F1: whatever is older is too old for it."""
    first = known(START - 60 * MINUTE - timedelta(seconds=seconds))
    assert due(START - 30 * MINUTE, first=first) is again


def test_a_first_look_is_taken_once_for_a_slot() -> None:
    """F1: and again for the next one, or where there was none for a reason."""
    now = START - 30 * MINUTE
    assert not due(now, first=known(now - 15 * MINUTE))
    assert not due(now, first=known(now - 15 * MINUTE, look=None, problem="denied"))
    assert due(now, first=known(now - timedelta(hours=2)))


def test_a_first_look_that_waits_for_the_second_is_not_replaced() -> None:
    """F1"""
    now = START - 30 * MINUTE
    made = view(backup(created_at=now - timedelta(hours=1)))
    assert not due(now, first=known(now - timedelta(hours=2)), seen=made)


@pytest.mark.parametrize(
    ("after_the_first", "before_the_second", "proven"),
    [(15, 15, True), (14, 30, False), (60, 14, False), (600, 15, True)],
)
def test_a_backup_is_proven_between_two_looks_a_quarter_of_an_hour_from_each(
    after_the_first: float, before_the_second: float, proven: bool
) -> None:
    """F1"""
    created_at = NOW + after_the_first * MINUTE
    found = enclosed(
        view(backup(created_at=created_at)), known(NOW), created_at + before_the_second * MINUTE
    )
    assert [each.backup_id for each in found] == ["b1"] * proven


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": None},
        {"status": Status.FAILED},
        {"created_at": None},
        {"index_id": "another"},
    ],
)
def test_nothing_else_is_proven(changes: dict[str, Any]) -> None:
    """F1: failed ones, those of others, of another incarnation and those without a date."""
    made = backup(**{"created_at": NOW + 30 * MINUTE} | changes)
    assert enclosed(view(made), known(NOW), NOW + 60 * MINUTE) == []


def test_one_first_look_proves_every_backup_that_the_two_enclose() -> None:
    """F1"""
    rows = [backup(f"b{n}", created_at=NOW + n * 20 * MINUTE) for n in (1, 2, 3)]
    found = enclosed(view(*rows), known(NOW, index_id=None), NOW + 56 * MINUTE)
    assert {each.backup_id for each in found} == {"b1", "b2"}


def test_why_there_was_no_first_look_holds_for_the_backups_since() -> None:
    """F1"""
    denied = known(NOW, look=None, problem="denied")
    made = view(backup(created_at=NOW + MINUTE))
    assert len(enclosed(made, denied, NOW + 2 * MINUTE)) == 1


@pytest.mark.parametrize(("seconds", "named"), [(-1, []), (0, ["b1"]), (60, ["b1"]), (61, [])])
def test_a_look_that_failed_is_about_what_was_made_from_then_until_now(
    seconds: int, named: list[str]
) -> None:
    """F1: why a backup has no evidence is said of those that would have had it."""
    made = view(backup(created_at=NOW + timedelta(seconds=seconds)))
    failed = known(NOW, look=None, problem="denied")
    assert [each.backup_id for each in enclosed(made, failed, NOW + MINUTE)] == named
