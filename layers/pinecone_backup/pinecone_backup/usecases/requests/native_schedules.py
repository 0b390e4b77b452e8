"""Native schedules, changed because a person or a program asks for it; who did it is recorded.

A shorter retention deletes: Pinecone applies it to backups that exist. It is refused unless the
caller may shorten.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import Conflict, NotFound, RuleForbids
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import ScheduleRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pinecone_backup.model import NativeSchedule
    from pinecone_backup.ports import ControlPlane, Ledger


def create_schedule(
    control_plane: ControlPlane,
    ledger: Ledger,
    index_name: str,
    *,
    name: str,
    frequency: str,
    expire_after_days: int,
    who: str,
    now: datetime,
) -> NativeSchedule:
    """Create an enabled native schedule.

    It is remembered, so that its backups stay native when the schedule is deleted (rule G5). Asking
    again, for a schedule that stands as it is asked for, answers with that schedule.

    Raises:
        PineconeError: Pinecone refused, or may have created it (``OutcomeUnknown``).
        LedgerError: It was created and could not be recorded.
    """
    try:
        made = control_plane.create_native_schedule(
            index_name, name=name, frequency=frequency, expire_after_days=expire_after_days
        )
    except Conflict:
        asked = (name, frequency, expire_after_days, True)
        found = [
            each
            for each in control_plane.native_schedules(index_name)
            if (each.name, each.frequency, each.expire_after_days, each.enabled) == asked
        ]
        if not found:
            raise
        made = found[0]
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
    _announce(ledger, "schedule.created", made.schedule_id, now=now, who=who, **_settings(made))
    return made


def update_schedule(
    control_plane: ControlPlane,
    ledger: Ledger,
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

    A change is announced once, by whichever request of the same caller finds it made: one that
    changes nothing is no event, unless the answer to an earlier one was lost.

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
    given = {
        "frequency": frequency,
        "expire_after_days": expire_after_days,
        "enabled": enabled,
    }
    wanted = _settings(before) | {name: value for name, value in given.items() if value is not None}
    asked = _asked(ledger, before, wanted, who=who, now=now)
    changed = control_plane.update_native_schedule(
        schedule_id, frequency=frequency, expire_after_days=expire_after_days, enabled=enabled
    )
    if asked:
        _announce(
            ledger,
            "schedule.updated",
            schedule_id,
            key=asked,
            now=now,
            who=who,
            reason=reason,
            was=json.loads(asked)["was"],
            **_settings(changed),
        )
    return changed


def _asked(
    ledger: Ledger,
    before: NativeSchedule,
    wanted: Mapping[str, Any],
    *,
    who: str,
    now: datetime,
) -> str:
    """The change that a request makes, or made before its answer was lost; else empty."""
    found = (each for each in ledger.schedules() if each.schedule_id == before.schedule_id)
    known = next(found, None)
    was = _settings(before)
    if wanted == was:
        if known is None or not known.change_asked:
            return ""
        last = json.loads(known.change_asked)
        return known.change_asked if (last["who"], last["wanted"]) == (who, wanted) else ""
    asked = json.dumps(
        {
            "schedule_id": before.schedule_id,
            "who": who,
            "at": now.isoformat(),
            "was": was,
            "wanted": wanted,
        },
        sort_keys=True,
    )
    if known is not None:
        ledger.put_schedule(replace(known, change_asked=asked), over=known)
    return asked


def delete_schedule(
    control_plane: ControlPlane, ledger: Ledger, schedule_id: str, *, who: str, now: datetime
) -> None:
    """Delete a native schedule; its backups stay until they expire.

    Raises:
        PineconeError: Pinecone refused, or may have deleted it (``OutcomeUnknown``).
        LedgerError: It was deleted and that could not be recorded.
    """
    known = next((each for each in ledger.schedules() if each.schedule_id == schedule_id), None)
    if known is not None and known.deletion_asked_by != who:
        known = ledger.put_schedule(replace(known, deletion_asked_by=who), over=known)
        asked_before = False
    else:
        asked_before = known is not None
    try:
        control_plane.delete_native_schedule(schedule_id)
    except NotFound:
        if asked_before:  # it was this request, whose answer was lost
            _announce(ledger, "schedule.deleted", schedule_id, now=now, who=who)
        raise
    _announce(ledger, "schedule.deleted", schedule_id, now=now, who=who)


def _settings(schedule: NativeSchedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "frequency": schedule.frequency,
        "expire_after_days": schedule.expire_after_days,
        "enabled": schedule.enabled,
    }


def _announce(
    ledger: Ledger,
    type_: str,
    schedule_id: str,
    *,
    now: datetime,
    who: str,
    key: str = "",
    **data: Any,
) -> None:
    ledger.record_event(
        DomainEvent.of(
            type_,
            key or schedule_id,
            project=ledger.project,
            at=now,
            schedule_id=schedule_id,
            actor=who,
            **data,
        )
    )
