"""What a prune would do with every backup of a project, and why (rules D1 to D7).

The retention (``rules.retention``) says what it needs no more. Everything in this file only ever
takes away from that: the floor, the safeguards of D1, frozen indexes, limits, and what waits for a
person. Planning is pure: the same facts give the same plan, with the same digest.

What decides that a backup goes? ``_policy_fates`` for a living index, ``_orphan_fates`` for a
deleted one. What prevents it? ``_Rails``, then ``_frozen``, then ``_held_back``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from pinecone_backup.model import words
from pinecone_backup.records import DeletionState, HoldScope
from pinecone_backup.rules.containment import protects
from pinecone_backup.rules.inventory import Entry, Incarnation, Inventory, Origin, Worth
from pinecone_backup.rules.marker import looks_like_marker
from pinecone_backup.rules.policy import AssignedBy
from pinecone_backup.rules.retention import keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinecone_backup.model import Backup, Index, RunTime
    from pinecone_backup.records import Hold, UnreadableItem
    from pinecone_backup.rules.policy import Limit, Policy, PolicyDocument

SUSPECTS_KEPT = 7
"""So many of the newest suspects stay (rule G2)."""
DEFAULT_FLOOR = 2
"""The floor of an index without a policy, where D7 asks for one."""
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
        reasons: Why: the retention's in the order of K6, then the floor's and the safeguards'.
    """

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    size_bytes: int | None
    action: Action
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedIndex:
    """One incarnation in the plan.

    Attributes:
        policy: The name of the policy that decides, or None.
        orphan: Whether the index is deleted (rule D7).
        anchor: The backup that must be found Ready before the first deletion (rule D5); None
            when only failed ones may go.
        frozen: Why nothing of it is deleted, or empty.
        waits: Why its deletions wait for approval, or empty.
    """

    index_id: str
    index_name: str
    policy: str | None
    orphan: bool
    anchor: str | None
    frozen: str = ""
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prune of one project would do.

    Attributes:
        items: Every backup listed, once: by index name and id, newest first.
        digest: SHA-256 over the policy version and the sorted ids to go (rule D4).
        assignments: Policy name by index name, as this plan used them (rule D3).
        stopped: Why nothing at all may be deleted (rule D2), or empty.
        waits_because: What waits for approval and why, or empty.
        held_back: Why the plan waits as a whole (rules D2 and D3), or empty.
        policy_changed: Whether that is a change of the policy or of an assignment (rule D3).
        quota: The project's quota, in backups.
    """

    project: str
    policy_version: str
    now: datetime
    items: tuple[PlanItem, ...]
    indexes: tuple[PlannedIndex, ...]
    digest: str
    assignments: dict[str, str | None] = field(default_factory=dict)
    stopped: str = ""
    waits_because: str = ""
    held_back: str = ""
    policy_changed: bool = False
    quota: int = 0

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


@dataclass(frozen=True, slots=True)
class Baseline:
    """By what the last accepted prune went (rule D3).

    Attributes:
        document: Its policy document, or None when that version can no longer be read.
        assignments: Its policy name by index name.
    """

    document: PolicyDocument | None
    policy_version: str
    assignments: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan depends on.

    Attributes:
        inventory: With verdicts (``rules.verdict``).
        indexes: The active indexes.
        active: The active incarnation's id by name, where it was asked (rule I1); needed only
            for names with several incarnations that are not deleted.
        holds: None when they could not be read: nothing is deleted (rule D2).
        restoring: Unfinished restore jobs, job id by backup id; None when unreadable.
        unreadable: Items of the ledger that cannot be read (rule U2).
        sources: The incarnation of backups that are no longer listed, by backup id (rule D7).
        baseline: None before the first prune.
    """

    project: str
    inventory: Inventory
    indexes: Sequence[Index]
    document: PolicyDocument
    policy_version: str
    time: RunTime
    holds: Sequence[Hold] | None = ()
    restoring: Mapping[str, str] | None = field(default_factory=dict)
    unreadable: Sequence[UnreadableItem] = ()
    active: Mapping[str, str | None] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None


