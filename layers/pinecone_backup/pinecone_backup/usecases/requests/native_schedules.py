"""Native schedules, changed because a person or a program asks for it; who did it is told.

A shorter retention deletes: Pinecone applies it to backups that exist. It is refused unless the
caller may shorten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import RuleForbids
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import ScheduleRecord

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.model import NativeSchedule
    from pinecone_backup.ports import ControlPlane, Ledger


def create_schedule(
    ledger: Ledger,
    control_plane: ControlPlane,
    index_name: str,
    *,
    name: str,
    frequency: str,
    expire_after_days: int,
    who: str,
    now: datetime,
) -> NativeSchedule:
    """Create an enabled native schedule.

    It is remembered, so that its backups stay native when the schedule is gone (rule G5).

    Raises:
        PineconeError: Pinecone refused, or may have created it (``OutcomeUnknown``).
        LedgerError: It was created and could not be recorded.
    """
    made = control_plane.create_native_schedule(
        index_name, name=name, frequency=frequency, expire_after_days=expire_after_days
    )
    ledger.put_schedule(
        ScheduleRecord(
            schedule_id=made.schedule_id,
            name=made.name,
            index_name=index_name,
            index_id=made.index_id,
            first_seen_at=now,
            last_seen_at=now,
        )
    )
    _tell(ledger, "schedule.created", made.schedule_id, now, who, **_settings(made))
    return made


def update_schedule(
    ledger: Ledger,
    control_plane: ControlPlane,
    schedule_id: str,
    *,
    frequency: str | None = None,
    expire_after_days: int | None = None,
    enabled: bool | None = None,
    may_shorten: bool = False,
    reason: str = "",
    who: str,
    now: datetime,
) -> NativeSchedule:
    """Change what is given; what is None stays.

    Raises:
        RuleForbids: The retention would become shorter, and ``may_shorten`` is not set.
        PineconeError: Pinecone refused, or may have changed it (``OutcomeUnknown``).
        LedgerError: It was changed and could not be recorded.
    """
    before = control_plane.describe_native_schedule(schedule_id)
    shorter = expire_after_days is not None and expire_after_days < before.expire_after_days
    if shorter and not may_shorten:
        raise RuleForbids(
            f"Keeping for {expire_after_days} instead of {before.expire_after_days} days would "
            "expire backups that exist",
            rule="shorter-retention",
            next_step="POST to shorten-retention with a reason, if that is intended.",
        )
    changed = control_plane.update_native_schedule(
        schedule_id, frequency=frequency, expire_after_days=expire_after_days, enabled=enabled
    )
    _tell(
        ledger,
        "schedule.updated",
        schedule_id,
        now,
        who,
        reason=reason,
        was=_settings(before),
        **_settings(changed),
    )
    return changed


def delete_schedule(
    ledger: Ledger, control_plane: ControlPlane, schedule_id: str, *, who: str, now: datetime
) -> None:
    """Delete a native schedule; its backups stay until they expire.

    Raises:
        PineconeError: Pinecone refused, or may have deleted it (``OutcomeUnknown``).
        LedgerError: It was deleted and that could not be recorded.
    """
    control_plane.delete_native_schedule(schedule_id)
    _tell(ledger, "schedule.deleted", schedule_id, now, who)


def _settings(schedule: NativeSchedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "frequency": schedule.frequency,
        "expire_after_days": schedule.expire_after_days,
        "enabled": schedule.enabled,
    }


def _tell(
    ledger: Ledger, type_: str, schedule_id: str, now: datetime, who: str, **data: Any
) -> None:
    ledger.record_event(
        DomainEvent.of(
            type_,
            f"{schedule_id}|{now.isoformat()}",
            project=ledger.project,
            at=now,
            schedule_id=schedule_id,
            actor=who,
            **data,
        )
    )
