"""Good or suspect: the verdict on a Ready backup."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import Status
from pinecone_backup.records import DeletionState, Verdict
from pinecone_backup.rules.inventory import Worth
from pinecone_backup.rules.verdict import judge, verdict_on
from tests.support.audits import EMPTY, EMPTY_AS_INDEX
from tests.support.backups import NOW, backup, deletion, inventory_of, record

if TYPE_CHECKING:
    from pinecone_backup.model import Backup
    from pinecone_backup.reasons import Reason
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.verdict import Judged


@pytest.mark.parametrize(
    ("count", "reference", "percent", "verdict"),
    [
        (None, 100, 50, Verdict.UNVERIFIED),
        (0, None, 50, Verdict.SUSPECT),
        (0, 100, 100, Verdict.SUSPECT),
        (1, None, 50, Verdict.GOOD),
        (50, 100, 50, Verdict.GOOD),
        (49, 100, 50, Verdict.SUSPECT),
        (99, 100, 0, Verdict.SUSPECT),
        (100, 100, 0, Verdict.GOOD),
        (1, 10**9, 100, Verdict.GOOD),
        (333, 1000, 66, Verdict.SUSPECT),
        (340, 1000, 66, Verdict.GOOD),
        (4_999_999, 10_000_000, 50, Verdict.SUSPECT),
        (900, 100, 50, Verdict.GOOD),
    ],
)
def test_empty_or_shrunk_beyond_the_limit_is_suspect(
    count: int | None, reference: int | None, percent: int, verdict: Verdict
) -> None:
    """G1: by record count only; no count is unverified."""
    assert verdict_on(count, reference=reference, shrink_percent=percent)[0] is verdict


@pytest.mark.parametrize(
    ("index_count", "reason"), [(0, EMPTY_AS_INDEX), (5, EMPTY), (None, EMPTY)]
)
def test_empty_as_the_index_itself_is_distinguished(
    index_count: int | None, reason: Reason
) -> None:
    """G2: information, not a problem; it displaces nothing all the same."""
    verdict = verdict_on(0, reference=9, shrink_percent=50, index_count=index_count)

    assert verdict == (Verdict.SUSPECT, reason)


def test_the_reasons_give_the_figures() -> None:
    def reason(count: int | None, reference: int | None) -> str:
        return str(verdict_on(count, reference=reference, shrink_percent=50)[1])

    assert reason(1234, None) == "1,234 records"
    assert reason(1234, 9876) == "1,234 records, after 9,876 in the newest older good backup"
    assert reason(None, 9) == "Pinecone gives no record count"


def judged(*rows: Backup, known: list[BackupRecord] | None = None, **arguments: Any) -> Judged:
    inventory = inventory_of(rows, known or [])
    return judge(inventory, **{"shrink_percent": {}, "now": NOW, **arguments})


def worths(result: Judged) -> dict[str, Worth]:
    return {key: entry.worth for key, entry in result.inventory.entries.items()}


def counts(*records: int | None) -> list[Backup]:
    """One backup a day with these record counts, oldest first: b0, b1 ..."""
    return [
        backup(f"b{number}", days_ago=len(records) - number, record_count=count)
        for number, count in enumerate(records)
    ]


def test_each_is_judged_against_the_newest_older_good_one() -> None:
    """G1: a suspect is no reference."""
    assert worths(judged(*counts(1000, 10, 600, 290, 310))) == {
        "b0": Worth.GOOD,
        "b1": Worth.SUSPECT,
        "b2": Worth.GOOD,
        "b3": Worth.SUSPECT,
        "b4": Worth.GOOD,
    }


def test_an_unverified_one_is_good_and_no_reference() -> None:
    """G1."""
    assert worths(judged(*counts(1000, None, 400))) == {
        "b0": Worth.GOOD,
        "b1": Worth.GOOD,
        "b2": Worth.SUSPECT,
    }


def test_a_verdict_is_taken_once() -> None:
    """G1: what was good stays good, whatever came to light since."""
    rows = counts(1000, 10)

    result = judged(*rows, known=[record(rows[1], Verdict.GOOD)])

    assert worths(result) == {"b0": Worth.GOOD, "b1": Worth.GOOD}
    assert [each.backup_id for each in result.records] == ["b0"]


def test_an_accepted_suspect_is_the_reference() -> None:
    """G1."""
    rows = counts(1000, 10, 8)

    result = judged(*rows, known=[record(rows[0]), record(rows[1], Verdict.ACCEPTED)])

    assert worths(result)["b2"] is Worth.GOOD


def test_a_backup_on_its_way_out_is_no_reference() -> None:
    """G4."""
    rows = counts(1000, 10)

    accepted = record(rows[0], deletion=deletion(DeletionState.ACCEPTED))

    assert worths(judged(*rows, known=[accepted]))["b1"] is Worth.GOOD


def test_one_that_became_ready_late_is_judged_against_what_is_older() -> None:
    """G1: a newer good one is no reference for it."""
    rows = counts(100, 60, 1000)

    result = judged(*rows, known=[record(rows[0]), record(rows[2])])

    assert worths(result)["b1"] is Worth.GOOD


def test_the_policys_limit_counts_by_incarnation() -> None:
    """G1."""
    rows = counts(100, 80)

    assert worths(judged(*rows, shrink_percent={"id-of-docs": 10}))["b1"] is Worth.SUSPECT
    assert worths(judged(*rows, shrink_percent={"id-of-shop": 10}))["b1"] is Worth.GOOD


def test_a_namesake_is_no_reference() -> None:
    """I1, G1."""
    rows = [backup("b0", days_ago=1, index_id="old"), backup("b1", index_id="new", record_count=3)]

    assert worths(judged(*rows))["b1"] is Worth.GOOD


def test_the_indexes_own_count_decides_the_reason_by_incarnation() -> None:
    """G2."""
    row = backup(record_count=0)

    [empty] = judged(row, index_counts={"id-of-docs": 0}).records
    [lost] = judged(row, index_counts={"id-of-shop": 0}).records

    assert (empty.verdict_reason, lost.verdict_reason) == (EMPTY_AS_INDEX, EMPTY)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": None},
        {"owner": "stack-b"},
        {"status": Status.UNDER_WAY},
        {"status": Status.FAILED},
        {"days_ago": None},
        {"days_ago": -1},
    ],
)
def test_only_ready_dated_backups_of_ours_are_judged(changes: dict[str, Any]) -> None:
    """G1: other people's backups get no verdict from us."""
    result = judged(backup(**{"days_ago": 0, **changes}))

    assert result.records == ()