def make_plan(facts: Facts) -> Plan:
    """Plan the prune of one project (rules D1 to D7)."""
    policies = {
        index.name: facts.document.assigned(facts.project, index.name, index.tags).policy
        for index in facts.indexes
    }
    assignments = {name: policy.name if policy else None for name, policy in policies.items()}
    decided = _decided(facts, policies)
    stopped = _stopped(facts)
    changed = _beyond_baseline(facts, assignments, decided)
    subjects, held_back = _held_back(facts, decided, stopped, changed)
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
        policy_changed=bool(changed),
        quota=project.quota if project else 0,
    )


def digest_of(policy_version: str, backup_ids: Iterable[str]) -> str:
    """The digest of a plan (rule D4), 64 hex digits."""
    return sha256("\n".join([policy_version, *sorted(backup_ids)]).encode()).hexdigest()


def ambiguous_names(inventory: Inventory, indexes: Iterable[Index]) -> Sequence[str]:
    """Active indexes of whose name several incarnations are not deleted: ask which is (I1)."""
    living = Counter(
        incarnation.index_name
        for incarnation in inventory.incarnations.values()
        if incarnation.deleted_at is None
    )
    return sorted(index.name for index in indexes if living[index.name] > 1)


# --- What each index is, and by which policy it goes ---------------------------------------


@dataclass(frozen=True, slots=True)
class _Fates:
    """What is to become of the backups that a policy of ours decides about: reasons by id."""

    keeps: dict[str, tuple[str, ...]] = field(default_factory=dict)
    goes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    waits: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def decide(self, backup_id: str, stays: bool, reasons: tuple[str, ...]) -> None:
        (self.keeps if stays else self.goes)[backup_id] = reasons

    def protect(self, backup_id: str, reason: str) -> None:
        """Keep a backup that is decided about, with one more reason."""
        if backup_id in self.goes or backup_id in self.waits or backup_id in self.keeps:
            self.goes.pop(backup_id, None)
            self.waits.pop(backup_id, None)
            self.keeps[backup_id] = (*self.keeps.get(backup_id, ()), reason)


@dataclass(frozen=True, slots=True)
class _Subject:
    """One incarnation while the plan is made."""

    incarnation: Incarnation
    policy: Policy | None
    fates: _Fates
    anchor: str | None
    frozen: str
    waits: str = ""

    @property
    def our_ready(self) -> int:
        """What the percentages of the limits refer to (rule D2)."""
        return sum(
            entry.origin is Origin.OURS and entry.worth.ready for entry in self.incarnation.entries
        )

    def waiting(self, reason: str) -> _Subject:
        """The same where everything that would go waits instead."""
        if not self.fates.goes:
            return self
        held_back = {
            backup_id: (*reasons, f"waits: {reason}")
            for backup_id, reasons in self.fates.goes.items()
        }
        fates = _Fates(self.fates.keeps, {}, self.fates.waits | held_back)
        return replace(self, fates=fates, waits=reason)

    def kept(self, reason: str) -> _Subject:
        """The same where everything that would go stays."""
        going = (*self.fates.goes, *self.fates.waits)
        return replace(self, fates=_Fates(self.fates.keeps | dict.fromkeys(going, (reason,))))

    def items(self) -> Iterable[PlanItem]:
        for entry in self.incarnation.entries:
            backup = entry.backup
            yield PlanItem(
                backup.backup_id,
                backup.index_name,
                backup.index_id,
                backup.name,
                backup.created_at,
                backup.size_bytes,
                *self._fate(entry),
            )

    def _fate(self, entry: Entry) -> tuple[Action, tuple[str, ...]]:
        backup_id = entry.backup.backup_id
        if backup_id in self.fates.keeps:
            return Action.KEEP, self.fates.keeps[backup_id]
        if backup_id in self.fates.goes:
            return Action.DELETE, self.fates.goes[backup_id]
        if backup_id in self.fates.waits:
            return Action.WAIT, self.fates.waits[backup_id]
        action, reason = _left_alone(entry)
        return action, (reason,)

    def planned(self) -> PlannedIndex:
        return PlannedIndex(
            self.incarnation.index_id,
            self.incarnation.index_name,
            self.policy.name if self.policy else None,
            self.incarnation.deleted_at is not None,
            self.anchor,
            self.frozen,
            self.waits,
        )


