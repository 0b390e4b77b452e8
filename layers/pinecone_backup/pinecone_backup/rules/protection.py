"""What protects a backup, whoever asks for its deletion (rules D1, D2, D7, I1 to I4, U2).

This is the only place that knows. A prune, an approved plan and a person's DELETE ask it the same
question about the same facts, ``Protection.of``. What a policy keeps (``rules.fates``) is one
safeguard among the others: a prune deletes what none protects, a person may overrule some of them
by name. What makes a deletion wait for a person (limits, a changed policy) is added by
``rules.plan``; what a person's own deletions are limited by, by ``of_request``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pinecone_backup.model import PruneMode
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import DeletionState, HoldScope
from pinecone_backup.rules.containment import protects
from pinecone_backup.rules.fates import (
    kept_by,
    last_of_orphans,
    on_demand_fates,
    orphan_fates,
    policy_fates,
)
from pinecone_backup.rules.inventory import Origin, Worth
from pinecone_backup.rules.marker import looks_like_marker
from pinecone_backup.rules.pauses import pause_of
from pinecone_backup.rules.plan_facts import ambiguous_names
from pinecone_backup.rules.policy import AssignedBy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from datetime import datetime

    from pinecone_backup.model import Index
    from pinecone_backup.records import DeletionRecord
    from pinecone_backup.rules.fates import Fate
    from pinecone_backup.rules.inventory import Entry, Incarnation
    from pinecone_backup.rules.plan_facts import Baseline, Facts
    from pinecone_backup.rules.policy import Limit, Policy

DEFAULT_FLOOR = 2
"""The floor of an index without a policy, where D7 asks for one."""
PEOPLE_COUNT_FOR = timedelta(hours=24)
"""Deletions that people asked for count against the limits for so long (rule D2)."""
READY_WITHIN = timedelta(days=1)
"""A backup that is Ready later than this after its creation makes no churn (rule D2)."""


class Safeguard(StrEnum):
    """What can keep a backup from being deleted, in the order in which people read it."""

    MODE = "mode"
    """The deployment deletes nothing at all: the kill switch."""
    CONTRADICTORY = "contradictory"
    HELD = "held"
    RESTORING = "restoring"
    UNREADABLE = "unreadable"
    """Something that may protect it could not be read (rules D2 and U2)."""
    NOT_OURS = "not-ours"
    """Somebody made it by hand, or another deployment did."""
    NATIVE = "native"
    """One of Pinecone's own schedules made it, and expires it."""
    ON_DEMAND = "on-demand"
    """Somebody asked for it: no policy prunes it."""
    UNFINISHED = "unfinished"
    """It is under way or planned, has no verdict yet, or its status is unknown."""
    UNDATED = "undated"
    """Nobody knows when it was made, or it is dated in the future."""
    DOUBTFUL = "doubtful"
    """Its index is not listed, or is not known to be the active one of its name (rule I1)."""
    NO_POLICY = "no-policy"
    PAUSED = "paused"
    """Its policy, assignment or index is paused (rule C6)."""
    ORPHAN_NEEDED = "orphan-needed"
    """The last good backup of a deleted index, or one that a restored index leans on (D7)."""
    NEWEST_GOOD = "newest-good"
    NEWEST_TESTED = "newest-restore-tested"
    FLOOR = "floor"
    """It is among the newest good ones that the policy's floor keeps."""
    KEPT_BY_POLICY = "kept-by-policy"
    POLICY_CHANGED = "policy-changed"
    """Only a change of the policy would delete it (rule D3)."""
    LIMITS = "limits"

    @property
    def overrulable(self) -> bool:
        """Whether a person may name it and have the backup deleted all the same."""
        return self not in _ABSOLUTE


_ABSOLUTE = frozenset(
    {
        Safeguard.MODE,
        Safeguard.CONTRADICTORY,
        Safeguard.HELD,
        Safeguard.RESTORING,
        Safeguard.UNREADABLE,
    }
)

