"""What becomes of a record that two functions changed at the same time.

Each of them read the record, changed some of it and writes it on condition that it is stored as
it was read. Who comes second reads it again and puts its own changes on top: what only one of the
two changed is as that one says, and what both changed stays as it is stored.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.records import (
    BackupRecord,
    Finding,
    Hold,
    IndexRecord,
    PlanRecord,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_TOGETHER: dict[type[Any], tuple[str, ...]] = {
    BackupRecord: (
        "verdict verdict_reason verdict_at accepted_by accepted_reason accepted_at",
        "record_count size_bytes",
        "restore_tested restore_tested_at",
    ),
    Finding: (
        "severity opened_at last_seen_at count resolved_at announced_at",
        "title diagnosis action data",
        "acknowledged_by acknowledged_reason acknowledged_at",
    ),
    Hold: ("released_at released_by release_reason",),
    IndexRecord: (
        "index_id previous_ids",
        "unread_since unread_audits",
        "schedule schedule_since former_slot",
    ),
    PlanRecord: (
        "state approvals",
        "created_at run_id key delete_count keep_count bytes_freed waits_because",
    ),
}
"""Fields that make sense together only; every other field stands for itself."""


def merged[T: DataclassInstance](base: T | None, mine: T, theirs: T) -> T:
    """One record of two that were made of the same.

    Args:
        base: What both were made of; None when there was nothing yet.
        mine: What is to be written.
        theirs: What is stored now.
    """
    together = [tuple(names.split()) for names in _TOGETHER.get(type(mine), ())]
    single = {each.name for each in fields(mine)} - {name for group in together for name in group}
    changes: dict[str, Any] = {}
    for names in (*together, *((name,) for name in sorted(single))):
        before, ours, stored = (_values(record, mine, names) for record in (base, mine, theirs))
        if ours != before and stored == before:
            changes |= dict(zip(names, ours, strict=True))
    return replace(theirs, **changes)


def _values(record: Any, kind: DataclassInstance, names: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of some fields; of no record, what they are by default."""
    if record is not None:
        return tuple(getattr(record, name) for name in names)
    defaults = {each.name: each for each in fields(kind)}
    return tuple(_default(defaults[name]) for name in names)


def _default(field: Any) -> Any:
    """MISSING, which equals nothing, where a field must be given."""
    return field.default if field.default_factory is MISSING else field.default_factory()
