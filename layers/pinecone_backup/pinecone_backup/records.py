"""What the ledger remembers: one frozen dataclass per kind of item.

All times are aware UTC. Every record belongs to one project; ``index_name`` is a name,
``index_id`` an incarnation (rule I1).
The ledger's codec reads these annotations at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pinecone_backup.differences import Difference
from pinecone_backup.model import Depth, RunKind, Severity, TriggerKind
from pinecone_backup.reasons import Reason


class Verdict(StrEnum):
    """What a Ready backup is worth; taken once, when first seen Ready (rule G1)."""

    GOOD = "good"
    UNVERIFIED = "unverified"
    """No record count to judge by: counts as good."""
    SUSPECT = "suspect"
    ACCEPTED = "accepted"
    """A suspect that a person accepted: good, and the new reference."""

    @property
    def counts(self) -> bool:
        """Whether a backup with this verdict counts as good."""
        return self is not Verdict.SUSPECT


class DeletionState(StrEnum):
    """How far the deletion of one backup has come (rules D6 and G4)."""

    ACCEPTED = "accepted"
    """Pinecone answered 202: it counts for nothing from then on."""
    DELETED = "deleted"
    """Confirmed: neither listed nor described any more."""
    SKIPPED = "skipped"
    """412: a restore is pending."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Written just before the call and after an ambiguous answer: it may have happened."""

    @property
    def accepted(self) -> bool:
        """Whether the backup counts for nothing from now on (rule G4)."""
        return self in (DeletionState.ACCEPTED, DeletionState.DELETED)


@dataclass(frozen=True, slots=True)
class DeletionMark:
    """How far the newest attempt to delete a backup has come, and when it began.

    The rest of it stands in the ``DeletionRecord`` of that time.
    """

    state: DeletionState
    at: datetime


@dataclass(frozen=True, slots=True)
class DeletionRecord:
    """One deletion: who, when, why, by what approval, and what was left.

    Written once, before Pinecone is asked; from then on only ``state``, ``error`` and
    ``confirmed_at`` change, and nothing once it is confirmed.

    Attributes:
        at: When it was decided, UTC.
        actor: Who caused it; empty for a backup that was deleted outside this deployment.
        reasons: What the rules found, or that somebody asked for it.
        comment: The reason that a person gave, in their words.
        override: The safeguards that were overruled.
        digest: The plan that it belongs to; empty for a person's deletion of one backup.
        approved_by: Who approved that plan, with ``approved_reason``; several are
            separated by commas.
        good_left: The newest good backup that was left in the index, and when it was taken;
            None when none was left.
    """

    backup_id: str
    index_name: str
    index_id: str
    state: DeletionState
    at: datetime
    run_id: str
    actor: str
    name: str | None = None
    created_at: datetime | None = None
    size_bytes: int | None = None
    record_count: int | None = None
    reasons: tuple[Reason, ...] = ()
    comment: str = ""
    override: tuple[str, ...] = ()
    by_person: bool = False
    digest: str = ""
    approved_by: str = ""
    approved_reason: str = ""
    good_left: str | None = None
    good_left_at: datetime | None = None
    error: str = ""
    confirmed_at: datetime | None = None

    @property
    def final(self) -> bool:
        """Whether the deletion happened, so that no other one of this backup can follow."""
        return self.state.accepted


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """What we know of a backup beyond what Pinecone lists.

    Attributes:
        verdict: None until the backup was first seen Ready.
        accepted_by: Who accepted a suspect, with ``accepted_reason`` and ``accepted_at``.
        restore_tested: True passed, False failed, None untested (rule G3).
        asked_by: Who asked for a backup on demand; empty for a policy's.
    """

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    first_seen_at: datetime
    verdict: Verdict | None = None
    verdict_reason: Reason | None = None
    verdict_at: datetime | None = None
    record_count: int | None = None
    size_bytes: int | None = None
    accepted_by: str = ""
    accepted_reason: str = ""
    accepted_at: datetime | None = None
    restore_tested: bool | None = None
    restore_tested_at: datetime | None = None
    deletion: DeletionMark | None = None
    asked_by: str = ""


