"""When an index is looked at, so that the two looks enclose the creation of a backup (rule F1).

From what is listed and remembered alone: a tick that is lost, late or doubled means less evidence,
and nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.model import Depth, Status
from pinecone_backup.rules.creation import Kind
from pinecone_backup.rules.fingerprint import APART, holds_for
from pinecone_backup.rules.inventory import Origin
from pinecone_backup.rules.slots import jitter, next_slot

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.model import Backup, RunTime
    from pinecone_backup.records import LookRecord
    from pinecone_backup.rules.creation import Decision, View

EARLIEST = timedelta(hours=1)
"""The first look is taken in the last hour before a backup's creation ..."""
LATEST = APART + timedelta(minutes=5)
"""... but not in its last minutes; Pinecone's clock need not agree with ours."""

_AFTER_THIS_SLOT = frozenset({Kind.SATISFIED, Kind.NOT_DUE, Kind.UNDER_WAY})
_BY_THEIR_OWN_TIME = frozenset({Kind.TOO_NEW, Kind.WAITS})


def wants_looks(view: View) -> bool:
    """Whether the index's policy wants its backups to be compared record by record."""
    policy = view.assigned.policy
    test = policy.restore_test if policy is not None else None
    return test is not None and test.depth.includes(Depth.SAMPLE) and view.index.ready


def first_look_due(view: View, decision: Decision, known: LookRecord | None, time: RunTime) -> bool:
    """Whether now is the time for the first look.

    Args:
        view: The index, which ``wants_looks``.
        decision: What was decided about it in this run.
        known: Its first look so far.
        time: The run's times.
    """
    start = _creation_expected(view, decision, time)
    if start is None or not LATEST <= start - time.actual <= EARLIEST:
        return False
    return known is None or (known.at < start - EARLIEST and not enclosed(view, known, time.actual))


def enclosed(view: View, known: LookRecord, now: datetime) -> list[Backup]:
    """The backups that are proven by the first look, and a second one now."""
    return [
        entry.backup
        for entry in view.entries
        if entry.origin is Origin.OURS
        and entry.backup.status is not Status.FAILED
        and known.index_id in (None, entry.backup.index_id)
        and entry.backup.created_at is not None
        and _between(known, entry.backup.created_at, now)
    ]


def _between(known: LookRecord, created_at: datetime, now: datetime) -> bool:
    if known.look is not None:
        return holds_for(created_at, known.look, now)
    return known.at <= created_at <= now


def _creation_expected(view: View, decision: Decision, time: RunTime) -> datetime | None:
    """When the index's next backup is going to be created; None where that is not known."""
    policy = decision.policy
    if policy is None or policy.cron is None:
        return None
    if decision.kind in _BY_THEIR_OWN_TIME:
        return decision.until
    if decision.kind not in _AFTER_THIS_SLOT:
        return None
    slot = next_slot(policy.cron, policy.zone, view.jitter_key, time.scheduled_at)
    return None if slot is None else slot + jitter(view.jitter_key, policy.cron)
