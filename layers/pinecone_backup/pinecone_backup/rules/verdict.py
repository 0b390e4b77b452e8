"""Is a Ready backup good or suspect? The verdict is taken once and stored (rules G1 and G2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import Verdict
from pinecone_backup.rules.inventory import (
    Entry,
    Incarnation,
    Inventory,
    Origin,
    Worth,
)

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.records import BackupRecord

DEFAULT_SHRINK_PERCENT = 50
"""For an index without a policy; the policy's ``shrink_percent`` has the same default."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The inventory with every verdict in it, and the records that are new and to be stored."""

    inventory: Inventory
    records: Sequence[BackupRecord]


def judge(
    inventory: Inventory,
    *,
    shrink_percent: Mapping[str, int],
    now: datetime,
    index_counts: Mapping[str, int] | None = None,
    unreadable: Container[str] = (),
) -> Judged:
    """Give every Ready backup of ours, and every native one, its verdict if it has none (G1).

    Each is judged oldest first against the newest older good one of its incarnation that has a
    record count, and by record counts only. Other people's backups are never judged.

    Args:
        inventory: The project's backups.
        shrink_percent: The policy's limit by index id; 50 where there is none.
        now: When the verdicts are taken, UTC.
        index_counts: The indexes' own record counts by index id, where known (rule G2).
        unreadable: Ids of backups whose record in the ledger cannot be read: they may have a
            verdict, or be deleted already, and get none (rule U2).
    """
    verdicts: dict[str, Entry] = {}
    for index_id, incarnation in inventory.incarnations.items():
        limit = shrink_percent.get(index_id, DEFAULT_SHRINK_PERCENT)
        count = (index_counts or {}).get(index_id)
        judged = _judged(incarnation, limit, count, now)
        verdicts.update({key: entry for key, entry in judged.items() if key not in unreadable})
    if not verdicts:
        return Judged(inventory, ())
    incarnations = {
        index_id: replace(
            incarnation,
            entries=[verdicts.get(entry.backup.backup_id, entry) for entry in incarnation.entries],
        )
        for index_id, incarnation in inventory.incarnations.items()
    }
    records = [entry.record for entry in verdicts.values() if entry.record]
    return Judged(
        Inventory({**inventory.entries, **verdicts}, incarnations, inventory.contradictions),
        records,
    )


def verdict_on(
    record_count: int | None,
    *,
    reference: int | None,
    shrink_percent: int,
    index_count: int | None = None,
) -> tuple[Verdict, Reason]:
    """The verdict on one Ready backup, with its reason (rule G1).

    Args:
        record_count: The backup's records; None makes it unverified, which counts as good.
        reference: The records of the newest older good backup, or None when there is none.
        shrink_percent: Suspect when it has more than this percentage fewer than the reference.
        index_count: The index's own records, where known.
    """
    if record_count is None:
        return Verdict.UNVERIFIED, Reason.of(ReasonKind.COUNT_UNKNOWN)
    if record_count == 0:
        kind = ReasonKind.EMPTY_AS_INDEX if index_count == 0 else ReasonKind.EMPTY
        return Verdict.SUSPECT, Reason.of(kind)
    if reference is not None and record_count * 100 < reference * (100 - shrink_percent):
        return Verdict.SUSPECT, Reason.of(
            ReasonKind.SHRUNK, records=record_count, reference=reference
        )
    return Verdict.GOOD, Reason.of(ReasonKind.RECORDS, records=record_count)


def _judged(
    incarnation: Incarnation, limit: int, index_count: int | None, now: datetime
) -> dict[str, Entry]:
    if all(entry.worth is not Worth.UNJUDGED for entry in incarnation.entries):
        return {}
    verdicts: dict[str, Entry] = {}
    reference: int | None = None
    for listed in reversed(incarnation.entries):
        if listed.origin not in (Origin.OURS, Origin.NATIVE):
            continue
        entry = listed
        if entry.worth is Worth.UNJUDGED:
            verdict, reason = verdict_on(
                entry.backup.record_count,
                reference=reference,
                shrink_percent=limit,
                index_count=index_count,
            )
            entry = _with_verdict(entry, verdict, reason, now)
            verdicts[entry.backup.backup_id] = entry
        if entry.worth is Worth.GOOD and entry.backup.record_count is not None:
            reference = entry.backup.record_count
    return verdicts


def _with_verdict(entry: Entry, verdict: Verdict, reason: Reason, now: datetime) -> Entry:
    record = replace(
        entry.known(now),
        verdict=verdict,
        verdict_reason=reason,
        verdict_at=now,
        record_count=entry.backup.record_count,
        size_bytes=entry.backup.size_bytes,
    )
    good = verdict.counts and record.restore_tested is not False
    return replace(entry, worth=Worth.GOOD if good else Worth.SUSPECT, record=record)
