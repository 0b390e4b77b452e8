"""What the ledger remembers of an index, and when its incarnation has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pinecone_backup.records import IndexRecord
from pinecone_backup.rules.memory import mark_audited, mark_seen, set_incarnation
from tests.support.audits import NOW, POLICY, ago

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.rules.policy import Policy

KNOWN = IndexRecord("docs", ago(days=9), ago(days=1), "id-1", policy="standard")


def test_a_new_index_is_first_seen_now() -> None:
    record = mark_seen(None, "docs", policy=POLICY, now=NOW)
    assert record == IndexRecord("docs", NOW, NOW, policy="standard", schedule="0 3 * * * UTC")


def test_an_index_that_is_listed_again_is_not_missing() -> None:
    away = replace(KNOWN, missing_since=ago(hours=1))
    assert mark_seen(away, "docs", policy=None, now=NOW).missing_since is None


def test_a_known_index_keeps_its_memory() -> None:
    record = mark_seen(KNOWN, "docs", policy=None, now=NOW)
    assert record == replace(KNOWN, last_seen_at=NOW, policy=None)


def test_the_policy_of_a_known_index_is_that_of_today() -> None:
    gold = POLICY.model_copy(update={"name": "gold"})
    assert mark_seen(KNOWN, "docs", policy=gold, now=NOW).policy == "gold"


def of(cron: str | None, zone: str = "UTC") -> Policy:
    return POLICY.model_copy(update={"cron": cron, "timezone": zone})


SCHEDULED = replace(KNOWN, schedule="0 3 * * * UTC")
"""It is noon: the latest slot is today's."""
TODAY = NOW.replace(hour=3)


@pytest.mark.parametrize(
    "policy", [of("0 4 * * *"), of("0 * * * *"), of("0 3 * * *", "Pacific/Auckland"), of(None)]
)
def test_a_changed_schedule_remembers_the_former_ones_latest_slot(policy: Policy) -> None:
    """C2: whatever has changed in it."""
    record = mark_seen(SCHEDULED, "docs", policy=policy, now=NOW)
    assert (record.schedule_since, record.former_slot) == (NOW, TODAY)
    assert record.schedule == (f"{policy.cron} {policy.timezone}" if policy.cron else "")


def test_the_former_slot_is_one_of_the_former_zone() -> None:
    """C2: three in the morning of the 23rd in Auckland is two in the afternoon of the 22nd, UTC."""
    known = replace(KNOWN, schedule="0 3 * * * Pacific/Auckland")
    record = mark_seen(known, "docs", policy=of("0 3 * * *"), now=NOW)
    assert record.former_slot == ago(hours=22)


def test_the_same_schedule_goes_on() -> None:
    """C2."""
    changed = replace(SCHEDULED, schedule_since=ago(days=2), former_slot=ago(days=3))
    record = mark_seen(changed, "docs", policy=POLICY, now=NOW)
    assert record == replace(changed, last_seen_at=NOW)


def test_a_first_schedule_follows_no_former_one() -> None:
    """C2."""
    ended = replace(KNOWN, schedule="", schedule_since=ago(days=2), former_slot=ago(days=3))
    record = mark_seen(ended, "docs", policy=POLICY, now=NOW)
    assert (record.schedule, record.schedule_since, record.former_slot) == (
        "0 3 * * * UTC",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("since", "former"), [(TODAY, ago(days=2)), (TODAY - timedelta(seconds=1), TODAY)]
)
def test_a_schedule_that_had_no_slot_leaves_the_one_before_it_as_the_measure(
    since: datetime, former: datetime
) -> None:
    """C2: two changes after each other."""
    changed = replace(SCHEDULED, schedule_since=since, former_slot=ago(days=2))
    record = mark_seen(changed, "docs", policy=of("0 * * * *"), now=NOW)
    assert (record.schedule_since, record.former_slot) == (NOW, former)


def test_a_return_to_an_earlier_id_is_a_change_too() -> None:
    """I1: what was asked last counts; an id that was replaced is not the active one again."""
    swapped = replace(KNOWN, index_id="id-2", previous_ids=("id-1",))
    record = set_incarnation(swapped, "id-1", listed_ids={"id-1", "id-2"}, now=NOW)
    assert record.previous_ids == ("id-1", "id-2")
    assert record.first_seen_at == NOW


def test_the_first_id_that_is_learnt_changes_nothing_else() -> None:
    fresh = replace(KNOWN, index_id=None)
    assert set_incarnation(fresh, "id-1", listed_ids={"id-1"}, now=NOW) == KNOWN


def test_the_same_id_changes_nothing() -> None:
    assert set_incarnation(KNOWN, "id-1", listed_ids={"id-1"}, now=NOW) is KNOWN


def test_another_id_is_another_incarnation_first_seen_now() -> None:
    """I1: an index is its id, not its name."""
    record = set_incarnation(KNOWN, "id-2", listed_ids={"id-1", "id-2"}, now=NOW)
    assert record.index_id == "id-2"
    assert record.previous_ids == ("id-1",)
    assert record.first_seen_at == NOW


def test_no_backup_while_those_of_the_known_id_are_listed_is_a_new_incarnation() -> None:
    """I1: an empty answer means a new incarnation without any backup."""
    record = set_incarnation(KNOWN, None, listed_ids={"id-1"}, now=NOW)
    assert record.index_id is None
    assert record.previous_ids == ("id-1",)
    assert record.first_seen_at == NOW


def test_no_backup_anywhere_may_mean_that_they_were_just_deleted() -> None:
    """Somebody deleted all backups: the index is no younger for that, and is overdue at once."""
    assert set_incarnation(KNOWN, None, listed_ids=set(), now=NOW) is KNOWN


def test_an_id_that_comes_back_was_the_same_incarnation_all_along() -> None:
    doubted = set_incarnation(KNOWN, None, listed_ids={"id-1"}, now=NOW)
    record = set_incarnation(doubted, "id-1", listed_ids={"id-1"}, now=NOW)
    assert (record.index_id, record.previous_ids) == ("id-1", ())


def test_earlier_incarnations_are_remembered_in_order() -> None:
    record = set_incarnation(KNOWN, "id-2", listed_ids=set(), now=NOW)
    record = set_incarnation(record, "id-3", listed_ids=set(), now=NOW)
    assert record.previous_ids == ("id-1", "id-2")


def test_an_index_that_cannot_be_read_is_so_since_the_first_audit_that_failed() -> None:
    """U1."""
    once = mark_audited(KNOWN, problem="500", now=ago(hours=2))
    twice = mark_audited(once, problem="429", now=NOW)
    assert once == replace(KNOWN, unread_since=ago(hours=2), unread_audits=1)
    assert twice == replace(KNOWN, unread_since=ago(hours=2), unread_audits=2)
    assert mark_audited(twice, problem="", now=NOW) == KNOWN
