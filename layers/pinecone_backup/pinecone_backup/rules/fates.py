"""What a policy, or the rule for orphans, wants to become of backups (rules K, G2, G3 and D7).

Nothing here protects anything: what keeps a backup that no rule wants stands in
``rules.protection``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.model import words
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.rules.inventory import Worth
from pinecone_backup.rules.retention import candidates_of, keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import RunTime
    from pinecone_backup.rules.inventory import Entry
    from pinecone_backup.rules.policy import Policy

SUSPECTS_KEPT = 7
"""So many of the newest suspects stay in any case (rule G2)."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What the rules want of one backup, and why.

    Attributes:
        stays: Whether they keep it.
        reasons: In the order of K6.
    """

    stays: bool
    reasons: tuple[Reason, ...]


def policy_fates(ours: Sequence[Entry], policy: Policy, time: RunTime) -> dict[str, Fate]:
    """What a policy wants of the backups of one incarnation (rules K1 to K7, G2 and G3).

    Args:
        ours: What our policies made of it, newest first.
        policy: The policy that the index has now (rule I3).
        time: The run's times; periods and ages go by ``scheduled_at``.

    Returns:
        A fate by backup id for those that are good, suspect or failed; the others have none.
    """
    good = _kept(ours, Worth.GOOD, policy, time.scheduled_at)
    suspects = _kept(ours, Worth.SUSPECT, policy, time.scheduled_at)
    unwanted = (Reason.of(ReasonKind.NOT_KEPT, policy=policy.name),)
    fates: dict[str, Fate] = {}
    places: Counter[Worth] = Counter()
    for entry in ours:
        backup_id, place = entry.backup.backup_id, places[entry.worth]
        places[entry.worth] += 1
        if entry.worth is Worth.GOOD:
            fates[backup_id] = Fate(backup_id in good, good.get(backup_id, unwanted))
        elif entry.worth is Worth.SUSPECT:
            fates[backup_id] = _suspect(suspects.get(backup_id, ()), place, unwanted)
        elif entry.worth is Worth.FAILED:
            needed = place == 0 and not places[Worth.GOOD]
            fates[backup_id] = _failed(entry, policy, time.scheduled_at, needed=needed)
    return fates


def _kept(
    ours: Sequence[Entry], worth: Worth, policy: Policy, now: datetime
) -> dict[str, tuple[Reason, ...]]:
    """Which backups of one worth the retention keeps among each other, and why."""
    candidates = candidates_of([each for each in ours if each.worth is worth], policy.retention)
    return keep(candidates, policy.retention, policy.zone, now)


def _suspect(kept: tuple[Reason, ...], place: int, unwanted: tuple[Reason, ...]) -> Fate:
    """Whether a suspect stays, and why (rule G2); ``place`` counts the newer ones."""
    if place < SUSPECTS_KEPT:
        kept = (*kept, Reason.of(ReasonKind.SUSPECT_KEPT, count=SUSPECTS_KEPT))
    if kept:
        return Fate(True, kept)
    return Fate(False, (Reason.of(ReasonKind.SUSPECT_OLD, count=SUSPECTS_KEPT), *unwanted))


def _failed(entry: Entry, policy: Policy, now: datetime, *, needed: bool) -> Fate:
    """Whether a failed backup stays, and why (rule G3)."""
    if needed:
        return Fate(True, (Reason.of(ReasonKind.FAILED_NEEDED),))
    hours = int(policy.failed_after.total_seconds()) // 3600
    span = f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
    old = entry.at is not None and now - entry.at > policy.failed_after
    kind = ReasonKind.FAILED_OLD if old else ReasonKind.FAILED_KEPT
    return Fate(not old, (Reason.of(kind, span=span),))


def orphan_fates(
    ours: Sequence[Entry], deleted_at: datetime, after_days: int | None, now: datetime
) -> dict[str, Fate]:
    """What becomes of the backups of a deleted index (rule D7).

    Args:
        ours: What our policies made of it, newest first.
        deleted_at: When the index was deleted.
        after_days: How many days orphans are kept; None for ever.
        now: The run's ``scheduled_at``.
    """
    decided = [entry for entry in ours if entry.worth in (Worth.GOOD, Worth.SUSPECT, Worth.FAILED)]
    if after_days is None:
        fate = Fate(True, (Reason.of(ReasonKind.ORPHAN_KEPT),))
    elif now - deleted_at <= timedelta(days=after_days):
        fate = Fate(True, (Reason.of(ReasonKind.ORPHAN_KEPT_DAYS, days=after_days),))
    else:
        fate = Fate(False, (Reason.of(ReasonKind.ORPHAN_OLD, days=after_days),))
    return {entry.backup.backup_id: fate for entry in decided}


def on_demand_fates(entries: Iterable[Entry], now: datetime) -> dict[str, Fate]:
    """What becomes of backups that somebody asked for: only their own expiry ends them (I2).

    Args:
        entries: The backups of one incarnation.
        now: The actual time (rule T2).
    """
    return {
        entry.backup.backup_id: Fate(False, (Reason.of(ReasonKind.ON_DEMAND_EXPIRED),))
        for entry in entries
        if entry.expired(now)
    }


def last_of_orphans(ours: Sequence[Entry]) -> tuple[str, Reason] | None:
    """The newest good one of a deleted index, else its newest suspect: it needs approval (D7)."""
    ready = sorted((entry for entry in ours if entry.worth.ready), key=_good_first)
    if not ready:
        return None
    reason = Reason.of(ReasonKind.ORPHAN_LAST, worth=words(ready[0].worth))
    return ready[0].backup.backup_id, reason


def _good_first(entry: Entry) -> bool:
    return entry.worth is not Worth.GOOD


def kept_by(fates: Mapping[str, Fate], backup_id: str) -> tuple[Reason, ...]:
    """Why the rules keep a backup; nothing where they do not."""
    fate = fates.get(backup_id)
    return fate.reasons if fate is not None and fate.stays else ()