def test_foreign_backups_are_no_reference() -> None:
    """G1: nobody can make ours suspect from outside."""
    rows = [backup("b0", days_ago=1, owner=None, record_count=10**6), backup("b1")]

    assert worths(judged(*rows))["b1"] is Worth.GOOD


def test_native_backups_are_judged_and_are_a_reference() -> None:
    """G1, G5."""
    rows = [
        backup("b0", days_ago=2, owner=None, name="nightly-20261120T120000Z"),
        backup("b1", record_count=3),
    ]

    assert worths(judged(*rows)) == {"b0": Worth.GOOD, "b1": Worth.SUSPECT}


def test_the_record_says_what_was_seen_and_when() -> None:
    later = NOW + timedelta(hours=1)
    row = backup(record_count=7, size_bytes=9)

    [new] = judged(row, now=later).records

    assert (new.backup_id, new.verdict, str(new.verdict_reason)) == (
        "b1",
        Verdict.GOOD,
        "7 records",
    )
    assert (new.verdict_at, new.first_seen_at) == (later, later)
    assert (new.record_count, new.size_bytes) == (7, 9)


def test_a_record_that_is_known_already_keeps_what_it_knew() -> None:
    row = backup()
    known = record(row, None, first_seen_at=NOW - timedelta(days=9), restore_tested=False)

    result = judged(row, known=[known])

    assert result.records[0].first_seen_at == NOW - timedelta(days=9)
    assert result.records[0].verdict is Verdict.GOOD
    assert worths(result)["b1"] is Worth.SUSPECT


def test_judging_changes_nothing_but_the_verdicts() -> None:
    rows = [
        *counts(5, None, 0),
        backup("b7", owner=None),
        backup("b8", owner=None, name="nightly-20261120T120000Z"),
        *(backup("b9", index=name) for name in ("shop", "other")),
    ]
    inventory = inventory_of(rows, [])

    result = judge(inventory, shrink_percent={}, now=NOW).inventory

    assert result.contradictions == inventory.contradictions != ()
    for key, entry in inventory.entries.items():
        judged_entry = result.entries[key]
        assert judged_entry == replace(entry, worth=judged_entry.worth, record=judged_entry.record)
    for key, incarnation in inventory.incarnations.items():
        assert result.incarnations[key] == replace(
            incarnation,
            entries=[result.entries[entry.backup.backup_id] for entry in incarnation.entries],
        )


def test_the_judged_stand_in_their_incarnations_too() -> None:
    result = judged(*counts(5, 5), backup("b9", index="shop"))

    docs = result.inventory.incarnations["id-of-docs"]
    assert [entry.worth for entry in docs.entries] == [Worth.GOOD, Worth.GOOD]
    assert docs.entries[0] == result.inventory.entries["b1"]
    assert docs.entries[0].record is not None


def test_nothing_to_judge_changes_nothing() -> None:
    row = backup()
    inventory = inventory_of([row])

    result = judge(inventory, shrink_percent={}, now=NOW)

    assert result.inventory is inventory
    assert result.records == ()
