"""The values that rules and use cases speak of: slim, frozen, with aware UTC times.

Wire shapes (Pinecone's JSON, DynamoDB items, events) are turned into these at the edge and
nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def words(value: StrEnum) -> str:
    """An enumeration's value as people read it: ``under_way`` is "under way"."""
    return value.replace("_", " ")


def parse_time(value: object) -> datetime | None:
    """An RFC 3339 text as UTC; digits beyond microseconds are cut off.

    None for anything else: no text, no offset, no such date.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


class Status(StrEnum):
    """What a backup's status text means to us."""

    READY = "ready"
    UNDER_WAY = "under_way"
    """``Initializing``."""
    PLANNED = "planned"
    """A native schedule's run that has not started (rule G5)."""
    FAILED = "failed"
    """``Failed`` and ``InitializationFailed``."""
    UNKNOWN = "unknown"
    """Any other text: kept, counts for nothing, under way for C2 (rule G3)."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as Pinecone lists it.

    Attributes:
        index_id: The incarnation it was taken from (``source_index_id``).
        status_text: The status as Pinecone spelt it.
        created_at: UTC, microseconds; None when absent or unparsable (never deletable).
        record_count: None until Ready, or when Pinecone does not say.
        index_deleted_at: Set when the source index is deleted: the backup is an orphan.
        dimension: Of the dense vectors; None when Pinecone does not say, as is ``metric``.
    """

    backup_id: str
    index_name: str
    index_id: str
    status: Status
    status_text: str
    created_at: datetime | None
    name: str | None = None
    description: str | None = None
    record_count: int | None = None
    namespace_count: int | None = None
    size_bytes: int | None = None
    cloud: str = ""
    region: str = ""
    index_deleted_at: datetime | None = None
    tags: Mapping[str, str] | None = None
    dimension: int | None = None
    metric: str | None = None


class IndexKind(StrEnum):
    """Which kind of index it is, as far as backing it up goes."""

    SERVERLESS = "serverless"
    POD = "pod"
    BYOC = "byoc"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Index:
    """One active index as ``GET /indexes`` lists it; it carries no id (rule I1)."""

    name: str
    kind: IndexKind
    state: str
    ready: bool
    host: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    deletion_protection: bool = False
    source_backup_id: str | None = None
    encrypted_with_own_key: bool = False
    """With a key of the customer's (CMEK)."""
    dimension: int | None = None
    """Of the dense vectors; None when Pinecone does not say, as is ``metric``."""
    metric: str | None = None

    @property
    def unsupported(self) -> str:
        """Why Pinecone cannot back the index up, or empty."""
        if self.kind is IndexKind.POD:
            return "it is a pod index"
        if self.encrypted_with_own_key:
            return "it is encrypted with a key of yours (CMEK)"
        return ""


@dataclass(frozen=True, slots=True)
class NativeSchedule:
    """One of Pinecone's own backup schedules."""

    schedule_id: str
    name: str
    index_id: str
    frequency: str
    expire_after_days: int
    enabled: bool
    next_run_at: datetime | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class NativeRun:
    """One entry of a native schedule's history; ``scheduled_at`` is its age (rule G5)."""

    backup_id: str
    index_id: str
    name: str | None
    status: Status
    status_text: str
    created_at: datetime | None
    scheduled_at: datetime | None


@dataclass(frozen=True, slots=True)
class RestoreJob:
    """A restore job of Pinecone's. ``status``: Pending, Completed, Failed, Cancelled."""

    job_id: str
    backup_id: str
    target_index_name: str
    target_index_id: str
    status: str
    created_at: datetime | None
    completed_at: datetime | None = None
    percent_complete: int | None = None

    @property
    def unfinished(self) -> bool:
        """Whether the job may still read its backup; an unknown status counts as unfinished."""
        return self.status not in {"Completed", "Failed", "Cancelled"}


