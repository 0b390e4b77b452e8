"""Which backup to restore from, for a moment: the newest good one taken at or before it.

All backups of an index's name are looked at, those of earlier incarnations and of a deleted index
too: whoever restores wants what the name held at the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinecone_backup.model import words
from pinecone_backup.rules.inventory import Origin, Worth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.rules.inventory import Entry, Inventory


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A backup that is nearer to the moment and is not taken, and why."""

    entry: Entry
    reason: str


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """What there is to restore from.

    Attributes:
        entry: The backup; None when none is good enough.
        next: The first good one that was taken after the moment.
        passed_over: What was taken in between, the newest first.
    """

    entry: Entry | None
    next: Entry | None
    passed_over: Sequence[PassedOver]


def restore_point(inventory: Inventory, index_name: str, at: datetime) -> RestorePoint | None:
    """What to restore an index from, to have it as it was at a moment.

    Args:
        inventory: The project's backups.
        index_name: The index, by its name.
        at: The moment, aware.

    Returns:
        None when there is no backup of any index of that name.
    """
    entries = [
        entry for entry in inventory.entries.values() if entry.backup.index_name == index_name
    ]
    if not entries:
        return None
    dated = sorted(
        ((entry.at, entry.backup.backup_id, entry) for entry in entries if entry.at is not None),
        key=lambda each: each[:2],
        reverse=True,
    )
    before = [entry for taken_at, _, entry in dated if taken_at <= at]
    after = [entry for taken_at, _, entry in dated if taken_at > at]
    chosen = next((entry for entry in before if entry.worth is Worth.GOOD), None)
    nearer = before if chosen is None else before[: before.index(chosen)]
    return RestorePoint(
        chosen,
        next((entry for entry in reversed(after) if entry.worth is Worth.GOOD), None),
        [PassedOver(entry, why_not(entry)) for entry in nearer],
    )


def why_not(entry: Entry) -> str:
    """Why a backup is not restored from unless somebody names it."""
    if entry.worth is Worth.SUSPECT:
        record = entry.record
        if record is not None and record.restore_tested is False:
            return "suspect: its restore test failed"
        reason = record.verdict_reason if record is not None else None
        return f"suspect: {reason}" if reason else "suspect"
    if entry.worth is Worth.UNJUDGED and entry.origin not in (Origin.OURS, Origin.NATIVE):
        return "not made by this deployment, so nobody has judged it"
    if entry.worth is Worth.UNJUDGED:
        return "no audit has judged it yet"
    return words(entry.worth)