_PLACES: Mapping[Safeguard, int] = {each: place for place, each in enumerate(Safeguard)}
_SAFEGUARDS: Mapping[ReasonKind, Safeguard] = {
    ReasonKind.DRY_RUN: Safeguard.MODE,
    ReasonKind.CONTRADICTORY: Safeguard.CONTRADICTORY,
    ReasonKind.CONTRADICTORY_INDEX: Safeguard.CONTRADICTORY,
    ReasonKind.HELD: Safeguard.HELD,
    ReasonKind.RESTORING: Safeguard.RESTORING,
    ReasonKind.ITEM_UNREADABLE: Safeguard.UNREADABLE,
    ReasonKind.PROJECT_NOT_NAMED: Safeguard.UNREADABLE,
    ReasonKind.HOLDS_UNREADABLE: Safeguard.UNREADABLE,
    ReasonKind.RESTORES_UNREADABLE: Safeguard.UNREADABLE,
    ReasonKind.MANUAL: Safeguard.NOT_OURS,
    ReasonKind.MISFIT: Safeguard.NOT_OURS,
    ReasonKind.OTHER_OWNER: Safeguard.NOT_OURS,
    ReasonKind.NATIVE: Safeguard.NATIVE,
    ReasonKind.ON_DEMAND: Safeguard.ON_DEMAND,
    ReasonKind.UNDER_WAY: Safeguard.UNFINISHED,
    ReasonKind.PLANNED: Safeguard.UNFINISHED,
    ReasonKind.UNKNOWN_STATUS: Safeguard.UNFINISHED,
    ReasonKind.UNJUDGED: Safeguard.UNFINISHED,
    ReasonKind.UNDATED: Safeguard.UNDATED,
    ReasonKind.FUTURE: Safeguard.UNDATED,
    ReasonKind.NOT_LISTED: Safeguard.DOUBTFUL,
    ReasonKind.NOT_ACTIVE: Safeguard.DOUBTFUL,
    ReasonKind.AMBIGUOUS: Safeguard.DOUBTFUL,
    ReasonKind.DELETED_AND_ACTIVE: Safeguard.DOUBTFUL,
    ReasonKind.LISTING_LACKS: Safeguard.DOUBTFUL,
    ReasonKind.NO_POLICY: Safeguard.NO_POLICY,
    ReasonKind.OPTED_OUT: Safeguard.NO_POLICY,
    ReasonKind.UNKNOWN_TAG: Safeguard.NO_POLICY,
    ReasonKind.PAUSED: Safeguard.PAUSED,
    ReasonKind.ORPHAN_NEEDED: Safeguard.ORPHAN_NEEDED,
    ReasonKind.ORPHAN_LAST: Safeguard.ORPHAN_NEEDED,
    ReasonKind.NEWEST_GOOD: Safeguard.NEWEST_GOOD,
    ReasonKind.NEWEST_TESTED: Safeguard.NEWEST_TESTED,
    ReasonKind.FLOOR: Safeguard.FLOOR,
    ReasonKind.WITHIN: Safeguard.KEPT_BY_POLICY,
    ReasonKind.LAST: Safeguard.KEPT_BY_POLICY,
    ReasonKind.PERIOD: Safeguard.KEPT_BY_POLICY,
    ReasonKind.WITHIN_PERIOD: Safeguard.KEPT_BY_POLICY,
    ReasonKind.AMONG_NEWEST: Safeguard.KEPT_BY_POLICY,
    ReasonKind.NOT_OLDER: Safeguard.KEPT_BY_POLICY,
    ReasonKind.SUSPECT_KEPT: Safeguard.KEPT_BY_POLICY,
    ReasonKind.FAILED_KEPT: Safeguard.KEPT_BY_POLICY,
    ReasonKind.FAILED_NEEDED: Safeguard.KEPT_BY_POLICY,
    ReasonKind.ORPHAN_KEPT: Safeguard.KEPT_BY_POLICY,
    ReasonKind.ORPHAN_KEPT_DAYS: Safeguard.KEPT_BY_POLICY,
    ReasonKind.POLICY_CHANGED: Safeguard.POLICY_CHANGED,
    ReasonKind.CHANGE_DELETES: Safeguard.POLICY_CHANGED,
    ReasonKind.LIMIT_PER_RUN: Safeguard.LIMITS,
    ReasonKind.LIMIT_PER_INDEX: Safeguard.LIMITS,
    ReasonKind.LIMIT_BY_PEOPLE: Safeguard.LIMITS,
}
"""Which safeguard a reason stands for; the reasons of what goes stand for none."""


