"""What the use cases need from the outside, as protocols; ``adapters`` implements them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from pinecone_backup.model import (
        Backup,
        DomainEvent,
        Fetched,
        Index,
        NativeRun,
        NativeSchedule,
        RestoreJob,
        RunKind,
        Statistics,
        Usage,
    )
    from pinecone_backup.records import (
        BackupRecord,
        BaselineRecord,
        Claim,
        DeletionRecord,
        EvidenceHead,
        Finding,
        FingerprintRecord,
        Hold,
        IndexRecord,
        ItemKind,
        LookRecord,
        PlanRecord,
        PolicyChange,
        RestoreRecord,
        Run,
        ScheduleRecord,
        UnreadableItem,
    )
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.triggers import RunRequest
    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import Target


@dataclass(frozen=True, slots=True)
class Page[T]:
    """One page of an upstream listing; ``next_token`` is None on the last one."""

    items: Sequence[T]
    next_token: str | None


class DataPlane(Protocol):
    """The contents of one index, for reading only.

    Every method raises errors of the ``PineconeError`` branch only; ``Forbidden`` or
    ``KeyRejected`` when the API key's role has no access to records.
    """

    def statistics(self) -> Statistics: ...

    def ids(self, namespace: str, *, token: str | None) -> Page[str]:
        """A page of 100 ids, in their order."""
        ...

    def fetch(self, namespace: str, record_ids: Sequence[str]) -> Fetched:
        """The records with these ids, in as few calls as they take."""
        ...

    def nearest(self, namespace: str, probe: str | Sequence[float], *, limit: int) -> Sequence[str]:
        """The ids of the records most like a record of that id, or like dense values."""
        ...

    @property
    def usage(self) -> Usage:
        """What was asked through this object."""
        ...


class ControlPlane(Protocol):
    """Pinecone's control plane for one project, with one API key.

    Every method raises errors of the ``PineconeError`` branch only. Iterators yield rows as
    pages arrive and raise ``ListingIncomplete`` when the walk cannot be trusted: a page failed,
    a token repeated, or a page was not understood. Rows may repeat (rule N2).

    Attributes:
        concurrency: The most calls at a time, whoever asks; one more waits for a place. It is
            safe to share between threads.
    """

    concurrency: int

    def list_indexes(self) -> Sequence[Index]: ...

    def describe_index(self, name: str) -> Index: ...

    def delete_index(self, name: str) -> None:
        """Ask for deletion; raises ``NotFound``, ``DeletionProtected``, ``OutcomeUnknown`` ..."""
        ...

    def tag_index(self, name: str, tags: Mapping[str, str]) -> Index:
        """Merge tags into those of an index; an empty value takes a tag away."""
        ...

    def project_backups(self) -> Iterator[Backup]: ...

    def index_backups(self, name: str, *, include_deleted: bool = False) -> Iterator[Backup]: ...

    def project_backups_page(self, *, limit: int, token: str | None) -> Page[Backup]: ...

    def index_backups_page(
        self, name: str, *, limit: int, token: str | None, include_deleted: bool = False
    ) -> Page[Backup]: ...

    def describe_backup(self, backup_id: str) -> Backup: ...

    def create_backup(self, index_name: str, *, name: str, description: str) -> Backup:
        """POST once, never blindly again; raises ``OutcomeUnknown`` when it may have happened."""
        ...

    def delete_backup(self, backup_id: str) -> None:
        """Ask for deletion; raises ``NotFound``, ``PreconditionFailed``, ``OutcomeUnknown`` ..."""
        ...

    def restore(
        self,
        backup_id: str,
        *,
        name: str,
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool = False,
        read_capacity: Mapping[str, Any] | None = None,
    ) -> RestoreJob:
        """Create an index from a backup; the answer's status is ``Pending``."""
        ...

    def restore_jobs(self) -> Iterator[RestoreJob]: ...

    def restore_jobs_page(self, *, limit: int, token: str | None) -> Page[RestoreJob]: ...

    def describe_restore_job(self, job_id: str) -> RestoreJob: ...

    def native_schedules(self, index_name: str) -> Iterator[NativeSchedule]: ...

    def native_schedules_page(
        self, index_name: str, *, limit: int, token: str | None
    ) -> Page[NativeSchedule]: ...

    def create_native_schedule(
        self, index_name: str, *, name: str, frequency: str, expire_after_days: int
    ) -> NativeSchedule: ...

    def describe_native_schedule(self, schedule_id: str) -> NativeSchedule: ...

    def update_native_schedule(
        self,
        schedule_id: str,
        *,
        frequency: str | None = None,
        expire_after_days: int | None = None,
        enabled: bool | None = None,
    ) -> NativeSchedule: ...

    def delete_native_schedule(self, schedule_id: str) -> None: ...

    def native_history(self, schedule_id: str) -> Iterator[NativeRun]: ...

    def native_history_page(
        self, schedule_id: str, *, limit: int, token: str | None
    ) -> Page[NativeRun]: ...

    def data_plane(self, index: Index) -> DataPlane:
        """The contents of an index; raises ``AnswerMalformed`` when its host is not Pinecone's."""
        ...

    def index_record_count(self, index: Index) -> int | None:
        """The index's own record count from its data plane; None when it cannot be had."""
        ...