class ClaimState(StrEnum):
    """The life of one claim on (project, index, slot) (rule C3)."""

    CLAIMED = "claimed"
    """Somebody is about to POST; the lease says until when."""
    AMBIGUOUS = "ambiguous"
    """The POST's outcome is unknown: the next tick searches by name first."""
    POSTED = "posted"
    """Pinecone answered with a backup id."""
    FAILED = "failed"
    """The attempt failed, or its backup did; ``next_attempt_at`` says when to try again."""
    REFUSED = "refused"
    """400, 402 or 403: no attempt; asked again hourly."""
    GIVEN_UP = "given_up"
    """Four attempts are used up."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A guard that lets one run create one backup for one slot."""

    index_name: str
    slot: datetime
    state: ClaimState
    attempt: int
    policy: str
    backup_name: str
    run_id: str
    claimed_at: datetime
    lease_until: datetime
    next_attempt_at: datetime | None = None
    backup_id: str | None = None
    error: str = ""
    actor: str = ""
    """Who asked for a backup on demand; empty for a policy's."""
    version: int = 0
    """Counts the writes of this item; a write with a stale version is refused."""


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """An index name as we have seen it; the incarnation is learnt, never guessed (rule I1)."""

    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    index_id: str | None = None
    previous_ids: tuple[str, ...] = ()
    record_count: int | None = None
    policy: str | None = None
    schedule: str = ""
    """The cron and the zone of its policy; empty where it has none."""
    schedule_since: datetime | None = None
    """When it was first seen with that schedule, after another one; None: as long as is known."""
    former_slot: datetime | None = None
    """The latest slot of the schedule before, when that ended (rule C2)."""
    unread_since: datetime | None = None
    """The first of the audits in a row that could not read it; None when the last one could."""
    unread_audits: int = 0
    missing_since: datetime | None = None
    """When a run first found that there is no such index any more; None while there is one."""