def safeguards_of(reasons: Iterable[Reason]) -> tuple[Safeguard, ...]:
    """The safeguards that reasons stand for, each once, in their order."""
    return in_order({_SAFEGUARDS[each.kind] for each in reasons if each.kind in _SAFEGUARDS})


def in_order(safeguards: Set[Safeguard]) -> tuple[Safeguard, ...]:
    """Safeguards in the order in which people read them."""
    return tuple(sorted(safeguards, key=_PLACES.__getitem__))


@dataclass(frozen=True, slots=True)
class Guarded:
    """One incarnation: what the rules want of its backups, and what protects them.

    Attributes:
        policy: The policy that decides, or None.
        fates: What the rules want, by backup id (``rules.fates``).
        frozen: Why nothing of it is deleted, or None.
        in_the_way: Everything that keeps each backup from being deleted, by backup id.
        anchor: The backup that must be found Ready before the first deletion (rule D5).
    """

    incarnation: Incarnation
    policy: Policy | None
    fates: Mapping[str, Fate]
    frozen: Reason | None
    in_the_way: Mapping[str, tuple[Reason, ...]]
    anchor: str | None


class Protection:
    """What protects the backups of one project, by facts that do not change meanwhile."""

    def __init__(self, facts: Facts, policies: Mapping[str, Policy | None] | None = None) -> None:
        """Read what concerns the project as a whole.

        Args:
            facts: The project.
            policies: Each index's policy by name, where not those that the document assigns.
        """
        self._facts = facts
        self._policies = facts.policies() if policies is None else policies
        self._living = {index.name: index for index in facts.indexes}
        self._ambiguous = frozenset(ambiguous_names(facts.inventory, facts.indexes))
        self._needed = _needed_orphans(facts, self._policies)
        self._held = _held(facts)
        self.stopped = _stopped(facts)

    def of(self, incarnation: Incarnation) -> Guarded:
        """What the rules want of an incarnation's backups, and what protects each of them."""
        ours = [entry for entry in incarnation.entries if entry.by_policy]
        policy: Policy | None = None
        fates: Mapping[str, Fate] = {}
        if incarnation.deleted_at is not None:
            frozen = self._frozen_orphan(incarnation)
            fates = orphan_fates(
                ours,
                incarnation.deleted_at,
                self._facts.document.orphans.after,
                self._facts.time.scheduled_at,
            )
        else:
            frozen = self._frozen(incarnation)
            policy = self._policies.get(incarnation.index_name)
            if policy is not None:
                fates = policy_fates(ours, policy, self._facts.time)
        fates = {**fates, **on_demand_fates(incarnation.entries, self._facts.time.actual)}
        needed = self._needed_by_index(incarnation, policy)
        in_the_way = {
            entry.backup.backup_id: (
                *self._whose(entry),
                *kept_by(fates, entry.backup.backup_id),
                *_unfit(entry),
                *needed.get(entry.backup.backup_id, ()),
                *self._named(entry),
                *((frozen,) if frozen and _concerns(frozen, entry) else ()),
            )
            for entry in incarnation.entries
            if entry.worth is not Worth.DELETION_ACCEPTED
        }
        return Guarded(incarnation, policy, fates, frozen, in_the_way, _anchor(incarnation))

    def _whose(self, entry: Entry) -> Iterator[Reason]:
        """Why no policy of ours decides about it (rules D1, I2 and G5)."""
        if entry.worth is Worth.CONTRADICTORY:
            return  # nobody knows whose it is
        if entry.origin is Origin.OURS:
            if not entry.by_policy and not entry.expired(self._facts.time.actual):
                yield Reason.of(ReasonKind.ON_DEMAND)
        elif entry.origin is Origin.NATIVE:
            yield Reason.of(ReasonKind.NATIVE, schedule=entry.schedule)
        elif entry.origin is Origin.OTHER_OWNER and entry.marker:
            yield Reason.of(ReasonKind.OTHER_OWNER, owner=entry.marker.owner)
        elif looks_like_marker(entry.backup.description):
            yield Reason.of(ReasonKind.MISFIT)
        else:
            yield Reason.of(ReasonKind.MANUAL)

    def _needed_by_index(
        self, incarnation: Incarnation, policy: Policy | None
    ) -> dict[str, list[Reason]]:
        """What the index cannot do without: floor, newest good, newest tested (D1 and D7).

        The floor is a place in the row and not a count of what is kept. So a hold, or a higher
        count in the retention, never makes another backup go.
        """
        found: dict[str, list[Reason]] = defaultdict(list)
        good = [entry for entry in incarnation.entries if relied_on(entry)]
        if incarnation.deleted_at is None:
            floor = policy.floor if policy else DEFAULT_FLOOR
            for entry in good[:floor]:
                found[entry.backup.backup_id].append(Reason.of(ReasonKind.FLOOR, floor=floor))
            for entry in good[:1]:
                found[entry.backup.backup_id].append(Reason.of(ReasonKind.NEWEST_GOOD))
        else:
            ours = [entry for entry in incarnation.entries if entry.by_policy]
            last = last_of_orphans(ours)
            if last is not None:
                found[last[0]].append(last[1])
        tested = [entry for entry in good if entry.record and entry.record.restore_tested]
        for entry in tested[:1]:
            found[entry.backup.backup_id].append(Reason.of(ReasonKind.NEWEST_TESTED))
        return found

    def _named(self, entry: Entry) -> Iterator[Reason]:
        """Holds, restore jobs and unreadable items that name the backup or its index."""
        backup = entry.backup
        yield from self._held.get((HoldScope.BACKUP, backup.backup_id), ())
        yield from self._held.get((HoldScope.INDEX, backup.index_name), ())
        job = (self._facts.restoring or {}).get(backup.backup_id)
        if job is not None:
            yield Reason.of(ReasonKind.RESTORING, job_id=job)
        key = protects(
            self._facts.unreadable, backup_id=backup.backup_id, index_name=backup.index_name
        )
        if key:
            yield Reason.of(ReasonKind.ITEM_UNREADABLE, key=key)

    def _frozen(self, incarnation: Incarnation) -> Reason | None:
        """Why nothing of a living index may be deleted (rules I1, I3 and I4)."""
        name, active = incarnation.index_name, self._facts.active
        if incarnation.frozen:
            return Reason.of(ReasonKind.CONTRADICTORY_INDEX, problem=incarnation.frozen)
        if name not in self._living:
            return Reason.of(ReasonKind.NOT_LISTED)
        if name in active and active[name] != incarnation.index_id:
            return Reason.of(ReasonKind.NOT_ACTIVE, index=name)
        if name not in active and name in self._ambiguous:
            return Reason.of(ReasonKind.AMBIGUOUS, index=name)
        index = self._living[name]
        if self._policies.get(name) is None:
            return self._no_policy(index)
        assigned = self._facts.document.assigned(self._facts.project, name, index.tags)
        pause = pause_of(assigned, index, self._facts.time.actual)
        return Reason.of(ReasonKind.PAUSED, problem=pause.reason) if pause else None

    def _frozen_orphan(self, incarnation: Incarnation) -> Reason | None:
        """Why nothing of a deleted index may be deleted yet (rules I4 and D7)."""
        if incarnation.frozen:
            return Reason.of(ReasonKind.CONTRADICTORY_INDEX, problem=incarnation.frozen)
        if self._facts.active.get(incarnation.index_name) == incarnation.index_id:
            return Reason.of(ReasonKind.DELETED_AND_ACTIVE)
        return self._needed.get(incarnation.index_id)

    def _no_policy(self, index: Index) -> Reason:
        """Rule I3."""
        by = self._facts.document.assigned(self._facts.project, index.name, index.tags).by
        kinds = {
            AssignedBy.UNKNOWN_TAG: ReasonKind.UNKNOWN_TAG,
            AssignedBy.OPT_OUT: ReasonKind.OPTED_OUT,
        }
        return Reason.of(kinds.get(by, ReasonKind.NO_POLICY))


