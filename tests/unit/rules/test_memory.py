"""What the ledger remembers of an index, and when its incarnation has changed."""

from __future__ import annotations

from dataclasses import replace

from pinecone_backup.records import IndexRecord
from pinecone_backup.rules.memory import mark_seen, set_incarnation
from tests.support.audits import NOW, ago

KNOWN = IndexRecord("docs", ago(days=9), ago(days=1), "id-1", policy="standard")


def test_a_new_index_is_first_seen_now() -> None:
    record = mark_seen(None, "docs", policy="standard", now=NOW)
    assert record == IndexRecord("docs", NOW, NOW, policy="standard")


def test_a_known_index_keeps_its_memory() -> None:
    record = mark_seen(KNOWN, "docs", policy=None, now=NOW)
    assert record == replace(KNOWN, last_seen_at=NOW, policy=None)


def test_the_policy_of_a_known_index_is_that_of_today() -> None:
    assert mark_seen(KNOWN, "docs", policy="gold", now=NOW).policy == "gold"


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