@dataclass(frozen=True, slots=True)
class _Project:
    """The facts, looked up once for all incarnations."""

    facts: Facts
    policies: Mapping[str, Policy | None]
    living: Mapping[str, Index]
    ambiguous: frozenset[str]
    wanting: Mapping[str, str]
    safeguards: _Safeguards

    @classmethod
    def of(cls, facts: Facts, policies: Mapping[str, Policy | None]) -> _Project:
        return cls(
            facts,
            policies,
            {index.name: index for index in facts.indexes},
            frozenset(ambiguous_names(facts.inventory, facts.indexes)),
            _restored_and_wanting(facts, policies),
            _Safeguards.read(facts),
        )


def _decided(facts: Facts, policies: Mapping[str, Policy | None]) -> list[_Subject]:
    """Every incarnation with the fates of its backups, before limits."""
    project = _Project.of(facts, policies)
    return [
        _subject(incarnation, project)
        for incarnation in sorted(
            facts.inventory.incarnations.values(),
            key=lambda incarnation: (incarnation.index_name, incarnation.index_id),
        )
    ]


def _subject(incarnation: Incarnation, project: _Project) -> _Subject:
    facts = project.facts
    ours = [entry for entry in incarnation.entries if _by_policy(entry)]
    policy = None
    if incarnation.deleted_at is not None:
        frozen = _frozen_orphan(incarnation, project)
        fates = _orphan_fates(ours, incarnation.deleted_at, facts)
    else:
        policy = project.policies.get(incarnation.index_name)
        frozen = _frozen(incarnation, project)
        fates = _policy_fates(ours, policy, facts.time) if policy else _all_kept(ours, frozen)
    project.safeguards.protect(ours, fates, policy)
    subject = _Subject(incarnation, policy, fates, _anchor(incarnation), frozen)
    return subject.kept(frozen) if frozen else subject


def _frozen_orphan(incarnation: Incarnation, project: _Project) -> str:
    """Why nothing of a deleted index may be deleted yet (rules I4 and D7)."""
    if incarnation.frozen:
        return f"contradictory: {incarnation.frozen}"
    if project.facts.active.get(incarnation.index_name) == incarnation.index_id:
        return "its backups say it is deleted, and its name says it is active"
    return project.wanting.get(incarnation.index_id, "")


def _frozen(incarnation: Incarnation, project: _Project) -> str:
    """Why nothing of a living index may be deleted (rules I1, I3 and I4)."""
    name, active = incarnation.index_name, project.facts.active
    if incarnation.frozen:
        return f"contradictory: {incarnation.frozen}"
    if name not in project.living:
        return "its index is not listed, and not said to be deleted"
    if name in active and active[name] != incarnation.index_id:
        return f"not the active incarnation of {name}"
    if name not in active and name in project.ambiguous:
        return f"several incarnations of {name} are listed, and the active one is not known"
    return "" if project.policies.get(name) else _why_no_policy(project.living[name], project.facts)


def _why_no_policy(index: Index, facts: Facts) -> str:
    """Rule I3."""
    by = facts.document.assigned(facts.project, index.name, index.tags).by
    if by is AssignedBy.UNKNOWN_TAG:
        return "its backup-policy tag names no policy"
    return "opted out" if by is AssignedBy.OPT_OUT else "no policy is assigned"


def _by_policy(entry: Entry) -> bool:
    """Whether a policy of ours made it: what is made on demand is never pruned by one (I2)."""
    return entry.origin is Origin.OURS and entry.marker is not None and bool(entry.marker.policy)


