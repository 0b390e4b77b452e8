"""Writes that meet others, or themselves: nothing that anybody wrote is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.adapters.ledger import HISTORY
from pinecone_backup.errors import LedgerConflict, LedgerUnavailable
from pinecone_backup.model import DomainEvent, RunKind, Severity, TriggerKind
from pinecone_backup.records import (
    BackupRecord,
    Claim,
    ClaimState,
    DeletionRecord,
    DeletionState,
    Finding,
    Hold,
    HoldScope,
    IndexRecord,
    Run,
    RunState,
    ScheduleRecord,
    Verdict,
)
from tests.support.ledger import MemoryLedger
from tests.support.table import FaultyTable

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FINDING = Finding("f1", "overdue", Severity.ERROR, "docs", "t", "d", "a", NOW, NOW)
CLAIM = Claim("docs", NOW, ClaimState.CLAIMED, 1, "gold", "name", "run", NOW, NOW)
BACKUP = BackupRecord("b1", "docs", "i1", "n", NOW, NOW)
HOLD = Hold("h1", HoldScope.BACKUP, "b1", "audit", "alice", NOW)
RUN = Run(
    "r1", RunKind.CREATE, TriggerKind.SCHEDULE, "schedule", RunState.SUCCEEDED, NOW, NOW,
    summary={"created": {}, "decisions": {"satisfied": 3}},
)  # fmt: skip
DELETION = DeletionRecord("b1", "docs", "i1", DeletionState.UNKNOWN, NOW, "run", "alice")


def event(key: str = "e") -> DomainEvent:
    return DomainEvent.of("hold.placed", key, project="main", at=NOW)


@pytest.fixture
def table() -> FaultyTable:
    return FaultyTable()


@pytest.fixture
def ledger(table: FaultyTable) -> MemoryLedger:
    return MemoryLedger(table=table)


def test_what_another_changed_meanwhile_stays(ledger: MemoryLedger, table: FaultyTable) -> None:
    """An audit that read before an acknowledgement, and writes after it."""
    ledger.put_finding(FINDING)
    acknowledged = replace(FINDING, acknowledged_by="ada", acknowledged_at=LATER)
    table.before = lambda: ledger.put_finding(acknowledged, over=FINDING)

    stored = ledger.put_finding(replace(FINDING, count=2, last_seen_at=LATER), over=FINDING)

    assert stored == replace(acknowledged, count=2, last_seen_at=LATER)
    assert ledger.findings() == [stored]


def test_what_both_changed_stays_as_it_is_stored(ledger: MemoryLedger, table: FaultyTable) -> None:
    ledger.put_backup(BACKUP)
    suspect = replace(BACKUP, verdict=Verdict.SUSPECT, verdict_at=NOW)
    table.before = lambda: ledger.put_backup(suspect, over=BACKUP)

    stored = ledger.put_backup(replace(BACKUP, verdict=Verdict.GOOD, verdict_at=LATER), over=BACKUP)

    assert stored == suspect
    assert ledger.backups() == {"b1": suspect}


def test_a_record_that_another_wrote_first_gains_what_it_lacks(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    seen = IndexRecord("docs", NOW, NOW, policy="gold")
    table.before = lambda: ledger.put_index(seen)

    stored = ledger.put_index(IndexRecord("docs", LATER, LATER, index_id="i1"))

    assert stored == replace(seen, index_id="i1")


def test_what_was_deleted_meanwhile_is_not_written_again(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    ledger.put_backup(BACKUP)
    over = replace(DELETION, state=DeletionState.DELETED, confirmed_at=NOW)
    table.before = lambda: ledger.put_deletion(BACKUP, over, over=BACKUP)

    ledger.put_backup(replace(BACKUP, verdict=Verdict.GOOD), over=BACKUP)

    assert ledger.backups() == {}


def test_a_deletion_is_refused_where_the_backup_has_changed(ledger: MemoryLedger) -> None:
    judged = ledger.put_backup(replace(BACKUP, verdict=Verdict.GOOD))

    with pytest.raises(LedgerConflict):
        ledger.put_deletion(BACKUP, DELETION, over=BACKUP)

    assert ledger.backups() == {"b1": judged}


def test_a_record_whose_checksum_was_removed_by_hand_is_written(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    ledger.put_backup(BACKUP)
    del table.items["BACKUP#b1"]["checksum"]

    judged = ledger.put_backup(replace(BACKUP, verdict=Verdict.GOOD), over=BACKUP)
    del table.items["BACKUP#b1"]["checksum"]
    marked = ledger.put_deletion(judged, DELETION, over=judged)

    assert ledger.backups() == {"b1": marked}


def test_a_write_that_the_client_sent_twice_is_a_success(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    """Its answer was lost, and the repetition met what it had written itself."""
    table.repeated = 1
    saved = ledger.save_claim(CLAIM)
    table.repeated = 1
    again = ledger.save_claim(replace(saved, state=ClaimState.POSTED))
    table.repeated = 1
    ledger.put_deletion(BACKUP, DELETION)
    table.repeated = 1
    ledger.put_hold(HOLD, event=event())

    assert ledger.claim("docs", NOW) == again
    assert ledger.holds() == [HOLD]
    assert [each.type for each in ledger.unannounced()] == ["hold.placed"]


def test_the_same_claim_of_two_requests_is_one_of_them(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    ledger.save_claim(CLAIM)
    table.repeated = 1
    with pytest.raises(LedgerConflict):
        ledger.save_claim(CLAIM)


def test_a_write_that_collides_with_a_transaction_is_tried_again(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    table.collisions = 3
    ledger.put_hold(HOLD)
    table.collisions = 3
    ledger.put_deletion(BACKUP, DELETION)

    assert ledger.holds() == [HOLD]
    assert ledger.deletion("b1") == DELETION
    assert len(ledger.pauses) == 6
    assert max(ledger.pauses) < 1


def test_a_write_that_always_collides_ends(ledger: MemoryLedger, table: FaultyTable) -> None:
    table.collisions = 1_000

    with pytest.raises(LedgerUnavailable, match="TransactionConflict"):
        ledger.put_hold(HOLD)

    assert len(ledger.pauses) < 10


def test_a_record_and_its_event_are_written_together(
    ledger: MemoryLedger, table: FaultyTable
) -> None:
    table.collisions = 1_000
    with pytest.raises(LedgerUnavailable):
        ledger.put_hold(HOLD, event=event())
    assert (ledger.holds(), ledger.unannounced()) == ([], [])

    table.collisions = 0
    ledger.put_hold(HOLD, event=event())
    assert ledger.holds() == [HOLD]
    assert ledger.unannounced() == [event()]


def test_a_record_is_written_where_its_event_was_recorded_before(ledger: MemoryLedger) -> None:
    ledger.record_event(event())

    ledger.put_hold(HOLD, event=event())

    assert ledger.holds() == [HOLD]
    assert len(ledger.unannounced()) == 1


@pytest.mark.parametrize(
    ("record", "ends"),
    [
        (IndexRecord("docs", NOW, NOW), None),
        (IndexRecord("docs", NOW, NOW, missing_since=LATER), LATER + HISTORY),
        (HOLD, None),
        (replace(HOLD, expires_at=LATER), LATER + HISTORY),
        (replace(HOLD, expires_at=NOW + 2 * HISTORY, released_at=LATER), LATER + HISTORY),
        (ScheduleRecord("s1", "n", "docs", "i1", NOW, LATER), LATER + HISTORY),
        (RUN, NOW + timedelta(days=30)),
        (replace(RUN, summary={"created": {"docs": "b1"}}), NOW + HISTORY),
        (replace(RUN, state=RunState.PARTIAL), NOW + HISTORY),
        (replace(RUN, kind=RunKind.AUDIT), NOW + HISTORY),
    ],
)
def test_records_of_what_is_over_end_with_the_history(
    ledger: MemoryLedger, table: FaultyTable, record: Any, ends: datetime | None
) -> None:
    """And creates that had nothing to do after a month."""
    puts: dict[type, Callable[[Any], object]] = {
        IndexRecord: ledger.put_index,
        Hold: ledger.put_hold,
        ScheduleRecord: ledger.put_schedule,
        Run: ledger.put_run,
    }

    puts[type(record)](record)

    item = next(item for key, item in table.items.items() if not key.startswith("LAST#"))
    assert item.get("expires_at") == (ends and {"N": str(int(ends.timestamp()))})
