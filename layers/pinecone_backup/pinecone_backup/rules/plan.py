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
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.rules.inventory import Worth, retention_order
from pinecone_backup.rules.protection import (
    Protection,
    Safeguard,
    allowance,
    decided_by_policy,
    our_ready,
    safeguards_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinecone_backup.rules.inventory import Entry
    from pinecone_backup.rules.plan_facts import Facts
    from pinecone_backup.rules.policy import Limit, Policy
    from pinecone_backup.rules.protection import Guarded

CHANGE_COUNT, CHANGE_PERCENT = 3, 10
"""A change of policy may delete this much beyond the old one before it waits (rule D3)."""


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
        waits: Why its deletions wait for approval, or None.
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
        held_back: Why the plan waits as a whole (rules D2 and D3), or None.
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
    def policy_changed(self) -> bool:
        """Whether it waits because the policy or an assignment changed (rule D3)."""
        return self.held_back is not None and self.held_back.kind is ReasonKind.POLICY_CHANGED

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
        """How many backups the project holds when everything that is to go is gone."""
        return sum(item.action in (Action.KEEP, Action.LEAVE_ALONE) for item in self.items)

    def to_json(self) -> bytes:
        """The whole plan, as it is stored."""
        return _PLAN.dump_json(self)

    @staticmethod
    def from_json(text: bytes) -> Plan:
        """Read a stored plan back; raises ``ValueError`` when it is none."""
        return _PLAN.validate_json(text)


_PLAN = TypeAdapter(Plan)


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
        subjects = [_within_index_limit(subject, limits.per_index) for subject in subjects]
        held_back = _beyond_baseline(facts, assignments, subjects) or _beyond_run_limit(
            subjects, limits.per_run
        )
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
        waits_because=_waits_because(subjects),
        held_back=held_back,
        quota=project.quota if project else 0,
    )


def digest_of(policy_version: str, backup_ids: Iterable[str]) -> str:
    """The digest of a plan (rule D4), 64 hex digits."""
    return sha256("\n".join([policy_version, *sorted(backup_ids)]).encode()).hexdigest()


# --- One incarnation ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Subject:
    """One incarnation while the plan is made.

    Attributes:
        waits: Why all its deletions wait (rule D2), or None.
        held_back: Why all deletions of the project wait (rules D2 and D3), or None.
        stopped: Why nothing of the project is deleted (rule D2), or None.
    """

    guarded: Guarded
    waits: Reason | None = None
    held_back: Reason | None = None
    stopped: Reason | None = None

    @property
    def going(self) -> Sequence[str]:
        """What goes, or waits only because it is the last of a deleted index."""
        return [*self.unprotected, *self.last_orphans]

    @property
    def unprotected(self) -> Sequence[str]:
        """The ids that nothing protects: what the limits count."""
        return [
            backup_id
            for backup_id in self.guarded.fates
            if not self.guarded.in_the_way.get(backup_id, ())
        ]

    @property
    def last_orphans(self) -> Sequence[str]:
        """The ids that only rule D7's approval stands before."""
        return [
            backup_id
            for backup_id in self.guarded.fates
            if _only_last_orphan(self.guarded.in_the_way.get(backup_id, ()))
        ]

    @property
    def anything_waits(self) -> Reason | None:
        """Why its deletions wait, for one reason or another."""
        return self.held_back or self.waits

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
            action = Action.KEEP if decided_by_policy(entry) else Action.LEAVE_ALONE
            return action, in_the_way
        if self.stopped is not None:
            return Action.KEEP, (self.stopped, *in_the_way)
        if not in_the_way and self.anything_waits is not None:
            in_the_way = (self.anything_waits,)
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
            waits=self.anything_waits if self.unprotected and not self.stopped else None,
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


def _beyond_baseline(
    facts: Facts, assigned: Mapping[str, str | None], subjects: Sequence[_Subject]
) -> Reason | None:
    """Why a change of the policy or of an assignment makes the plan wait (rule D3), or None."""
    baseline = facts.baseline
    if baseline is None or (
        baseline.policy_version == facts.policy_version
        and dict(baseline.assignments) == dict(assigned)
    ):
        return None
    before: set[str] = set()
    if baseline.document is not None:
        policies: dict[str, Policy | None] = {
            index.name: baseline.document.policy(baseline.assignments.get(index.name) or "")
            for index in facts.indexes
        }
        former = replace(facts, document=baseline.document)
        before = _going(_subjects(former, Protection(former, policies)))
    beyond = len(_going(subjects) - before)
    if beyond <= max(CHANGE_COUNT, len(before) * CHANGE_PERCENT / 100):
        return None
    return Reason.of(ReasonKind.POLICY_CHANGED, count=beyond)


def _going(subjects: Iterable[_Subject]) -> set[str]:
    return {backup_id for subject in subjects for backup_id in subject.going}


def _beyond_run_limit(subjects: Sequence[_Subject], limit: Limit) -> Reason | None:
    going = [subject.unprotected for subject in subjects if subject.waits is None]
    total = sum(map(len, going))
    ready = sum(our_ready(subject.guarded.incarnation) for subject in subjects)
    allowed = max(allowance(limit, ready), sum(map(bool, going)))
    if total <= allowed:
        return None
    return Reason.of(ReasonKind.LIMIT_PER_RUN, count=total, allowed=allowed)


def _within_index_limit(subject: _Subject, limit: Limit) -> _Subject:
    count = len(subject.unprotected)
    allowed = max(allowance(limit, our_ready(subject.guarded.incarnation)), 1)
    if count <= allowed:
        return subject
    return replace(
        subject, waits=Reason.of(ReasonKind.LIMIT_PER_INDEX, count=count, allowed=allowed)
    )


def _waits_because(subjects: Iterable[_Subject]) -> tuple[Reason, ...]:
    """Each reason for which something waits, once."""
    found: dict[str, Reason] = {}
    for subject in subjects:
        if subject.stopped is not None:
            continue
        waits = subject.anything_waits if subject.unprotected else None
        if waits is None and subject.last_orphans:
            waits = Reason.of(ReasonKind.LAST_OF_DELETED)
        if waits is not None:
            found[str(waits)] = waits
    return tuple(found[text] for text in sorted(found))