@dataclass(frozen=True, slots=True)
class Vector:
    """One record of an index, whole. It never leaves the memory of a run.

    Attributes:
        values: The dense ones; empty where there are none.
        sparse: Index and value of the sparse ones, by index.
    """

    record_id: str
    values: tuple[float, ...] = ()
    sparse: tuple[tuple[int, float], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an index says of its contents; counts lag behind by seconds to minutes.

    Attributes:
        namespaces: Records by namespace; the default one is ``__default__``.
    """

    records: int
    namespaces: Mapping[str, int]
    dimension: int | None = None
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records that were read by their ids.

    Attributes:
        vectors: Those that are there, in any order.
        sequence: Pinecone's number of the newest write to the namespace that the answer shows;
            None when it does not say. Equal numbers: nothing was written in between.
    """

    vectors: tuple[Vector, ...]
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What reading an index has cost so far."""

    calls: int = 0
    read_units: int = 0


class Depth(StrEnum):
    """How thoroughly a restored index is compared with its source; each includes those before."""

    COUNTS = "counts"
    """Schema, and the records of each namespace."""
    SAMPLE = "sample"
    """Sampled records, by hashes of their values and metadata."""
    QUERIES = "queries"
    """The nearest neighbours of sampled records."""

    def includes(self, other: Depth) -> bool:
        """Whether what is compared at the other depth is compared at this one."""
        return list(Depth).index(self) >= list(Depth).index(other)


class TriggerKind(StrEnum):
    """What set a run off."""

    SCHEDULE = "schedule"
    """EventBridge Scheduler, or a classic scheduled rule."""
    BUS = "bus"
    """A request event on our bus."""
    API = "api"
    DIRECT = "direct"
    """A plain JSON object, as from ``sam local invoke``."""


class RunKind(StrEnum):
    """Which use case a run executes."""

    CREATE = "create"
    PRUNE = "prune"
    AUDIT = "audit"
    DELETE = "delete"
    """A person's or a program's deletion of one backup."""
    RESTORE_TEST = "restore_test"
    """Also follows the restores that people asked for."""


TICKED = (RunKind.CREATE, RunKind.PRUNE, RunKind.AUDIT, RunKind.RESTORE_TEST)
"""The kinds of runs that schedules start and that can be asked for."""


class PruneMode(StrEnum):
    """What a deployment may delete through this product."""

    DRY_RUN = "dry_run"
    """Nothing, whoever asks: the kill switch."""
    APPROVE = "approve"
    """What a person approved, or asked for."""
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class RunTime:
    """The two times of a run (rules T1 and T2).

    Attributes:
        scheduled_at: Selects slots and retention buckets: the trigger's time, else the actual one.
        actual: The real time: expiry of holds, approvals, claims and leases goes by it.
    """

    scheduled_at: datetime
    actual: datetime


@dataclass(frozen=True, slots=True)
class RunContext:
    """Who runs what, when and why; given to every use case.

    Attributes:
        owner: The deployment id that our markers carry (rule I2).
        actor: The IAM principal of a person or program, or ``schedule``.
    """

    run_id: str
    kind: RunKind
    project: str
    owner: str
    time: RunTime
    trigger: TriggerKind
    actor: str


class Severity(StrEnum):
    """How bad a finding is; ordered by ``rank``."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """Something that happened, recorded first and announced after.

    Attributes:
        event_id: Stable across repeated announcements; consumers dedupe by it.
        type: Dot-separated, for example ``backup.created`` or ``finding.opened``.
        data: JSON-ready values only; never a secret.
    """

    event_id: str
    type: str
    project: str
    occurred_at: datetime
    data: Mapping[str, Any]

    @classmethod
    def of(cls, type_: str, key: str, *, project: str, at: datetime, **data: Any) -> DomainEvent:
        """An event whose id is stable for (type, project, key): recording it twice is one event."""
        event_id = sha256(f"{type_}|{project}|{key}".encode()).hexdigest()[:32]
        return cls(event_id, type_, project, at, data)
