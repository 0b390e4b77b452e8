"""Which backup to restore from, for a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pinecone_backup.model import Status
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import Verdict
from pinecone_backup.rules.restore_point import restore_point, why_not
from tests.support.backups import NOW, backup, inventory_of, record

DAY = timedelta(days=1)


def test_it_is_the_newest_good_one_at_or_before_the_moment() -> None:
    found = restore_point(
        inventory_of([backup(f"b{n}", days_ago=n) for n in range(5)]), "docs", NOW - 2 * DAY
    )
    assert found is not None
    assert found.entry is not None
    assert found.next is not None
    assert (found.entry.backup.backup_id, found.next.backup.backup_id) == ("b2", "b1")
    assert found.passed_over == []


def test_of_backups_of_one_moment_the_one_with_the_greater_id_is_taken() -> None:
    """Whatever their order in the listing; a failed one between them is named with its reason."""
    rows = [backup(name, days_ago=1) for name in ("b1", "b3", "b2")]
    rows.append(backup("f", days_ago=0.5, status=Status.FAILED))
    for listed in (rows, rows[::-1]):
        found = restore_point(inventory_of(listed), "docs", NOW)
        assert found is not None
        assert found.entry is not None
        assert found.entry.backup.backup_id == "b3"
        [over] = found.passed_over
        assert (over.entry.backup.backup_id, over.reason) == ("f", "failed")


def test_backups_of_earlier_incarnations_and_of_deleted_indexes_count() -> None:
    rows = [
        backup("now", days_ago=1, index_id="new"),
        backup("before", days_ago=9, index_id="old", index_deleted_at=NOW - 5 * DAY),
    ]
    found = restore_point(inventory_of(rows), "docs", NOW - 6 * DAY)
    assert found is not None
    assert found.entry is not None
    assert found.entry.backup.backup_id == "before"


def test_without_a_good_one_it_is_said_what_there_is_instead() -> None:
    rows = [backup("f", days_ago=3, status=Status.FAILED), backup("later", days_ago=1)]
    found = restore_point(inventory_of(rows), "docs", NOW - 2 * DAY)
    assert found is not None
    assert (found.entry, [each.reason for each in found.passed_over]) == (None, ["failed"])
    assert found.next is not None


def test_an_index_without_any_backup_has_no_restore_point() -> None:
    assert restore_point(inventory_of([backup()]), "other", NOW) is None
    undated = restore_point(inventory_of([backup(days_ago=None)]), "docs", NOW)
    assert undated is not None
    assert undated.entry is None


@pytest.mark.parametrize(
    ("properties", "known", "reason"),
    [
        ({}, {"verdict": Verdict.SUSPECT}, "suspect"),
        (
            {},
            {"verdict": Verdict.SUSPECT, "verdict_reason": Reason.of(ReasonKind.EMPTY)},
            "suspect: empty",
        ),
        ({}, {"restore_tested": False}, "suspect: its restore test failed"),
        ({}, {"verdict": None}, "no audit has judged it yet"),
        (
            {"owner": None, "name": "by-hand"},
            {"verdict": None},
            "not made by this deployment, so nobody has judged it",
        ),
        ({"status": Status.UNDER_WAY}, {"verdict": None}, "under way"),
    ],
)
def test_it_is_said_why_a_backup_is_not_taken(
    properties: dict[str, Any], known: dict[str, Any], reason: str
) -> None:
    row = backup(**properties)
    inventory = inventory_of([row], [replace(record(row), **known)])
    assert why_not(inventory.entries["b1"]) == reason