class Ledger(Protocol):
    """Our memory of one project. Raises errors of the ``LedgerError`` branch only.

    What one function writes, ``put_*`` replaces. Where it takes ``over``, that is the record as it
    was read, None when there was none: if another function has written it since, the stored one
    stays and gains what was changed here (``rules.merging``), and the answer is what is stored
    now. An ``event`` is recorded with the record or not at all. Listings are complete or raise, but
    for items that cannot be read (rule U2): those are passed over and remembered, asking for one
    alone raises ``ItemUnreadable``, and a write over a remembered one is left out.

    Attributes:
        concurrency: How many writes a run makes at a time where their order means nothing.
    """

    project: str
    concurrency: int

    # Leases: one run of a kind of work at a time.
    def acquire_lease(self, name: str, *, holder: str, now: datetime, ttl: timedelta) -> None:
        """Take or renew the lease ``name``; raises ``LeaseHeld`` while another holder has it."""
        ...

    def release_lease(self, name: str, *, holder: str) -> None:
        """Give the lease back; releasing somebody else's lease does nothing."""
        ...

    # Runs.
    def put_run(self, run: Run) -> None: ...

    def run(self, run_id: str) -> Run | None: ...

    def runs(self, *, kind: RunKind | None = None, limit: int = 50) -> Sequence[Run]:
        """The newest runs first, by start."""
        ...

    def runs_before(self, bound: str, *, down_to: str = "") -> Iterator[Run]:
        """Runs by falling id: those below ``bound`` and not below ``down_to``.

        Ids begin with the time of their start, so that either may
        be an id or such a time. They are read as they are taken.
        """
        ...

    def last_completed(self, kind: RunKind) -> Run | None:
        """The completed (succeeded or partial) run of this kind with the latest ``time``."""
        ...

    # Claims.
    def claim(self, index_name: str, slot: datetime) -> Claim | None: ...

    def claims(
        self, wanted: Collection[tuple[str, datetime]]
    ) -> Mapping[tuple[str, datetime], Claim | None]:
        """The claims on slots of indexes, by index and slot; left out is what cannot be read."""
        ...

    def save_claim(self, claim: Claim) -> Claim:
        """Write iff the stored version equals ``claim.version`` (0: none stored yet).

        Returns the claim with its new version; raises ``LedgerConflict`` when it lost.
        """
        ...

    # Backups and indexes.
    def backups(self) -> Mapping[str, BackupRecord]: ...

    def backup(self, backup_id: str) -> BackupRecord | None:
        """What we know of one backup, confirmed deleted or not."""
        ...

    def put_backup(
        self,
        record: BackupRecord,
        *,
        over: BackupRecord | None = None,
        event: DomainEvent | None = None,
    ) -> BackupRecord: ...

    # Deletions.
    def deletion(self, backup_id: str) -> DeletionRecord | None:
        """The newest deletion of a backup, confirmed or not."""
        ...

    def deletion_of(self, record: BackupRecord) -> DeletionRecord | None:
        """The deletion that a backup's record marks."""
        ...

    def deletions(
        self, *, since: datetime, until: datetime | None = None
    ) -> Sequence[DeletionRecord]:
        """The deletions decided from ``since`` up to before ``until``, the newest first."""
        ...

    def put_deletion(
        self,
        backup: BackupRecord,
        deletion: DeletionRecord,
        *,
        over: BackupRecord | None = None,
        event: DomainEvent | None = None,
    ) -> BackupRecord:
        """Write a deletion, its mark in the backup's record and its event, at once.

        A confirmed one moves the backup's record to the archive, and removes its fingerprint.
        Returns the record with its mark. Raises ``LedgerConflict`` when that is not stored as
        ``over``, or when another run's deletion of that backup and moment stands there.
        """
        ...

    # What the last accepted prune went by (rule D3).
    def baseline(self) -> BaselineRecord | None: ...

    def put_baseline(self, record: BaselineRecord) -> None: ...

    def indexes(self) -> Mapping[str, IndexRecord]: ...

    def put_index(self, record: IndexRecord, *, over: IndexRecord | None = None) -> IndexRecord: ...

    # Holds.
    def holds(self) -> Sequence[Hold]:
        """All holds, the released ones included."""
        ...

    def put_hold(
        self, hold: Hold, *, over: Hold | None = None, event: DomainEvent | None = None
    ) -> Hold: ...

    # Findings.
    def findings(self) -> Sequence[Finding]:
        """All findings, the resolved ones of the last 90 days included."""
        ...

    def put_finding(
        self, finding: Finding, *, over: Finding | None = None, event: DomainEvent | None = None
    ) -> Finding: ...

    # Plans.
    def put_plan(
        self, plan: PlanRecord, *, over: PlanRecord | None = None, event: DomainEvent | None = None
    ) -> PlanRecord: ...

    def plan(self, digest: str) -> PlanRecord | None: ...

    def plans(self, *, limit: int = 50) -> Sequence[PlanRecord]:
        """The newest first."""
        ...

    # Changes of the policy, in the deployment's own ledger.
    def put_policy_change(self, change: PolicyChange) -> None: ...

    def drop_policy_change(self, change: PolicyChange) -> None:
        """Forget a change that was not made."""
        ...

    def policy_changes(self, *, limit: int = 50) -> Sequence[PolicyChange]:
        """The newest first."""
        ...

    # Restores and native schedules.
    def save_restore(self, record: RestoreRecord) -> RestoreRecord:
        """Write iff the stored version equals ``record.version`` (0: none stored yet).

        Returns the record with its new version; raises ``LedgerConflict`` when it lost.
        """
        ...

    def restore(self, restore_id: str) -> RestoreRecord | None: ...

    def restores(self) -> Sequence[RestoreRecord]:
        """Tests and requests, the oldest first."""
        ...

    def put_schedule(
        self, record: ScheduleRecord, *, over: ScheduleRecord | None = None
    ) -> ScheduleRecord: ...

    def schedules(self) -> Sequence[ScheduleRecord]: ...

    # Looks at indexes (rules F1 to F3).
    def looks(self) -> Mapping[str, LookRecord]:
        """The first looks that wait for a second one, by index name."""
        ...

    def put_look(self, record: LookRecord) -> None:
        """Write a first look, in place of an earlier one; it is forgotten after a day."""
        ...

    def put_fingerprints(self, index_name: str, records: Iterable[FingerprintRecord]) -> None:
        """Write what an index's first look came to, and remove the look."""
        ...

    def fingerprint(self, backup_id: str) -> FingerprintRecord | None:
        """What is sure of a backup's contents; None where nobody looked, or it is unreadable."""
        ...

    # The outbox: recorded first, announced after.
    def record_event(self, event: DomainEvent) -> None:
        """Remember an event to announce; recording one id twice is one event."""
        ...

    def unannounced(self) -> Sequence[DomainEvent]:
        """Events not announced yet, oldest first."""
        ...

    def mark_announced(self, event_ids: Iterable[str]) -> None: ...

    # Evidence: every recorded event waits until it is in the chain.
    def record_evidence(self, event: DomainEvent) -> None:
        """Let something wait that is not announced."""
        ...

    def waiting_evidence(self, *, limit: int) -> Sequence[DomainEvent]:
        """What is not in the chain yet, oldest first."""
        ...

    def drop_evidence(self, events: Iterable[DomainEvent]) -> None:
        """Let events wait no more."""
        ...

    def evidence_head(self) -> EvidenceHead | None:
        """Where the chain ends, in the deployment's own ledger; raises ``ItemUnreadable``."""
        ...

    def save_evidence_head(self, head: EvidenceHead) -> EvidenceHead:
        """Write iff the stored version equals ``head.version``; ``LedgerConflict`` when it lost."""
        ...

    # What cannot be read (rule U2).
    def unreadable(self) -> Sequence[UnreadableItem]:
        """What this object has found unreadable so far, by key."""
        ...

    def inspect(
        self, kinds: Iterable[ItemKind], *, keys: Iterable[str] = ()
    ) -> Sequence[UnreadableItem]:
        """Read through some kinds of items, and those of some keys; what cannot be read, by key.

        Of runs and deletions only the newest 200 are read through.
        """
        ...


