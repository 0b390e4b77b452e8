"""What can be wrong, and the life of each thing wrong: it opens, repeats and resolves.

The use cases observe; ``reconcile`` compares what they observed with what the ledger knows. The
same problem, that is, one control on one subject of one project, is one finding with one stable
id. A finding resolves only on complete evidence: what is unknown is not healthy (U1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from pinecone_backup.model import DomainEvent, Severity
from pinecone_backup.records import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

ANNOUNCED_EVERY = timedelta(days=1)
"""How often an event says that a finding is still open."""
PROJECT_SUBJECT = "(project)"
"""The subject of a finding about the project as a whole; no index can be named like this."""


class Control(StrEnum):
    """Everything the product watches, each with its usual severity and what it means.

    The subject is an index name unless a comment above says otherwise.
    """

    severity: Severity
    description: str

    def __new__(cls, value: str, severity: Severity, description: str) -> Self:
        """A control whose value is its id."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.severity = severity
        member.description = description
        return member

    NO_POLICY = "no-policy", Severity.WARNING, "No policy is assigned: the index is not backed up"
    OPTED_OUT = "opted-out", Severity.INFO, "The index is opted out of backups on purpose"
    PAUSED = "paused", Severity.INFO, "Backups of the index are paused on purpose, until a day"
    UNREADABLE_PAUSE = (
        "unreadable-pause",
        Severity.ERROR,
        "The index's backup-paused-until tag names no day",
    )
    UNKNOWN_POLICY_TAG = (
        "unknown-policy-tag",
        Severity.ERROR,
        "The index's backup-policy tag names a policy that does not exist",
    )
    UNSUPPORTED_INDEX = (
        "unsupported-index",
        Severity.WARNING,
        "Pinecone cannot back up this kind of index",
    )
    INDEX_UNKNOWN = (
        "index-unknown",
        Severity.ERROR,
        "Two audits in a row could not read the index: nobody knows whether it is protected",
    )
    OVERDUE = "overdue", Severity.CRITICAL, "The newest good backup is older than max_age"
    CREATION_FAILING = (
        "creation-failing",
        Severity.CRITICAL,
        "Every attempt to create a backup for one slot has failed",
    )
    CREATION_REFUSED = (
        "creation-refused",
        Severity.ERROR,
        "Pinecone refuses to create a backup of the index",
    )
    QUOTA_REACHED = (
        "quota-reached",
        Severity.ERROR,
        "A backup is due and the project's backup quota is used up",
    )
    INCARNATION_CHANGED = (
        "incarnation-changed",
        Severity.WARNING,
        "The index was deleted and created again; its new incarnation has no good backup yet",
    )
    NEVER_RESTORE_TESTED = (
        "never-restore-tested",
        Severity.WARNING,
        "No backup of the index has passed a restore test although the policy asks for it",
    )
    RESTORE_TEST_OVERDUE = (
        "restore-test-overdue",
        Severity.WARNING,
        "The index's restore test is due and was not begun",
    )
    RESTORE_TEST_FAILED = (
        "restore-test-failed",
        Severity.ERROR,
        "The last restore test of the index failed or timed out",
    )
    INDEX_NOT_READY = (
        "index-not-ready",
        Severity.ERROR,
        "The index has not come up: it can be neither used nor backed up",
    )
    RESTORED_NOT_ADOPTED = (
        "restored-not-adopted",
        Severity.WARNING,
        "A restored index belongs to no policy, and nobody has deleted it",
    )
    NATIVE_CLASH = (
        "native-clash",
        Severity.WARNING,
        "A native schedule that is not the policy's runs on the index",
    )
    FAILED = "failed", Severity.ERROR, "A backup has failed"
    STUCK = "stuck", Severity.ERROR, "A backup has been under way for longer than stuck_after"
    EMPTY = "empty", Severity.ERROR, "A backup is empty although the index is not"
    SHRUNK = "shrunk", Severity.ERROR, "A backup has far fewer records than the one before it"
    DELETION_STUCK = (
        "deletion-stuck",
        Severity.WARNING,
        "A backup is still listed a day after Pinecone accepted its deletion",
    )
    UNDATED_BACKUP = (
        "undated-backup",
        Severity.WARNING,
        "A backup has no usable creation time: it is kept and counts for nothing",
    )
    SLOT_AHEAD = (
        "slot-ahead",
        Severity.WARNING,
        "A backup's marker names a slot that is later than its creation: the slot is not believed",
    )

    # The subject is a backup id.
    CONTRADICTORY_LISTING = (
        "contradictory-listing",
        Severity.ERROR,
        "Pinecone lists one backup in two ways that cannot both be true",
    )

    # The subject is the name of the temporary index.
    RESTORE_INDEX_LEFT = (
        "restore-index-left",
        Severity.WARNING,
        "The index of a restore test was left behind",
    )

    # The subject is the id of the deleted index.
    ORPHAN = "orphan", Severity.INFO, "Backups remain of an index that was deleted"

    # The subject is the other deployment's owner id.
    OTHER_OWNER = (
        "other-owner",
        Severity.WARNING,
        "Another deployment of this product makes backups in the project",
    )

    # The subject is a schedule id; an index name where a schedule is missing.
    NATIVE_DISABLED = "native-disabled", Severity.ERROR, "A native schedule is paused"
    NATIVE_OVERDUE = "native-overdue", Severity.ERROR, "A native schedule has missed its run"
    NATIVE_DRIFT = (
        "native-drift",
        Severity.WARNING,
        "A native schedule is not as its policy says",
    )

    # The subject is a hold id.
    HOLD_EXPIRED = "hold-expired", Severity.INFO, "A hold has expired and protects nothing now"

    # The subject is the project (PROJECT_SUBJECT); a plan's digest for a waiting plan.
    QUOTA_NEAR = "quota-near", Severity.WARNING, "The project's backup quota is nearly used up"
    PROJECT_UNKNOWN = (
        "project-unknown",
        Severity.CRITICAL,
        "The project could not be read: nobody knows whether it is protected",
    )
    PROJECT_REMOVED = (
        "project-removed",
        Severity.ERROR,
        "The project is not in the policy document any more, and the ledger knows it",
    )
    POLICY_MISSING = "policy-missing", Severity.CRITICAL, "No policy document has been stored"
    POLICY_WARNED = (
        "policy-warned",
        Severity.INFO,
        "The policy document says something that is probably not meant",
    )
    POLICY_INVALID = "policy-invalid", Severity.CRITICAL, "The policy document does not validate"
    PRUNE_STOPPED = (
        "prune-stopped",
        Severity.ERROR,
        "A prune stopped before its first deletion because something was in doubt",
    )
    # The subject is the kind of run; with an index behind it, as in ``create/docs``.
    RUN_BROKEN = (
        "run-broken",
        Severity.CRITICAL,
        "A run, or its work on one index, broke off for a reason that it does not know",
    )
    RUN_REFUSED = (
        "run-refused",
        Severity.ERROR,
        "A scheduled run was refused, and none of its kind has ended for an hour",
    )

    # The subject is the item's key; PROJECT_SUBJECT where there are too many.
    LEDGER_UNREADABLE = (
        "ledger-unreadable",
        Severity.ERROR,
        "An item of the ledger cannot be read: it is set aside, and protects what it is about",
    )

    # The subject is the project.
    EVIDENCE_WAITING = (
        "evidence-waiting",
        Severity.WARNING,
        "What happened could not be appended to the evidence: it waits in the ledger",
    )

    # The subject is the project again, or a digest.
    PLAN_WAITING = "plan-waiting", Severity.WARNING, "A prune plan waits for approval"


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing seen wrong, at one moment.

    Attributes:
        subject: An index name, a backup id, a schedule id ... or ``PROJECT_SUBJECT``.
        title: One line that names the subject.
        diagnosis: What was seen, with figures.
        action: What a person can do.
        data: JSON-ready figures; ``index`` names the index where the subject is not one.
    """

    control: Control
    severity: Severity
    subject: str
    title: str
    diagnosis: str
    action: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        control: Control,
        subject: str,
        *,
        title: str,
        diagnosis: str,
        action: str,
        severity: Severity | None = None,
        **data: Any,
    ) -> Observation:
        """An observation, with the control's usual severity unless another is given."""
        return cls(control, severity or control.severity, subject, title, diagnosis, action, data)


