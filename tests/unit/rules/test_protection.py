"""What limits a person's own deletions (rule D2); what protects a backup is in test_plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pinecone_backup.model import PruneMode
from pinecone_backup.reasons import ReasonKind
from pinecone_backup.records import DeletionRecord, DeletionState
from pinecone_backup.rules.protection import of_request
from tests.support.backups import NOW, backup, facts_of, texts
from tests.support.pruning import document

if TYPE_CHECKING:
    from datetime import datetime

LIMITS = {"per_run": {"count": 100, "percent": 100}, "per_index": {"count": 100, "percent": 50}}
DOCUMENT = document(limits=LIMITS)


def deleted(
    number: int,
    *,
    at: datetime = NOW,
    state: DeletionState = DeletionState.DELETED,
    by_person: bool = True,
) -> DeletionRecord:
    return DeletionRecord(
        f"d{number}", "docs", "id-of-docs", state, at, "run-0", "ann", by_person=by_person
    )


def objections(*recent: DeletionRecord, left: int = 4) -> tuple[str, ...]:
    """What limits one more deletion in an index with so many backups, where half may go."""
    facts = facts_of([backup(f"b{n}", days_ago=n) for n in range(left)], DOCUMENT)
    entry = facts.inventory.entries["b0"]
    return texts(of_request(facts, entry, mode=PruneMode.ENFORCE, recent=recent))


@pytest.mark.parametrize(("before", "limited"), [(0, False), (3, False), (4, True)])
def test_the_percentage_refers_to_what_there_was_before_people_deleted(
    before: int, limited: bool
) -> None:
    """D2: of eight backups half may go, also when the first of them are gone already."""
    found = objections(*map(deleted, range(before)), left=8 - before)

    assert bool(found) is limited
    if limited:
        assert found == (
            "5 deletions by people within 24 hours in one index, where the limits allow 4",
        )


@pytest.mark.parametrize(("seconds", "limited"), [(-1, True), (0, False)])
def test_a_deletion_counts_for_less_than_a_day(seconds: int, limited: bool) -> None:
    """D2, T2."""
    at = NOW - timedelta(days=1, seconds=seconds)

    assert bool(objections(*(deleted(n, at=at) for n in range(4)))) is limited


@pytest.mark.parametrize("state", [DeletionState.FAILED, DeletionState.SKIPPED])
def test_a_deletion_that_did_not_happen_does_not_count(state: DeletionState) -> None:
    """D2."""
    assert objections(*(deleted(n, state=state) for n in range(4))) == ()


def test_what_a_run_deleted_does_not_count_against_people() -> None:
    """D2."""
    assert objections(*(deleted(n, by_person=False) for n in range(4))) == ()


def test_one_deletion_is_always_allowed_and_no_second_one() -> None:
    """D2: half of one backup is none, and still a person may delete it."""
    assert objections(left=1) == ()
    assert objections(deleted(0), left=1) == (
        "2 deletions by people within 24 hours in one index, where the limits allow 1",
    )


def test_the_limit_of_the_project_is_named_as_one_of_the_project() -> None:
    """D2: half of the eight backups of two indexes may go, whichever they are of."""
    limits = {"per_run": {"count": 100, "percent": 50}, "per_index": {"count": 100, "percent": 100}}
    rows = [backup(f"{name}-{n}", days_ago=n, index=name) for name in ("a", "b") for n in (0, 1)]
    facts = facts_of(rows, document(limits=limits))
    recent = [deleted(number) for number in range(4)]
    entry = facts.inventory.entries["a-0"]

    assert texts(of_request(facts, entry, mode=PruneMode.ENFORCE, recent=recent)) == (
        "5 deletions by people within 24 hours in the project, where the limits allow 4",
    )


def test_the_same_deletion_asked_twice_counts_once() -> None:
    """D2."""
    recent = [replace(deleted(n), backup_id="b0") for n in range(9)]
    assert objections(*recent) == ()


def test_in_a_dry_run_the_mode_is_in_the_way_of_everybody() -> None:
    """D2."""
    facts = facts_of([backup("b0")], DOCUMENT)
    found = of_request(facts, facts.inventory.entries["b0"], mode=PruneMode.DRY_RUN, recent=[])
    assert [reason.kind for reason in found] == [ReasonKind.DRY_RUN]