class Projects(Protocol):
    """Which projects the ledger knows, whether or not the policy still names them (rule U1)."""

    def known(self) -> Sequence[str]: ...

    def remember(self, names: Iterable[str]) -> None: ...


class EventBus(Protocol):
    """Our EventBridge bus."""

    def publish(self, events: Sequence[DomainEvent]) -> Sequence[str]:
        """Put events on the bus; returns the ids that the bus accepted (a 200 may refuse some)."""
        ...

    def request_run(self, kind: RunKind, detail: Mapping[str, Any]) -> None:
        """Ask for a run, as the API does; raises ``StoreUnavailable``."""
        ...


class RunQueue(Protocol):
    """The queue from which a kind's function works off one project after the other."""

    def send(self, request: RunRequest) -> None:
        """Queue the run of one project; raises ``StoreUnavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A stored version of the policy document.

    Attributes:
        stored_at: By the store's clock, UTC.
        current: Whether it is the one in force.
    """

    policy_version: str
    stored_at: datetime
    current: bool


class PolicyStore(Protocol):
    """The versioned policy document."""

    def load(self) -> tuple[PolicyDocument, str]:
        """The current document and its version; raises ``PolicyMissing`` or ``PolicyInvalid``."""
        ...

    def load_version(self, policy_version: str) -> PolicyDocument:
        """An earlier version; raises ``SubjectUnknown`` or ``PolicyInvalid``."""
        ...

    def versions(self) -> Sequence[PolicyVersion]:
        """Every stored version, the newest first, valid or not."""
        ...

    def change_id(self, policy_version: str) -> str:
        """By which change of ours a version was stored; empty where none of ours says so."""
        ...

    def save(self, body: bytes, *, former: str | None, change_id: str) -> str:
        """Store a document where ``former`` is in force (None: nothing is); its version.

        Raises ``PolicyConflict`` where another version is; of two at once one is refused.
        """
        ...