class HoldScope(StrEnum):
    """What a hold protects."""

    BACKUP = "backup"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody's word that a backup, or all of an index, must stay; kept as history.

    Attributes:
        target: A backup id, or an index name (all its incarnations).
        expires_at: By the real clock (rule T2); None holds until released.
    """

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    placed_by: str
    created_at: datetime
    expires_at: datetime | None = None
    released_at: datetime | None = None
    released_by: str = ""
    release_reason: str = ""

    def active(self, now: datetime) -> bool:
        """Whether the hold protects at ``now``."""
        return self.released_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, as the ledger keeps it: it opens, repeats and resolves.

    Attributes:
        finding_id: Stable for (control, project, subject): the same problem is one finding.
        subject: What it is about: an index name, a backup id, a schedule id or the project.
        diagnosis: What was seen, with figures.
        action: What a person can do.
        count: How many times it was seen since it opened.
        announced_at: When an event last said that it is open; None means when it opened.
    """

    finding_id: str
    control: str
    severity: Severity
    subject: str
    title: str
    diagnosis: str
    action: str
    opened_at: datetime
    last_seen_at: datetime
    count: int = 1
    resolved_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_reason: str = ""
    acknowledged_at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    announced_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it has not resolved."""
        return self.resolved_at is None


class RunState(StrEnum):
    """How a run stands or ended."""

    REQUESTED = "requested"
    """Asked for through the API; not started yet."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    """Finished, and some indexes or backups failed or were skipped."""
    STOPPED = "stopped"
    """A safeguard stopped it before its first deletion, or time ran out; nothing was harmed."""
    REFUSED = "refused"
    """Superseded (rule T1), or another run holds the lease."""
    FAILED = "failed"
    LOST = "lost"
    """It never started, or its function ended before it could record how the run ended."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of create, prune or audit for one project.

    Attributes:
        time: The run's ``RunTime.scheduled_at``; the order of runs goes by it (rule T1).
        started_at: None while it is only asked for, and when it never started.
        summary: JSON-ready figures and lists, small enough for DynamoDB; of a run that is only
            asked for, the request.
        asked_again_at: When a run that never started was asked for a second time.
    """

    run_id: str
    kind: RunKind
    trigger: TriggerKind
    actor: str
    state: RunState
    time: datetime
    started_at: datetime | None
    finished_at: datetime | None = None
    policy_version: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    asked_again_at: datetime | None = None

    @property
    def idle(self) -> bool:
        """Whether it is a create that had nothing to do and met no trouble, as most have."""
        figures = ("created", "problems", "native_schedules", "native_problems", "late")
        return (
            self.kind is RunKind.CREATE
            and self.state is RunState.SUCCEEDED
            and not any(self.summary.get(name) for name in figures)
        )


class PlanState(StrEnum):
    """How a prune plan stands."""

    PLANNED = "planned"
    """A dry run: nothing waits for it."""
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    EXECUTED = "executed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class PlanApproval:
    """One person's approval of a plan.

    Attributes:
        approved_by: Who, as the caller's ARN.
        expires_at: Its end, by the real clock (rule T2).
    """

    approved_by: str
    reason: str
    approved_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan, small: the whole of it lies in S3 under ``key`` (rule D4).

    Attributes:
        approvals: One for each principal that approved it, the oldest first.
    """

    digest: str
    state: PlanState
    policy_version: str
    created_at: datetime
    run_id: str
    key: str
    delete_count: int
    keep_count: int
    bytes_freed: int
    waits_because: tuple[Reason, ...] = ()
    approvals: tuple[PlanApproval, ...] = ()

    @property
    def approved_by(self) -> str:
        """Who approved it, separated by commas; empty: nobody."""
        return ", ".join(each.approved_by for each in self.approvals)

    @property
    def approved_reason(self) -> str:
        """Why, in the order of those who approved it."""
        return "; ".join(each.reason for each in self.approvals)

    @property
    def approved_at(self) -> datetime | None:
        """When the last one approved it."""
        return max((each.approved_at for each in self.approvals), default=None)

    @property
    def approval_expires_at(self) -> datetime | None:
        """When the first approval ends."""
        return min((each.expires_at for each in self.approvals), default=None)


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One change of the policy document.

    Attributes:
        at: When it was asked for, or stored in the bucket, UTC.
        policy_version: Empty while it is not known to be stored.
        former_version: The version before; empty where there was none, or none is known.
        actor: Who made it; empty where it was made in the bucket directly.
    """

    change_id: str
    at: datetime
    policy_version: str
    former_version: str
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BaselineRecord:
    """What later prunes are measured by (rules D2 and D3).

    Attributes:
        policy_version: The version that the last accepted prune went by.
        assignments: Policy name by index name; None where an index had none.
        carried_out_at: When the last prune that was carried out in full began, UTC.
    """

    policy_version: str
    assignments: Mapping[str, str | None]
    carried_out_at: datetime | None = None


class RestoreKind(StrEnum):
    """What a restore is for."""

    TEST = "test"
    """Proof that a backup comes back; its index is deleted afterwards."""
    REQUEST = "request"
    """Somebody asked for it; its index stays."""


class RestoreStep(StrEnum):
    """Where a restore stands (rule R1)."""

    SELECTED = "selected"
    """Written down; Pinecone may or may not have been asked yet."""
    RESTORING = "restoring"
    VALIDATING = "validating"
    CLEANING = "cleaning"
    """A test's verdict is there, and its index not yet deleted."""
    DONE = "done"


class RestoreResult(StrEnum):
    """How a restore ended (rule R3)."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Pinecone says so, or what came back differs."""
    TIMED_OUT = "timed_out"
    """It took longer than a test may: nothing is known of the backup."""
    ABANDONED = "abandoned"
    """It could not be carried out: nothing is known of the backup."""


