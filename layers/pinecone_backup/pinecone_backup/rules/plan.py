"""What a prune would do with every backup of a project, and why (rules D1 to D7).

The retention (``rules.fates``) says what it needs no more, ``rules.protection`` what stands before
a deletion all the same. What is left goes; the limits and a changed policy make it wait for a
person. Planning is pure: the same facts give the same plan, with the same digest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from pinecone_backup.reasons import Reason, ReasonKind, sentence
from pinecone_backup.rules.inventory import Worth, retention_order
from pinecone_backup.rules.protection import (
    Protection,
    Safeguard,
    allowance,
    churn_credit,
    our_ready,
    safeguards_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pinecone_backup.rules.inventory import Entry
    from pinecone_backup.rules.plan_facts import Baseline, Facts
    from pinecone_backup.rules.policy import Limit, PolicyDocument
    from pinecone_backup.rules.protection import Guarded


class Action(StrEnum):
    """What the plan means to do with a backup."""

    KEEP = "keep"
    DELETE = "delete"
    WAIT = "wait"
    """It would go, but only with a person's approval."""
    LEAVE_ALONE = "leave_alone"
    """No policy of ours decides about it."""
    DELETION_PENDING = "deletion_pending"
    """Its deletion was accepted by an earlier run (rule G4)."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One backup and its fate.

    Attributes:
        reasons: Why: the retention's in the order of K6, then what else protects it.
        safeguards: Everything that stands before its deletion, shown in ``reasons`` or not.
    """

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    size_bytes: int | None
    action: Action
    reasons: tuple[Reason, ...]
    safeguards: tuple[Safeguard, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedIndex:
    """One incarnation in the plan.

    Attributes:
        policy: The name of the policy that decides, or None.
        orphan: Whether the index is deleted (rule D7).
        anchor: The backup that must be found Ready before the first deletion (rule D5); None
            when only failed ones may go.
        frozen: Why nothing of it is deleted, or None.
        waits: Why some or all of its deletions wait for approval, or None.
    """

    index_id: str
    index_name: str
    policy: str | None
    orphan: bool
    anchor: str | None
    frozen: Reason | None = None
    waits: Reason | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prune of one project would do.

    Attributes:
        items: Every backup listed, once: by index name and id, newest first.
        digest: SHA-256 over the policy version and the sorted ids to go (rule D4).
        assignments: Policy name by index name, as this plan used them (rule D3).
        stopped: Why nothing at all may be deleted (rule D2), or None.
        waits_because: What makes deletions wait for approval, each reason once.
        held_back: Why all that is beyond churn waits, in every index (rule D2), or None.
        quota: The project's quota, in backups.
    """

    project: str
    policy_version: str
    now: datetime
    items: tuple[PlanItem, ...]
    indexes: tuple[PlannedIndex, ...]
    digest: str
    assignments: dict[str, str | None] = field(default_factory=dict)
    stopped: Reason | None = None
    waits_because: tuple[Reason, ...] = ()
    held_back: Reason | None = None
    quota: int = 0

    @property
    def whole(self) -> bool:
        """Whether the listing that it rests on lacks nothing (rule D2)."""
        lacking = ReasonKind.LISTING_LACKS
        return all(index.waits is None or index.waits.kind is not lacking for index in self.indexes)

    @property
    def policy_changed(self) -> bool:
        """Whether something waits because the policy or an assignment changed (rule D3)."""
        return bool(self.of_change)

    @property
    def of_change(self) -> frozenset[str]:
        """The ids that only a changed policy or assignment deletes (rule D3)."""
        return frozenset(
            item.backup_id for item in self.to_go if Safeguard.POLICY_CHANGED in item.safeguards
        )

    @property
    def to_go(self) -> tuple[PlanItem, ...]:
        """What the digest covers: what is to be deleted, now or with approval."""
        return tuple(item for item in self.items if item.action in (Action.DELETE, Action.WAIT))

    @property
    def bytes_freed(self) -> int:
        """The bytes of what is to go, as far as Pinecone gives sizes."""
        return sum(item.size_bytes or 0 for item in self.to_go)

    @property
    def counts(self) -> dict[Action, int]:
        """How many backups meet each fate."""
        found = Counter(item.action for item in self.items)
        return {action: found[action] for action in Action}

    @property
    def quota_afterwards(self) -> int:
        """How many backups the project holds when everything that is to go has been deleted."""
        return sum(item.action in (Action.KEEP, Action.LEAVE_ALONE) for item in self.items)

    def to_json(self) -> bytes:
        """The whole plan, as it is stored."""
        return _PLAN.dump_json(self)

    @staticmethod
    def from_json(text: bytes) -> Plan:
        """Read a stored plan back; raises ``ValueError`` when it is none."""
        return _PLAN.validate_json(text)


_PLAN = TypeAdapter(Plan)


def next_baseline(
    baseline: Baseline,
    plan: Plan,
    document: PolicyDocument,
    *,
    left: Collection[str],
    in_full: bool,
    now: datetime,
) -> Baseline:
    """What the next prune is measured by.

    A changed policy is the new measure when nothing waits because of the change (rule D3), and a
    prune that was carried out in full that of churn (rule D2).

    Args:
        baseline: What this prune was measured by.
        plan: Its plan.
        document: The policy document that it went by.
        left: The ids of what was to go and was not deleted, for whatever reason.
        in_full: Whether all was deleted that may be, and only approvals are waited for.
        now: When this prune began, UTC.
    """
    after = replace(baseline, carried_out_at=now, deleted={}) if in_full else baseline
    if not plan.of_change.isdisjoint(left):
        return after
    return replace(
        after,
        document=document,
        policy_version=plan.policy_version,
        assignments=plan.assignments,
    )


def make_plan(facts: Facts) -> Plan:
    """Plan the prune of one project (rules D1 to D7)."""
    policies = facts.policies()
    assignments = {name: policy.name if policy else None for name, policy in policies.items()}
    protection = Protection(facts)
    subjects = _subjects(facts, protection)
    stopped = protection.stopped
    held_back: Reason | None = None
    if stopped is None:
        limits = facts.document.limits
        subjects = _with_changes(facts, assignments, subjects)
        subjects = [_if_listed(subject, facts.unlisted) for subject in subjects]
        subjects = [_with_churn(subject, facts.baseline) for subject in subjects]
        subjects = [_within_index_limit(subject, limits.per_index) for subject in subjects]
        held_back = _beyond_run_limit(subjects, limits.per_run)
    if stopped or held_back:
        subjects = [replace(subject, stopped=stopped, held_back=held_back) for subject in subjects]
    items = tuple(item for subject in subjects for item in subject.items())
    project = facts.document.project(facts.project)
    return Plan(
        project=facts.project,
        policy_version=facts.policy_version,
        now=facts.time.scheduled_at,
        items=items,
        indexes=tuple(subject.planned() for subject in subjects),
        digest=digest_of(
            facts.policy_version,
            (item.backup_id for item in items if item.action in (Action.DELETE, Action.WAIT)),
        ),
        assignments=assignments,
        stopped=stopped,
        waits_because=() if stopped else _waits_because(subjects),
        held_back=held_back,
        quota=project.quota if project else 0,
    )


def digest_of(policy_version: str, backup_ids: Iterable[str]) -> str:
    """The digest of a plan (rule D4), 64 hex digits."""
    return sha256("\n".join([policy_version, *sorted(backup_ids)]).encode()).hexdigest()


# --- One incarnation ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Subject:
    """One incarnation while the plan is made.

    Attributes:
        changed: Why each of these ids waits that only a changed policy deletes (rule D3).
        change: The same of all of the project in one reason, or None where ``changed`` is empty.
        churn: The ids that are ordinary churn, which no limit counts (rule D2).
        waits: Why all its deletions beyond churn wait (rule D2), or None. Where the listing lacks
            backups, nothing of it counts as churn.
        held_back: Why those of the whole project wait (rule D2), or None.
        stopped: Why nothing of the project is deleted (rule D2), or None.
    """

    guarded: Guarded
    changed: Mapping[str, Reason] = field(default_factory=dict)
    change: Reason | None = None
    churn: frozenset[str] = frozenset()
    waits: Reason | None = None
    held_back: Reason | None = None
    stopped: Reason | None = None

    @cached_property
    def going(self) -> Sequence[str]:
        """What goes, or waits only because it is the last of a deleted index."""
        return [*self.unprotected, *self.last_orphans]

    @cached_property
    def unprotected(self) -> Sequence[str]:
        """The ids that nothing protects."""
        return [
            backup_id
            for backup_id in self.guarded.fates
            if not self.guarded.in_the_way.get(backup_id, ())
        ]

    @cached_property
    def beyond_churn(self) -> Sequence[str]:
        """The ids that the limits count (rule D2)."""
        return [
            backup_id
            for backup_id in self.unprotected
            if backup_id not in self.churn and backup_id not in self.changed
        ]

    @cached_property
    def last_orphans(self) -> Sequence[str]:
        """The ids that only rule D7's approval stands before."""
        return [
            backup_id
            for backup_id in self.guarded.fates
            if _only_last_orphan(self.guarded.in_the_way.get(backup_id, ()))
        ]

    @cached_property
    def limited(self) -> Reason | None:
        """The limit for which its deletions beyond churn wait, or None."""
        return (self.held_back or self.waits) if self.beyond_churn else None

    def items(self) -> Iterator[PlanItem]:
        """Its backups, newest first as the retention goes: in this order they are deleted (D5)."""
        for entry in sorted(self.guarded.incarnation.entries, key=retention_order):
            backup = entry.backup
            action, reasons = self._fate(entry)
            yield PlanItem(
                backup.backup_id,
                backup.index_name,
                backup.index_id,
                backup.name,
                backup.created_at,
                backup.size_bytes,
                action,
                shown(reasons),
                safeguards_of(reasons),
            )

    def _fate(self, entry: Entry) -> tuple[Action, tuple[Reason, ...]]:
        if entry.worth is Worth.DELETION_ACCEPTED:
            return Action.DELETION_PENDING, (_pending(entry),)
        backup_id = entry.backup.backup_id
        in_the_way = self.guarded.in_the_way[backup_id]
        fate = self.guarded.fates.get(backup_id)
        if fate is None or fate.stays or (in_the_way and not _only_last_orphan(in_the_way)):
            action = Action.KEEP if entry.by_policy else Action.LEAVE_ALONE
            return action, in_the_way
        if self.stopped is not None:
            return Action.KEEP, (self.stopped, *in_the_way)
        if backup_id in self.changed:
            in_the_way = (*in_the_way, self.changed[backup_id])
        elif not in_the_way and self.limited is not None and backup_id not in self.churn:
            in_the_way = (self.limited,)
        return Action.WAIT if in_the_way else Action.DELETE, (*fate.reasons, *in_the_way)

    def planned(self) -> PlannedIndex:
        incarnation = self.guarded.incarnation
        return PlannedIndex(
            incarnation.index_id,
            incarnation.index_name,
            self.guarded.policy.name if self.guarded.policy else None,
            orphan=incarnation.deleted_at is not None,
            anchor=self.guarded.anchor,
            frozen=self.guarded.frozen,
            waits=self.limited or self.change,
        )


def shown(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The reasons that people read.

    What only matters once the policy wants a backup no more is left out while it wants it.
    """
    found = set(safeguards_of(reasons))
    left_out: set[ReasonKind] = set()
    if found - {Safeguard.ORPHAN_NEEDED}:
        left_out.add(ReasonKind.ORPHAN_LAST)
    if Safeguard.KEPT_BY_POLICY in found:
        left_out.add(ReasonKind.FLOOR)
    if Safeguard.NO_POLICY in found:
        left_out |= {ReasonKind.FLOOR, ReasonKind.NEWEST_GOOD}
    return tuple(reason for reason in reasons if reason.kind not in left_out)


def _only_last_orphan(reasons: Sequence[Reason]) -> bool:
    return bool(reasons) and all(reason.kind is ReasonKind.ORPHAN_LAST for reason in reasons)


def _pending(entry: Entry) -> Reason:
    deletion = entry.record.deletion if entry.record else None
    at = f"{deletion.at:%Y-%m-%d %H:%M}" if deletion else ""
    return Reason.of(ReasonKind.DELETION_PENDING, at=at)


def _subjects(facts: Facts, protection: Protection) -> list[_Subject]:
    """Every incarnation, by index name and id."""
    incarnations = facts.inventory.incarnations.values()
    return [
        _Subject(protection.of(incarnation))
        for incarnation in sorted(incarnations, key=lambda each: (each.index_name, each.index_id))
    ]


# --- What waits for a person ----------------------------------------------------------------


def _with_changes(
    facts: Facts, assigned: Mapping[str, str | None], subjects: list[_Subject]
) -> list[_Subject]:
    """Mark what only a change of the policy or of an assignment deletes (rule D3)."""
    baseline = facts.baseline
    if baseline is None or (
        baseline.policy_version == facts.policy_version
        and dict(baseline.assignments) == dict(assigned)
    ):
        return subjects
    before = _before(facts, baseline)
    changed = [
        {
            backup_id: Reason.of(ReasonKind.POLICY_CHANGED, before=before[backup_id])
            for backup_id in subject.going
            if before[backup_id]
        }
        for subject in subjects
    ]
    reason = Reason.of(ReasonKind.CHANGE_DELETES, count=sum(map(len, changed)))
    return [
        replace(subject, changed=ids, change=reason) if ids else subject
        for subject, ids in zip(subjects, changed, strict=True)
    ]


def _before(facts: Facts, baseline: Baseline) -> Mapping[str, str]:
    """Why the former policy keeps each backup at this moment; empty where it does not."""
    if baseline.document is None:
        unknown = "not known, the former policy cannot be read"
        return dict.fromkeys(facts.inventory.entries, unknown)
    policies = baseline.policies(facts.project, facts.indexes)
    former = replace(facts, document=baseline.document)
    kept: dict[str, str] = {}
    for subject in _subjects(former, Protection(former, policies)):
        going = set(subject.going)
        for backup_id, reasons in subject.guarded.in_the_way.items():
            kept[backup_id] = "" if backup_id in going else sentence(shown(reasons)) or "kept"
    return kept


def _if_listed(subject: _Subject, unlisted: Mapping[str, int]) -> _Subject:
    """Let an index wait whose backups the listing does not show in full (rule D2)."""
    count = unlisted.get(subject.guarded.incarnation.index_id)
    if not count:
        return subject
    return replace(subject, waits=Reason.of(ReasonKind.LISTING_LACKS, count=count))


def _with_churn(subject: _Subject, baseline: Baseline | None) -> _Subject:
    """The oldest that go are ordinary churn, as many as new ones came (rule D2)."""
    free = set(subject.beyond_churn)
    if not free or subject.waits:
        return subject
    entries = subject.guarded.incarnation.entries
    oldest_first = sorted(
        (entry for entry in entries if entry.backup.backup_id in free),
        key=retention_order,
        reverse=True,
    )
    credit = churn_credit(subject.guarded.incarnation, baseline)
    return replace(
        subject, churn=frozenset(entry.backup.backup_id for entry in oldest_first[:credit])
    )


def _beyond_run_limit(subjects: Sequence[_Subject], limit: Limit) -> Reason | None:
    going = [subject.beyond_churn for subject in subjects if subject.waits is None]
    ready = sum(our_ready(subject.guarded.incarnation) for subject in subjects)
    return _beyond(
        ReasonKind.LIMIT_PER_RUN, limit, sum(map(len, going)), ready, sum(map(bool, going))
    )


def _within_index_limit(subject: _Subject, limit: Limit) -> _Subject:
    if subject.waits:
        return subject
    count, ready = len(subject.beyond_churn), our_ready(subject.guarded.incarnation)
    return replace(subject, waits=_beyond(ReasonKind.LIMIT_PER_INDEX, limit, count, ready, 1))


def _beyond(kind: ReasonKind, limit: Limit, count: int, ready: int, always: int) -> Reason | None:
    """Whether deletions are beyond a limit, and which setting would let them pass (rule D2).

    None would where more are to go than are Ready: failed ones go as well.
    """
    allowed = max(allowance(limit, ready), always)
    if count <= allowed:
        return None
    if count > ready:
        return Reason.of(kind, count=count, allowed=allowed)
    return Reason.of(
        kind,
        count=count,
        allowed=allowed,
        setting=f"limits.{'per_run' if kind is ReasonKind.LIMIT_PER_RUN else 'per_index'}",
        count_needed=max(count, limit.count),
        percent_needed=max(-(-count * 100 // ready), limit.percent),
    )


def _waits_because(subjects: Iterable[_Subject]) -> tuple[Reason, ...]:
    """Each reason for which something waits, once."""
    found: dict[str, Reason] = {}
    for subject in subjects:
        waits = [reason for reason in (subject.limited, subject.change) if reason is not None]
        if not waits and subject.last_orphans:
            waits = [Reason.of(ReasonKind.LAST_OF_DELETED)]
        found.update({str(reason): reason for reason in waits})
    return tuple(found[text] for text in sorted(found))