class ObjectStore(Protocol):
    """Our S3 bucket for plans and reports."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises ``SubjectUnknown`` when there is no such object."""
        ...

    def link(self, key: str, *, expires_in: timedelta) -> str:
        """A presigned GET link."""
        ...


class EvidenceStore(Protocol):
    """Where evidence lies, apart from everything else."""

    def create(self, key: str, body: bytes) -> bool:
        """Write an object where none stands; False where one does."""
        ...

    def get(self, key: str) -> bytes:
        """Raises ``SubjectUnknown`` when there is no such object."""
        ...

    def sign(self, text: bytes) -> str:
        """A signature in base64; empty where the deployment has no key. Raises none of its own."""
        ...


class Metrics(Protocol):
    """Numbers for CloudWatch (EMF)."""

    def gauge(self, name: str, value: float, *, unit: str = "Count", **dimensions: str) -> None: ...


# Notifications: what notify needs beside metrics.


class DeliveryStatus(StrEnum):
    """How one event stands with one target, when somebody is about to deliver it."""

    RESERVED = "reserved"
    """For whoever has just asked: nobody has delivered it, and for a while nobody else will try."""
    IN_FLIGHT = "in flight"
    """Somebody else is delivering it right now, or died while doing so."""
    DELIVERED = "delivered"


class DeliveryLog(Protocol):
    """What was delivered to whom. Raises errors of the ``LedgerError`` branch only."""

    def begin(self, event_id: str, target: str, *, now: datetime) -> DeliveryStatus:
        """Reserve the delivery of an event to a target for a short while, if it is free."""
        ...

    def release(self, event_id: str, target: str) -> None:
        """Give a reservation back after a failure."""
        ...

    def mark_delivered(self, event_id: str, target: str, *, now: datetime) -> None: ...

    def mark_disabled(self, target: str, fingerprint: str, *, now: datetime) -> None:
        """Remember that a target, as it is defined now, wants no messages any more."""
        ...

    def is_disabled(self, target: str, fingerprint: str) -> bool: ...

    def mark_resolved(self, topic: str, target: str, *, at: datetime, now: datetime) -> None:
        """Remember that the finding behind a topic ended at ``at``."""
        ...

    def resolved_at(self, topic: str, target: str) -> datetime | None: ...


class DeliveryQueue(Protocol):
    """The queue with one message per event and target. Raises ``StoreUnavailable`` only."""

    def send(self, body: str) -> None: ...

    def postpone(self, receipt: str, *, seconds: int) -> None:
        """Hide a received message for so long, at most 12 hours."""
        ...

    def dead_letter(self, body: str, *, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason."""
        ...


class Courier(Protocol):
    """Takes a message to a target. Raises errors of the ``DeliveryError`` branch only."""

    def deliver(self, target: Target, message: Message) -> None: ...


class TargetsSecret(Protocol):
    """Reads secrets that are JSON objects; ``adapters.secrets.SecretReader`` is one."""

    def read_json(self, secret_name: str, *, fresh: bool = False) -> Mapping[str, Any]:
        """The secret, a few minutes old at most, or as it stands now when ``fresh``.

        Raises ``SecretNotSet``, ``SecretMalformed`` or ``StoreUnavailable``.
        """
        ...