def _doubtful(entry: Entry) -> bool:
    """Whether an earlier deletion may have happened: it takes part, but nothing relies on it."""
    deletion = entry.record.deletion if entry.record else None
    return deletion is not None and deletion.state is DeletionState.UNKNOWN


def _anchor(incarnation: Incarnation) -> str | None:
    """The newest good one of ours, else the newest suspect: it must be Ready (rule D5)."""
    suspect = None
    for entry in incarnation.entries:
        if entry.origin is Origin.OURS and entry.worth.ready and not _doubtful(entry):
            if entry.worth is Worth.GOOD:
                return entry.backup.backup_id
            suspect = suspect or entry.backup.backup_id
    return suspect


# --- What goes ------------------------------------------------------------------------------


def _all_kept(ours: Iterable[Entry], reason: str) -> _Fates:
    return _Fates(
        {
            entry.backup.backup_id: (reason,)
            for entry in ours
            if entry.worth is not Worth.DELETION_ACCEPTED
        }
    )


def _policy_fates(ours: Sequence[Entry], policy: Policy, time: RunTime) -> _Fates:
    """What the policy of a living index would keep and delete (rules K1 to K7, G2 and G3)."""
    good = [entry for entry in ours if entry.worth is Worth.GOOD]
    reasons = keep(
        [(entry.backup.backup_id, entry.at) for entry in good if entry.at],
        policy.retention,
        policy.zone,
        time.scheduled_at,
    )
    unwanted = (f"no rule of policy {policy.name} keeps it",)
    fates = _Fates()
    places: Counter[Worth] = Counter()
    for entry in ours:
        backup_id = entry.backup.backup_id
        place = places[entry.worth]
        places[entry.worth] += 1
        if entry.worth is Worth.GOOD:
            fates.decide(backup_id, backup_id in reasons, reasons.get(backup_id, unwanted))
        elif entry.worth is Worth.SUSPECT:
            stays = place < SUSPECTS_KEPT
            where = "among" if stays else "older than"
            fates.decide(backup_id, stays, (f"suspect, {where} the newest {SUSPECTS_KEPT}",))
        elif entry.worth is Worth.FAILED:
            needed = place == 0 and not places[Worth.GOOD]
            fates.decide(backup_id, *_failed(entry, policy, time, needed=needed))
        elif entry.worth is not Worth.DELETION_ACCEPTED:
            fates.keeps[backup_id] = (_undecided(entry),)
    return fates


def _failed(
    entry: Entry, policy: Policy, time: RunTime, *, needed: bool
) -> tuple[bool, tuple[str, ...]]:
    """Whether a failed backup stays, and why (rule G3)."""
    hours = int(policy.failed_after.total_seconds()) // 3600
    span = f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
    if needed:
        return True, ("failed, and no good backup is newer",)
    old = entry.at is not None and time.scheduled_at - entry.at > policy.failed_after
    return not old, (f"failed {'over' if old else 'within'} {span} ago",)


def _orphan_fates(ours: Sequence[Entry], deleted_at: datetime, facts: Facts) -> _Fates:
    """What becomes of the backups of a deleted index (rule D7)."""
    after = facts.document.orphans.after
    if after is None:
        return _all_kept(ours, "its index was deleted: kept for ever")
    if facts.time.scheduled_at - deleted_at <= timedelta(days=after):
        return _all_kept(ours, f"its index was deleted: kept for {after} days")
    ready = sorted((entry for entry in ours if entry.worth.ready), key=_good_first)
    last = ready[0] if ready else None
    fates = _Fates()
    reason = f"its index was deleted over {after} days ago"
    for entry in ours:
        backup_id = entry.backup.backup_id
        if entry is last:
            fates.waits[backup_id] = (reason, f"newest {words(entry.worth)}: needs approval")
        elif entry.worth in (Worth.GOOD, Worth.SUSPECT, Worth.FAILED):
            fates.goes[backup_id] = (reason,)
        elif entry.worth is not Worth.DELETION_ACCEPTED:
            fates.keeps[backup_id] = (_undecided(entry),)
    return fates


def _good_first(entry: Entry) -> bool:
    return entry.worth is not Worth.GOOD


