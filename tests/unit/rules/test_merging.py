"""What two functions make of one record is put together, and nothing of either is mixed up."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from itertools import permutations
from typing import Any

import pytest

from pinecone_backup.records import (
    BackupRecord,
    Finding,
    Hold,
    IndexRecord,
    PlanRecord,
    Verdict,
)
from pinecone_backup.rules.merging import merged
from tests.support.restores import restore_record

TOGETHER = [
    (BackupRecord, "verdict verdict_reason verdict_at accepted_by accepted_reason accepted_at"),
    (BackupRecord, "record_count size_bytes"),
    (BackupRecord, "restore_tested restore_tested_at"),
    (Finding, "severity opened_at last_seen_at count resolved_at announced_at"),
    (Finding, "title diagnosis action data"),
    (Finding, "acknowledged_by acknowledged_reason acknowledged_at"),
    (Hold, "released_at released_by release_reason"),
    (IndexRecord, "index_id previous_ids"),
    (IndexRecord, "unread_since unread_audits"),
    (IndexRecord, "schedule schedule_since former_slot"),
    (PlanRecord, "state approvals"),
    (PlanRecord, "created_at run_id key delete_count keep_count bytes_freed waits_because"),
]
"""What makes sense together only, by the kind of record."""


def new(kind: type[Any], **values: Any) -> Any:
    """A record of a kind, each field by default or named after itself."""
    required = {
        each.name: f"the {each.name}"
        for each in fields(kind)
        if each.default is MISSING and each.default_factory is MISSING
    }
    return kind(**{**required, **values})


BASE = new(BackupRecord)


@pytest.mark.parametrize(("kind", "names"), TOGETHER)
def test_what_belongs_together_is_taken_from_one_of_them(kind: type[Any], names: str) -> None:
    base = new(kind)
    for ours, stored in permutations(names.split(), 2):
        theirs = replace(base, **{stored: "theirs"})
        assert merged(base, replace(base, **{ours: "ours"}), theirs) == theirs


@pytest.mark.parametrize(("kind", "names"), TOGETHER)
def test_what_belongs_together_is_written_together(kind: type[Any], names: str) -> None:
    base = new(kind)
    mine = replace(base, **dict.fromkeys(names.split(), "ours"))
    assert merged(base, mine, base) == mine


def test_what_each_of_them_changed_is_kept() -> None:
    mine, theirs = replace(BASE, asked_by="alice"), replace(BASE, restore_tested=True)
    assert merged(BASE, mine, theirs) == replace(theirs, asked_by="alice")


def test_what_both_changed_stays_as_it_is_stored() -> None:
    mine, theirs = replace(BASE, asked_by="alice"), replace(BASE, asked_by="bob")
    assert merged(BASE, mine, theirs) == theirs


def test_what_nobody_changed_here_is_not_set_back() -> None:
    theirs = replace(BASE, asked_by="bob", restore_tested=True)
    assert merged(BASE, BASE, theirs) == theirs


def test_of_two_that_were_made_of_nothing_one_gains_what_only_the_other_has() -> None:
    mine = replace(BASE, asked_by="alice", index_name="other")
    theirs = replace(BASE, restore_tested=True)
    assert merged(None, mine, theirs) == replace(theirs, asked_by="alice")


def test_all_that_one_of_them_changed_is_written() -> None:
    """A group, and what stands for itself."""
    mine = replace(BASE, asked_by="alice", record_count=5, restore_tested=True)
    theirs = replace(BASE, verdict=Verdict.GOOD)
    assert merged(BASE, mine, theirs) == replace(mine, verdict=Verdict.GOOD)


def test_each_field_of_a_record_without_groups_stands_for_itself() -> None:
    base = restore_record()
    mine, theirs = replace(base, reason="ours"), replace(base, result_at=base.started_at)
    assert merged(base, mine, theirs) == replace(theirs, reason="ours")


def test_an_empty_mapping_of_nothing_is_no_change() -> None:
    mine, theirs = restore_record(tags={}), restore_record(tags={"env": "prod"})
    assert merged(None, mine, theirs) == theirs
    assert merged(None, theirs, mine) == theirs