@dataclass(frozen=True, slots=True)
class _Scope:
    only: frozenset[str] | None
    unseen: frozenset[str]

    def covers(self, names: set[str]) -> bool:
        return not names & self.unseen and (self.only is None or bool(names & self.only))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a run's evidence is complete: what it did not observe there does not exist (U1)."""

    scopes: Sequence[tuple[Control, _Scope]] = ()

    @classmethod
    def of(
        cls,
        controls: Iterable[Control],
        *,
        only: Iterable[str] | None = None,
        unseen: Iterable[str] = (),
    ) -> Evidence:
        """Complete evidence for some controls.

        Args:
            controls: What was examined.
            only: The subjects or index names that were examined; None means every one, those
                that do not exist any more included.
            unseen: Subjects or index names that could not be examined.
        """
        scope = _Scope(None if only is None else frozenset(only), frozenset(unseen))
        return cls(tuple((control, scope) for control in controls))

    def __or__(self, other: Evidence) -> Evidence:
        """What either of two pieces of evidence covers."""
        return Evidence((*self.scopes, *other.scopes))

    def covers(self, finding: Finding) -> bool:
        """Whether the finding would have been observed if it were still so."""
        names = {finding.subject, str(finding.data.get("index", ""))}
        return any(
            control == finding.control and scope.covers(names) for control, scope in self.scopes
        )


class ChangeKind(StrEnum):
    """What happened to a finding; the value is the domain event's type."""

    OPENED = "finding.opened"
    REPEATED = "finding.repeated"
    RESOLVED = "finding.resolved"


