"""Facts for controls and reports, built from backups as Pinecone lists them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import Backup, Index, IndexKind, NativeSchedule, Status
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import (
    BackupRecord,
    DeletionMark,
    DeletionState,
    Hold,
    HoldScope,
    IndexRecord,
    RestoreRecord,
    UnreadableItem,
    Verdict,
)
from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts, used
from pinecone_backup.rules.forecast import HORIZON, STEP, Forecast
from pinecone_backup.rules.inventory import NativeMark, take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import (
    Assigned,
    AssignedBy,
    Frequency,
    KeepRetention,
    NativeScheduleRequest,
    Orphans,
    Policy,
)
from tests.support.backups import signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinecone_backup.rules.inventory import Inventory
    from pinecone_backup.rules.policy_warnings import PolicyWarning

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OWNER = "stack-a"
NAME = "docs"
ID = "id-docs"

POLICY = Policy(
    name="standard",
    cron="0 3 * * *",
    max_age=timedelta(hours=26),
    retention=KeepRetention(keep_daily=7, keep_weekly=4),
)
NATIVE_POLICY = Policy(
    name="native",
    native_schedule=NativeScheduleRequest(frequency=Frequency.DAILY, expire_after_days=14),
    max_age=timedelta(hours=36),
    retention=KeepRetention(keep_last=1),
)

_STATUS_TEXT = {
    Status.READY: "Ready",
    Status.UNDER_WAY: "Initializing",
    Status.PLANNED: "Scheduled",
    Status.FAILED: "InitializationFailed",
    Status.UNKNOWN: "Pondering",
}
_TEXTS = {text: status for status, text in _STATUS_TEXT.items()}


def ago(**units: float) -> datetime:
    """The time so long before ``NOW``."""
    return NOW - timedelta(**units)


def backup(
    backup_id: str = "b-1",
    *,
    at: datetime | None = NOW,
    slot: datetime | None = None,
    expires_at: datetime | None = None,
    status: Status = Status.READY,
    index: str = NAME,
    index_id: str = ID,
    owner: str | None = OWNER,
    policy: str | None = "standard",
    name: str | None = None,
    records: int | None = 1000,
    deleted_at: datetime | None = None,
) -> Backup:
    """One row, made for the slot of its time; with ``owner`` None somebody made it by hand."""
    signature: dict[str, Any] = {"name": name, "description": None}
    if owner:
        marker = Marker(owner, policy, slot or at or NOW, "run-0", 1, expires_at)
        signature |= signed(marker, index)
    return Backup(
        backup_id=backup_id,
        index_name=index,
        index_id=index_id,
        status=status,
        status_text=_STATUS_TEXT[status],
        created_at=at,
        **signature,
        record_count=records,
        size_bytes=None if records is None else records * 6144,
        index_deleted_at=deleted_at,
    )


def record_of(
    row: Backup,
    *,
    verdict: Verdict | None = Verdict.GOOD,
    reason: Reason | None = None,
    deletion: DeletionMark | None = None,
) -> BackupRecord:
    """What the ledger knows of a backup."""
    return BackupRecord(
        backup_id=row.backup_id,
        index_name=row.index_name,
        index_id=row.index_id,
        name=row.name,
        created_at=row.created_at,
        first_seen_at=row.created_at or NOW,
        verdict=verdict,
        verdict_reason=reason,
        verdict_at=row.created_at if verdict else None,
        deletion=deletion,
    )


EMPTY = Reason.of(ReasonKind.EMPTY)
EMPTY_AS_INDEX = Reason.of(ReasonKind.EMPTY_AS_INDEX)


def accepted(at: datetime, **changes: Any) -> DeletionMark:
    """A deletion that Pinecone accepted."""
    return replace(DeletionMark(DeletionState.ACCEPTED, at), **changes)


def inventory(
    rows: Iterable[Backup],
    *,
    records: Iterable[BackupRecord] | None = None,
    native: Mapping[str, NativeMark] | None = None,
) -> Inventory:
    """The inventory; without ``records`` every row of ours that is Ready has been found good."""
    rows = list(rows)
    if records is None:
        records = [record_of(row) for row in rows if row.status is Status.READY]
    known = {record.backup_id: record for record in records}
    return take_inventory(rows, records=known, owner=OWNER, now=NOW, native=native)


def index_facts(
    held: Inventory | None = None,
    *,
    name: str = NAME,
    index_id: str | None = ID,
    policy: Policy | None = POLICY,
    by: AssignedBy | None = None,
    paused_until: date | None = None,
    first_seen: datetime | None = None,
    previous_ids: tuple[str, ...] = (),
    record_count: int | None = None,
    tags: Mapping[str, str] | None = None,
    kind: IndexKind = IndexKind.SERVERLESS,
    own_key: bool = False,
    schedules: Sequence[NativeSchedule] | None = (),
    problem: str = "",
    unread_audits: int = 0,
) -> IndexFacts:
    """One index, seen for the first time a hundred days ago."""
    held = held or inventory([])
    index = Index(name, kind, "Ready", ready=True, tags=tags or {}, encrypted_with_own_key=own_key)
    seen = first_seen or ago(days=100)
    return IndexFacts(
        index=index,
        assigned=Assigned(
            policy,
            by or (AssignedBy.ASSIGNMENT if policy else AssignedBy.NOTHING),
            paused_until,
        ),
        record=IndexRecord(
            name,
            seen,
            NOW,
            index_id,
            previous_ids=previous_ids,
            record_count=record_count,
            unread_since=ago(hours=unread_audits) if unread_audits else None,
            unread_audits=unread_audits,
        ),
        incarnation=held.incarnations.get(index_id) if index_id else None,
        namesakes=[
            incarnation
            for known, incarnation in held.incarnations.items()
            if incarnation.index_name == name and known != index_id
        ],
        schedules=schedules,
        problem=problem,
    )


def project_facts(
    held: Inventory | None = None,
    *indexes: IndexFacts,
    quota: int = 500,
    coming: Forecast | None = None,
    orphans: Orphans | None = None,
    holds: Sequence[Hold] = (),
    unreadable: Sequence[UnreadableItem] = (),
    warnings: Sequence[PolicyWarning] = (),
    restores: Sequence[RestoreRecord] = (),
    temporary: Sequence[Index] = (),
) -> ProjectFacts:
    """One project, by default with a forecast in which nothing changes."""
    held = held or inventory([])
    return ProjectFacts(
        name="main",
        quota=quota,
        now=NOW,
        inventory=held,
        indexes=indexes,
        forecast=coming
        or Forecast([(NOW + n * STEP, used(held)) for n in range(HORIZON + 1)], None, pruning=True),
        orphans=orphans or Orphans(),
        holds=holds,
        unreadable=unreadable,
        warnings=warnings,
        restores=restores,
        temporary=temporary,
    )


def schedule(
    *,
    enabled: bool = True,
    frequency: str = "daily",
    days: int = 14,
    next_run: datetime | None = NOW + timedelta(hours=6),
    created: datetime | None = NOW - timedelta(days=50),
    schedule_id: str = "s-1",
    name: str = "nightly",
) -> NativeSchedule:
    """One of Pinecone's own schedules."""
    return NativeSchedule(schedule_id, name, ID, frequency, days, enabled, next_run, created)


def hold(target: str = "b-1", *, scope: HoldScope = HoldScope.BACKUP, **changes: Any) -> Hold:
    """A hold without an end."""
    return replace(
        Hold("h-1", scope, target, "litigation", "ann@example.com", ago(days=9)), **changes
    )