class CleanUp(StrEnum):
    """What became of the index of a test."""

    NONE = "none"
    """There is nothing to delete, or not yet."""
    DELETING = "deleting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Its deletion is refused; each tick asks again."""
    LEFT = "left"
    """Somebody made it theirs: it is not ours to delete."""


@dataclass(frozen=True, slots=True)
class RestoreRecord:
    """One restore, by a test or on request; it is written before Pinecone is asked (rule R1).

    Attributes:
        index_name: The index that the backup was taken of; ``index_id`` its incarnation.
        size_bytes: Of the backup, with ``record_count``; None where Pinecone does not say.
        due_at: When the test was due; None for a request.
        give_up_at: When a test has timed out; None for a request.
        keep_seconds: How long a test's index stays after its verdict.
        depth: How thoroughly it is to be compared; ``depth_reached`` how it was, None: the schema
            alone.
        compared: How many sampled records were compared.
        calls: To the data plane, for all looks; ``read_units`` what they cost there.
        tags: What the new index is tagged with.
        read_capacity: As Pinecone's API takes it; None for on demand.
        expected_seconds: How long it should take, by what was measured before; None: unknown.
        job_id: Pinecone's restore job; empty until it is known.
        status: Pinecone's word for the job, or for the index where the job is not known.
        accepted_at: When Pinecone was first known to have begun it.
        took_seconds: Measured between the job's own two times; None where they are not known.
        missing_since: Since when the new index is not listed, though it should be.
        differs_since: The first look that found differences; one look alone is no verdict.
        stalled_at: When it was said that it takes far too long.
        cleaned_at: When its index was first seen to be deleted.
        finished_at: When nothing was left to do.
        version: Counts the writes of this item; a write with a stale version is refused.
    """

    restore_id: str
    kind: RestoreKind
    step: RestoreStep
    backup_id: str
    index_name: str
    index_id: str
    target_index_name: str
    started_by: str
    started_at: datetime
    policy: str = ""
    size_bytes: int | None = None
    record_count: int | None = None
    due_at: datetime | None = None
    give_up_at: datetime | None = None
    keep_seconds: int = 0
    depth: Depth = Depth.COUNTS
    tags: Mapping[str, str] = field(default_factory=dict)
    deletion_protection: bool = False
    read_capacity: Mapping[str, Any] = field(default_factory=dict)
    expected_seconds: int | None = None
    job_id: str = ""
    target_index_id: str = ""
    status: str = ""
    percent_complete: int | None = None
    accepted_at: datetime | None = None
    restored_at: datetime | None = None
    took_seconds: int | None = None
    missing_since: datetime | None = None
    differs_since: datetime | None = None
    stalled_at: datetime | None = None
    result: RestoreResult | None = None
    result_at: datetime | None = None
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    depth_reached: Depth | None = None
    compared: int = 0
    calls: int = 0
    read_units: int = 0
    clean_up: CleanUp = CleanUp.NONE
    clean_up_error: str = ""
    cleaned_at: datetime | None = None
    adopted_policy: str = ""
    adopted_by: str = ""
    adopted_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 0

    @property
    def reads_backup(self) -> bool:
        """Whether Pinecone may still read the backup for it (rule D1)."""
        return self.step in (RestoreStep.SELECTED, RestoreStep.RESTORING)

    @property
    def test(self) -> bool:
        """Whether it is a test."""
        return self.kind is RestoreKind.TEST