def _restored_and_wanting(facts: Facts, policies: Mapping[str, Policy | None]) -> dict[str, str]:
    """Incarnations that a restored index still leans on, with the reason (rule D7)."""
    wanting = {}
    for index in facts.indexes:
        source = _incarnation_of(index.source_backup_id, facts)
        if source is None:
            continue
        policy = policies.get(index.name)
        floor = policy.floor if policy else DEFAULT_FLOOR
        good = _good_of_active(index.name, facts)
        if good < floor:
            wanting[source] = (
                f"index {index.name} was restored from it and has {good} of {floor} good backups"
            )
    return wanting


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


# --- What no policy decides -----------------------------------------------------------------

_UNDECIDED = {
    Worth.UNDER_WAY: "under way",
    Worth.PLANNED: "planned",
    Worth.UNDATED: "undated",
    Worth.FUTURE: "dated in the future",
    Worth.CONTRADICTORY: "contradictory",
    Worth.UNJUDGED: "without a verdict yet",
}


def _undecided(entry: Entry) -> str:
    """Why a backup that a policy of ours made is neither kept nor deleted by it."""
    return _UNDECIDED.get(entry.worth, f"unknown status {entry.backup.status_text!r}")


def _left_alone(entry: Entry) -> tuple[Action, str]:
    """Why a backup is none of our policies' business (rules D1, I2, G4 and G5)."""
    deletion = entry.record.deletion if entry.record else None
    if entry.worth is Worth.DELETION_ACCEPTED and deletion:
        return Action.DELETION_PENDING, f"deletion accepted on {deletion.at:%Y-%m-%d %H:%M} UTC"
    return Action.LEAVE_ALONE, _whose(entry)


def _whose(entry: Entry) -> str:
    if entry.worth is Worth.CONTRADICTORY:
        return "contradictory"
    if entry.origin is Origin.OURS:
        return "made on demand"
    if entry.origin is Origin.NATIVE:
        return f"made by native schedule {entry.schedule}"
    if entry.origin is Origin.OTHER_OWNER and entry.marker:
        return f"belongs to another deployment: {entry.marker.owner}"
    if looks_like_marker(entry.backup.description):
        return "not ours (its marker does not fit its name)"
    return "not ours (manual)"


# --- What prevents it -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Safeguards:
    """What is never deleted (rule D1), beyond what no policy decides.

    Attributes:
        held: The words of the holds in force, by what they protect.
        restoring: Unfinished restore jobs by backup id.
        unreadable: Items of the ledger that cannot be read (rule U2).
    """

    held: Mapping[tuple[HoldScope, str], Sequence[str]]
    restoring: Mapping[str, str]
    unreadable: Sequence[UnreadableItem]

    @classmethod
    def read(cls, facts: Facts) -> _Safeguards:
        held: dict[tuple[HoldScope, str], list[str]] = defaultdict(list)
        for hold in sorted(facts.holds or (), key=lambda hold: hold.hold_id):
            if hold.active(facts.time.actual):
                held[hold.scope, hold.target].append(f"held by {hold.placed_by}: {hold.reason}")
        return cls(held, facts.restoring or {}, facts.unreadable)

    def protect(self, ours: Sequence[Entry], fates: _Fates, policy: Policy | None) -> None:
        """Keep what the floor and the safeguards name, with their reasons after the retention's."""
        good = [entry for entry in ours if entry.worth is Worth.GOOD and not _doubtful(entry)]
        if policy:
            self._floor(good, fates, policy.floor)
        for entry in good:
            if entry.record and entry.record.restore_tested:
                fates.protect(entry.backup.backup_id, "newest restore-tested")
                break
        if self.held or self.restoring or self.unreadable:
            for entry in ours:
                for reason in self._named(entry.backup):
                    fates.protect(entry.backup.backup_id, reason)

    @staticmethod
    def _floor(good: Sequence[Entry], fates: _Fates, floor: int) -> None:
        """The newest good one always, and the newest ``floor`` ones where no rule keeps them.

        The floor is a place in the row and not a count of what is kept. So a hold, or a higher
        count in the retention, never makes another backup go.
        """
        for place, entry in enumerate(good[:floor]):
            backup_id = entry.backup.backup_id
            if backup_id in fates.goes:
                fates.protect(backup_id, f"floor of {floor}")
            if place == 0:
                fates.protect(backup_id, "newest good")

    def _named(self, backup: Backup) -> Iterable[str]:
        yield from self.held.get((HoldScope.BACKUP, backup.backup_id), ())
        yield from self.held.get((HoldScope.INDEX, backup.index_name), ())
        if backup.backup_id in self.restoring:
            yield f"restore job {self.restoring[backup.backup_id]} reads it"
        unreadable = protects(
            self.unreadable, backup_id=backup.backup_id, index_name=backup.index_name
        )
        if unreadable:
            yield unreadable