def relied_on(entry: Entry) -> bool:
    """Whether a backup is good, ours, and certainly not deleted.

    One whose deletion may have happened takes part in the retention, but nothing relies on it.
    """
    deletion = entry.record.deletion if entry.record else None
    doubtful = deletion is not None and deletion.state is DeletionState.UNKNOWN
    return entry.good_and_ours and not doubtful


def asked_by_people(
    now: datetime, recent: Sequence[DeletionRecord], *, besides: str
) -> Sequence[DeletionRecord]:
    """The deletions, of other backups, that people asked for within 24 hours (rules D2 and D9)."""
    return [
        deletion
        for deletion in recent
        if deletion.by_person
        and deletion.backup_id != besides
        and deletion.state not in (DeletionState.FAILED, DeletionState.SKIPPED)
        and now - deletion.at < PEOPLE_COUNT_FOR
    ]


def of_request(
    facts: Facts, entry: Entry, *, mode: PruneMode, recent: Sequence[DeletionRecord]
) -> Iterator[Reason]:
    """The safeguards of a person's deletion beyond what protects the backup (rule D2).

    Args:
        facts: The project.
        entry: The backup that somebody wants deleted.
        mode: What the deployment allows; in a dry run nobody deletes anything through it.
        recent: The deletions of the last 24 hours.
    """
    if mode is PruneMode.DRY_RUN:
        yield Reason.of(ReasonKind.DRY_RUN)
    by_people = asked_by_people(facts.time.actual, recent, besides=entry.backup.backup_id)
    in_index = [deletion for deletion in by_people if deletion.index_id == entry.backup.index_id]
    limits = facts.document.limits
    ready = facts.inventory.incarnations
    yield from _beyond(
        in_index, our_ready(ready[entry.backup.index_id]), limits.per_index, "in one index"
    )
    yield from _beyond(
        by_people, sum(map(our_ready, ready.values())), limits.per_run, "in the project"
    )


