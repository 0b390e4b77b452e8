"""What the ledger remembers of an index name, and when its incarnation has changed (rule I1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pinecone_backup.records import IndexRecord
from pinecone_backup.rules.slots import slots_before

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import datetime

    from pinecone_backup.rules.policy import Policy


def mark_seen(
    known: IndexRecord | None, name: str, *, policy: Policy | None, now: datetime
) -> IndexRecord:
    """The memory of an index that is there now, before its incarnation is asked for."""
    record = known or IndexRecord(name, first_seen_at=now, last_seen_at=now)
    schedule = schedule_of(policy)
    if schedule != record.schedule:
        record = _rescheduled(record, schedule, now)
    name_of_policy = policy.name if policy else None
    return replace(record, last_seen_at=now, policy=name_of_policy, missing_since=None)


def schedule_of(policy: Policy | None) -> str:
    """The cron and the zone as an index's memory has them; empty where there is no cron."""
    return f"{policy.cron} {policy.timezone}" if policy and policy.cron else ""


def _rescheduled(record: IndexRecord, schedule: str, now: datetime) -> IndexRecord:
    """The memory of an index whose schedule has changed (rule C2).

    A schedule that ends before it had a slot was never the measure: the one before it still is.
    """
    if not record.schedule:
        return replace(record, schedule=schedule, schedule_since=None, former_slot=None)
    cron, zone = record.schedule.rsplit(" ", 1)
    former = next(slots_before(cron, ZoneInfo(zone), now), None)
    if record.schedule_since and (former is None or former <= record.schedule_since):
        former = record.former_slot
    return replace(record, schedule=schedule, schedule_since=now, former_slot=former)


def set_incarnation(
    record: IndexRecord, active_id: str | None, *, listed_ids: Container[str], now: datetime
) -> IndexRecord:
    """The memory of an index, now that Pinecone has named its incarnation.

    A new incarnation is first seen now: C5 and the audit count from then.

    Args:
        record: What ``mark_seen`` gave.
        active_id: The id that its backups name; None when it has no backup. No backup means a
            new incarnation only when those of the known one are still listed elsewhere:
            otherwise they may just have been deleted.
        listed_ids: The index ids of all backups that the project lists.
        now: The actual time, UTC.
    """
    if active_id == record.index_id or (active_id is None and record.index_id not in listed_ids):
        return record
    if active_id in record.previous_ids and record.index_id is None:
        others = tuple(known for known in record.previous_ids if known != active_id)
        return replace(record, index_id=active_id, previous_ids=others)
    if record.index_id is None:
        return replace(record, index_id=active_id)
    return replace(
        record,
        index_id=active_id,
        previous_ids=(*record.previous_ids, record.index_id),
        first_seen_at=now,
    )


def mark_audited(record: IndexRecord, *, problem: str, now: datetime) -> IndexRecord:
    """The memory of an index that an audit has read, or could not read because of a problem."""
    if not problem:
        return replace(record, unread_since=None, unread_audits=0)
    return replace(
        record,
        unread_since=record.unread_since or now,
        unread_audits=record.unread_audits + 1,
    )