def _stopped(facts: Facts) -> str:
    """Why nothing at all may be deleted (rule D2)."""
    if facts.document.project(facts.project) is None:
        return f"the policy document does not name project {facts.project}"
    if facts.holds is None:
        return "the holds could not be read"
    return "the restore jobs could not be read" if facts.restoring is None else ""


def _beyond_baseline(
    facts: Facts, assigned: Mapping[str, str | None], decided: Sequence[_Subject]
) -> str:
    """Why a change of the policy or of an assignment makes the plan wait (rule D3), or empty."""
    baseline = facts.baseline
    if baseline is None or (
        baseline.policy_version == facts.policy_version
        and dict(baseline.assignments) == dict(assigned)
    ):
        return ""
    before: set[str] = set()
    if baseline.document is not None:
        old = baseline.document
        policies = {
            index.name: old.policy(baseline.assignments.get(index.name) or "")
            for index in facts.indexes
        }
        before = _going(_decided(replace(facts, document=old), policies))
    beyond = len(_going(decided) - before)
    if beyond <= max(CHANGE_COUNT, len(before) * CHANGE_PERCENT / 100):
        return ""
    return (
        f"the policy or an assignment changed: {beyond} backups go that would not have gone before"
    )


def _going(subjects: Iterable[_Subject]) -> set[str]:
    return {
        backup_id
        for subject in subjects
        for backup_id in (*subject.fates.goes, *subject.fates.waits)
    }


def _held_back(
    facts: Facts, subjects: Sequence[_Subject], stopped: str, changed: str
) -> tuple[Sequence[_Subject], str]:
    """Apply the limits: what trips one waits for approval; why all of it waits (D2 and D3)."""
    if stopped:
        return [subject.kept(stopped) for subject in subjects], ""
    limits = facts.document.limits
    subjects = [_within_index_limit(subject, limits.per_index) for subject in subjects]
    reason = changed or _run_limit(subjects, limits.per_run)
    return ([subject.waiting(reason) for subject in subjects] if reason else subjects), reason


def _run_limit(subjects: Sequence[_Subject], limit: Limit) -> str:
    total = sum(len(subject.fates.goes) for subject in subjects)
    one_each = sum(bool(subject.fates.goes) for subject in subjects)
    allowed = max(_allowance(limit, sum(subject.our_ready for subject in subjects)), one_each)
    if total <= allowed:
        return ""
    return f"{total} deletions in one run, where the limits allow {allowed}"


def _within_index_limit(subject: _Subject, limit: Limit) -> _Subject:
    count = len(subject.fates.goes)
    allowed = max(_allowance(limit, subject.our_ready), 1)
    if count <= allowed:
        return subject
    return subject.waiting(f"{count} deletions in one index, where the limits allow {allowed}")


def _allowance(limit: Limit, our_ready: int) -> int:
    return min(limit.count, our_ready * limit.percent // 100)


def _waits_because(subjects: Iterable[_Subject]) -> str:
    waits = [subject for subject in subjects if subject.fates.waits]
    reasons = {subject.waits or "the last backup of a deleted index" for subject in waits}
    return "; ".join(sorted(reasons))