@dataclass(frozen=True, slots=True)
class SampledRecord:
    """A record of an index as keyed hashes, none of which can be turned back into it.

    Attributes:
        values: Of its dense values, as 32-bit numbers; empty without any, as are the next two.
        length: How many dense values there are up to the last that is not zero.
    """

    record_id: str
    values: str
    length: int
    sparse: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The ids that a query for a record finds, as keyed hashes, the most alike first."""

    record_id: str
    nearest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamespaceLook:
    """What was seen of one namespace.

    Attributes:
        count: Its records; None in evidence that says nothing of them.
        sequence: Pinecone's number of the newest write that the reads show, where it gives one.
        records: The sampled ones that are there.
        probes: What queries find; empty where nobody asked.
    """

    namespace: str
    count: int | None
    sequence: int | None
    records: tuple[SampledRecord, ...]
    probes: tuple[Neighbours, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of an index within a few seconds or, as evidence, what is sure of a backup.

    Attributes:
        secret: The key of its hashes, hexadecimal; two looks can be compared that share it.
        began_at: UTC, as is ``ended_at``; the evidence of two looks lasts from the one to the
            other.
        total: Records in all namespaces; None in evidence.
        depth: How thoroughly they were looked at.
        namespaces: Those that were looked at.
        complete: Whether no namespace with records was left out.
    """

    secret: str
    depth: Depth
    began_at: datetime
    ended_at: datetime
    dimension: int | None
    metric: str | None
    total: int | None
    namespaces: tuple[NamespaceLook, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class LookRecord:
    """The first look at an index, which waits for a backup and for the second one.

    Attributes:
        index_id: The incarnation, where it was known.
        at: When it was taken, UTC.
        problem: Why there is none, where the index cannot be looked at.
    """

    index_name: str
    index_id: str | None
    at: datetime
    look: Look | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FingerprintRecord:
    """What is sure of the contents of one backup.

    Attributes:
        taken_at: When the second look ended, UTC.
        evidence: None where there is none, for the reason in ``problem``.
    """

    backup_id: str
    index_name: str
    index_id: str
    taken_at: datetime
    evidence: Look | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A native schedule that we have seen: after the schedule is deleted, its runs stay native."""

    schedule_id: str
    name: str
    index_name: str
    index_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    managed_by_policy: str = ""
    backup_ids: tuple[str, ...] = ()
    deletion_asked_by: str = ""
    """Who asked us to delete it; written before Pinecone is asked."""
    change_asked: str = ""
    """The last change that we were asked for, as JSON; written before Pinecone is asked."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """Who works on the project, and until when it keeps others away."""

    holder: str
    until: datetime


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """An event that is recorded and not announced yet."""

    event_id: str
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvidenceRecord(OutboxRecord):
    """An event that is not in the evidence yet."""


@dataclass(frozen=True, slots=True)
class EvidenceHead:
    """Where the chain of evidence ends.

    Attributes:
        sequence: The number of its last record, from 1.
        hash: That record's hash.
        key: Where the last segment lies.
        version: Counts the writes of this item; a write with a stale version is refused.
    """

    sequence: int
    hash: str
    key: str
    at: datetime
    version: int = 0


class ItemKind(StrEnum):
    """The kinds of items in a project's ledger; the value begins their sort keys."""

    LEASE = "LEASE"
    RUN = "RUN"
    LAST_RUN = "LAST"
    CLAIM = "CLAIM"
    BACKUP = "BACKUP"
    DELETED = "DELETED"
    DELETION = "DELETION"
    BASELINE = "BASELINE"
    INDEX = "INDEX"
    HOLD = "HOLD"
    FINDING = "FINDING"
    PLAN = "PLAN"
    POLICY = "POLICY"
    RESTORE = "RESTORE"
    SCHEDULE = "SCHEDULE"
    OUTBOX = "OUTBOX"
    EVIDENCE = "EVIDENCE"
    EVIDENCE_HEAD = "HEAD"
    LOOK = "LOOK"
    FINGERPRINT = "FINGERPRINT"


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item of the ledger that cannot be read, and what it is about (rule U2).

    Attributes:
        key: Its sort key.
        reason: What is wrong with it; no values.
        backup_id: The backup that it is about, as far as its key or its fields say so.
        index_name: The index that it is about, likewise. Where neither is known, the item is
            about the whole project.
    """

    key: str
    kind: ItemKind
    reason: str
    backup_id: str = ""
    index_name: str = ""