@dataclass(frozen=True, slots=True)
class Change:
    """One finding after a run, and how it was known before."""

    kind: ChangeKind
    finding: Finding
    previous: Finding | None = None

    @property
    def escalated(self) -> bool:
        """Whether a repeated finding is worse than it was known to be."""
        return (
            self.kind is ChangeKind.REPEATED
            and self.previous is not None
            and self.finding.severity.rank < self.previous.severity.rank
        )

    @property
    def announced(self) -> bool:
        """Whether it is worth an event: one that stays open is announced daily, or when worse."""
        if self.kind is not ChangeKind.REPEATED or self.previous is None:
            return True
        before = self.previous.announced_at or self.previous.opened_at
        return self.escalated or self.finding.announced_at != before

    def event(self, project: str) -> DomainEvent:
        """The domain event; the same change announced twice, by whichever run, is one event.

        The id goes by what was known before the change: of two runs that see it at once, both
        announce the same event. A finding that nothing is known of may have had an earlier life,
        which was forgotten a week later or more: the week of its opening tells the two apart.
        """
        before = self.previous
        state = f"{self.finding.opened_at.astimezone(UTC):%G-W%V}"
        if before:
            state = f"{before.opened_at.isoformat()}|{before.count}"
        at = self.finding.resolved_at or self.finding.last_seen_at
        return DomainEvent.of(
            self.kind,
            f"{self.finding.finding_id}|{state}",
            project=project,
            at=at,
            finding_id=self.finding.finding_id,
            control=self.finding.control,
            severity=str(self.finding.severity),
            subject=self.finding.subject,
            title=self.finding.title,
            diagnosis=self.finding.diagnosis,
            action=self.finding.action,
            opened_at=self.finding.opened_at.isoformat(),
            count=self.finding.count,
            escalated=self.escalated,
            **({"digest": digest} if (digest := self.finding.data.get("digest")) else {}),
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run changed, by finding id, and which known findings it left as they were."""

    all: Sequence[Change]
    unchanged: Sequence[Finding]

    @property
    def opened(self) -> Sequence[Finding]:
        """Findings that were not open before."""
        return self._of(ChangeKind.OPENED)

    @property
    def repeated(self) -> Sequence[Finding]:
        """Findings that were open before and were seen again."""
        return self._of(ChangeKind.REPEATED)

    @property
    def resolved(self) -> Sequence[Finding]:
        """Findings that were open before and are not observed, on complete evidence."""
        return self._of(ChangeKind.RESOLVED)

    def _of(self, kind: ChangeKind) -> Sequence[Finding]:
        return [change.finding for change in self.all if change.kind is kind]


def finding_id(control: str, project: str, subject: str) -> str:
    """The stable id of one problem, 24 hex digits."""
    return sha256(f"{control}|{project}|{subject}".encode()).hexdigest()[:24]


def reconcile(
    known: Iterable[Finding],
    observed: Iterable[Observation],
    *,
    project: str,
    evidence: Evidence,
    at: datetime,
) -> Changes:
    """Compare what was observed with what is known (rule U1).

    Args:
        known: The ledger's findings, resolved ones included.
        observed: Of several on one problem the most severe is taken, and of those the first.
        project: The project all of them belong to.
        evidence: Where an open finding that was not observed may resolve.
        at: The time of the observations, UTC.
    """
    before = {finding.finding_id: finding for finding in known}
    seen: dict[str, Observation] = {}
    for observation in observed:
        key = finding_id(observation.control, project, observation.subject)
        if key not in seen or observation.severity.rank < seen[key].severity.rank:
            seen[key] = observation
    changes: list[Change] = []
    unchanged: list[Finding] = []
    for key in sorted(before.keys() | seen.keys()):
        if key in seen:
            changes.append(_seen(key, seen[key], before.get(key), at))
            continue
        finding = before[key]
        if finding.open and evidence.covers(finding):
            deleted = replace(finding, resolved_at=at)
            changes.append(Change(ChangeKind.RESOLVED, deleted, finding))
        else:
            unchanged.append(finding)
    return Changes(changes, unchanged)


def _seen(key: str, observation: Observation, known: Finding | None, at: datetime) -> Change:
    fresh = Finding(
        finding_id=key,
        control=observation.control.value,
        severity=observation.severity,
        subject=observation.subject,
        title=observation.title,
        diagnosis=observation.diagnosis,
        action=observation.action,
        opened_at=at,
        last_seen_at=at,
        data=observation.data,
    )
    if known is None or not known.open:
        return Change(ChangeKind.OPENED, fresh, known)
    seen_at = max(at, known.last_seen_at)
    announced_at = known.announced_at or known.opened_at
    worse = observation.severity.rank < known.severity.rank
    due = worse or seen_at - announced_at >= ANNOUNCED_EVERY
    again = replace(
        fresh,
        opened_at=known.opened_at,
        last_seen_at=seen_at,
        announced_at=seen_at if due else announced_at,
        count=known.count + 1,
        acknowledged_by=known.acknowledged_by,
        acknowledged_reason=known.acknowledged_reason,
        acknowledged_at=known.acknowledged_at,
    )
    return Change(ChangeKind.REPEATED, again, known)