def _beyond(
    deletions: Sequence[DeletionRecord], left: int, limit: Limit, where: str
) -> Iterator[Reason]:
    """Whether one more deletion by people is beyond a limit; one is always allowed."""
    count = len(deletions) + 1
    allowed = max(allowance(limit, left + len(deletions)), 1)
    if count > allowed:
        yield Reason.of(ReasonKind.LIMIT_BY_PEOPLE, count=count, where=where, allowed=allowed)


def allowance(limit: Limit, ready: int) -> int:
    """How many deletions a limit allows where so many backups of ours are Ready (rule D2)."""
    return min(limit.count, ready * limit.percent // 100)


def churn_credit(incarnation: Incarnation, baseline: Baseline | None) -> int:
    """How many deletions in an incarnation are ordinary churn (rule D2).

    As many as good backups of ours became Ready since the last prune that was carried out in
    full, less what prunes have deleted since. So churn never leaves fewer than that prune did.
    """
    since = baseline.carried_out_at if baseline else None
    if baseline is None or since is None:
        return 0
    became_ready = sum(
        entry.good_and_ours and _ready_since(entry, since) for entry in incarnation.entries
    )
    return max(became_ready - baseline.deleted.get(incarnation.index_id, 0), 0)


def _ready_since(entry: Entry, since: datetime) -> bool:
    """Whether a backup became Ready after a time, as far as that is known.

    The verdict is taken when it is first seen Ready. An old backup whose record was lost gets a
    late one, so what is older than ``READY_WITHIN`` by then did not become Ready.
    """
    if entry.at is None:
        return False
    ready_at = (entry.record.verdict_at if entry.record else None) or entry.at
    return ready_at > since and entry.at > since - READY_WITHIN


def our_ready(incarnation: Incarnation) -> int:
    """What the percentages of the limits refer to (rule D2)."""
    return sum(entry.origin is Origin.OURS and entry.worth.ready for entry in incarnation.entries)


def _concerns(frozen: Reason, entry: Entry) -> bool:
    """Whether what freezes an index keeps a backup: a missing policy only those of policies."""
    if entry.by_policy:
        return True
    return entry.on_demand and safeguards_of([frozen]) != (Safeguard.NO_POLICY,)


def _unfit(entry: Entry) -> Iterator[Reason]:
    """Why a backup cannot be judged: it is unfinished, undated or contradictory."""
    kinds = {
        Worth.UNDER_WAY: ReasonKind.UNDER_WAY,
        Worth.PLANNED: ReasonKind.PLANNED,
        Worth.UNDATED: ReasonKind.UNDATED,
        Worth.FUTURE: ReasonKind.FUTURE,
        Worth.CONTRADICTORY: ReasonKind.CONTRADICTORY,
    }
    if entry.worth in kinds:
        yield Reason.of(kinds[entry.worth])
    elif entry.worth is Worth.UNJUDGED and entry.origin is Origin.OURS:
        yield Reason.of(ReasonKind.UNJUDGED)
    elif entry.worth is Worth.UNKNOWN:
        yield Reason.of(ReasonKind.UNKNOWN_STATUS, status=repr(entry.backup.status_text))


def _anchor(incarnation: Incarnation) -> str | None:
    """The newest good one of ours, else the newest suspect: it must be Ready (rule D5)."""
    suspect = None
    for entry in incarnation.entries:
        deletion = entry.record.deletion if entry.record else None
        doubtful = deletion is not None and deletion.state is DeletionState.UNKNOWN
        if entry.origin is Origin.OURS and entry.worth.ready and not doubtful:
            if entry.worth is Worth.GOOD:
                return entry.backup.backup_id
            suspect = suspect or entry.backup.backup_id
    return suspect


def _held(facts: Facts) -> Mapping[tuple[HoldScope, str], Sequence[Reason]]:
    """The holds in force, by what they protect (rule T2: by the actual time)."""
    held: dict[tuple[HoldScope, str], list[Reason]] = defaultdict(list)
    for hold in sorted(facts.holds or (), key=lambda hold: hold.hold_id):
        if hold.active(facts.time.actual):
            held[hold.scope, hold.target].append(
                Reason.of(
                    ReasonKind.HELD,
                    placed_by=hold.placed_by,
                    reason=hold.reason,
                    hold_id=hold.hold_id,
                )
            )
    return held


def _stopped(facts: Facts) -> Reason | None:
    """Why nothing at all may be deleted (rule D2)."""
    if facts.document.project(facts.project) is None:
        return Reason.of(ReasonKind.PROJECT_NOT_NAMED, project=facts.project)
    if facts.holds is None:
        return Reason.of(ReasonKind.HOLDS_UNREADABLE)
    return Reason.of(ReasonKind.RESTORES_UNREADABLE) if facts.restoring is None else None


def _needed_orphans(facts: Facts, policies: Mapping[str, Policy | None]) -> dict[str, Reason]:
    """Incarnations that a restored index still leans on (rule D7)."""
    needed = {}
    for index in facts.indexes:
        source = _incarnation_of(index.source_backup_id, facts)
        if source is None:
            continue
        policy = policies.get(index.name)
        floor = policy.floor if policy else DEFAULT_FLOOR
        good = _good_of_active(index.name, facts)
        if good < floor:
            needed[source] = Reason.of(
                ReasonKind.ORPHAN_NEEDED, index=index.name, good=good, floor=floor
            )
    return needed


def _good_of_active(name: str, facts: Facts) -> int:
    """The good backups of the active index of that name; while in doubt, of its poorest."""
    return min(
        (
            sum(entry.good_and_ours for entry in incarnation.entries)
            for incarnation in facts.inventory.incarnations.values()
            if incarnation.index_name == name
            and incarnation.deleted_at is None
            and facts.active.get(name, incarnation.index_id) == incarnation.index_id
        ),
        default=0,
    )


def _incarnation_of(backup_id: str | None, facts: Facts) -> str | None:
    if not backup_id:
        return None
    entry = facts.inventory.entries.get(backup_id)
    return entry.backup.index_id if entry else facts.sources.get(backup_id)
