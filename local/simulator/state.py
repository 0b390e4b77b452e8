"""What a simulated project holds. Statuses are not stored: they follow from the time.

All times are aware and in UTC; every method that depends on the time takes it as ``now``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from local.simulator.contents import Contents, counts
from local.simulator.records import Seed
from local.simulator.schema import Fields, has_document_schema, stored_dimension, takes_sparse
from local.simulator.settings import ON_DEMAND, ReadCapacity

if TYPE_CHECKING:
    from datetime import datetime

    from local.simulator.contents import Snapshot
    from local.simulator.damages import Harm


class Kind(StrEnum):
    """Where an index runs."""

    SERVERLESS = "serverless"
    POD = "pod"
    BYOC = "byoc"


class Result(StrEnum):
    """How a backup or a restore turns out."""

    READY = "ready"
    FAIL = "fail"
    STICK = "stick"
    """It never ends."""
    EMPTY = "empty"
    """It ends well, without a single record."""
    SHRINK = "shrink"
    """It ends well, with a part of the records."""


@dataclass(slots=True)
class Outcome:
    """What shall come of the next backups of an index, or of the next restores of a project.

    Attributes:
        seconds: How long it takes; None for the simulator's usual duration.
        times: How often; None for ever.
        share: Which part of the records survives a ``shrink``.
        damages: What else goes wrong, in this order (restores only).
    """

    result: Result = Result.READY
    seconds: float | None = None
    times: int | None = 1
    share: float = 0.5
    damages: tuple[Harm, ...] = ()


def take_outcome(queue: list[Outcome]) -> Outcome:
    """The outcome that is due, counted down; an empty queue means all goes well."""
    if not queue:
        return Outcome()
    due = queue[0]
    if due.times is not None:
        due.times -= 1
        if due.times <= 0:
            queue.pop(0)
    return due


@dataclass(slots=True)
class Behaviour:
    """How the simulated service behaves where its documentation leaves it open.

    Attributes:
        backup_seconds: How long a backup takes.
        restore_seconds: How long a restore of nothing takes: see ``restores.duration``.
        restore_bytes_per_second: How fast a restore goes on from there.
        conversion_seconds: How long the conversion of an index takes.
        deletion_seconds: How long a deleted backup is still listed and described.
        index_creation_seconds: How long a created index is ``Initializing``.
        index_deletion_seconds: How long a deleted index is ``Terminating``.
        freshness_seconds: Vectors younger than this are left out of a backup.
        read_lag_seconds: How old the records are that list, fetch and query show.
        stats_lag_seconds: How old the counts of statistics and namespaces are.
        query_scan: How many records of a namespace a query scans, from the first id on: in a
            larger namespace its result is an approximation.
        bare_empty_listings: Whether a list of indexes or backups without rows is ``{}``.
        legacy_shape: Whether 2026-07 sends backups in the old shape (``dimension`` and the
            metadata schema), as the live service has been seen to do.
        divergent_created_at: Whether a create answers with a ``created_at`` of nine digits, a
            few microseconds before the one that describe and list answer.
        full_text_backups: Whether indexes with a document schema can be backed up.
        planned_status: What the history of a schedule calls a run that has not started.
        planned_runs_listed: Whether backup listings show planned runs (as ``Initializing``).
        restore_listing_exhaustive: Whether the listing of restore jobs is complete; otherwise
            pages overlap by a row and the last job is missing.
        restores_keep_read_capacity: Whether a restore honours ``read_capacity``.
        schedules_since: The first API version that has backup schedules.
        plan_gates_all_schedule_operations: Whether a plan without backups refuses every schedule
            operation, or creating one only.
        max_retention_days: The longest retention of a schedule.
        quota_code: The error code of a reached quota.
    """

    backup_seconds: float = 600
    restore_seconds: float = 300
    restore_bytes_per_second: float = 20e6
    conversion_seconds: float = 300
    deletion_seconds: float = 30
    index_creation_seconds: float = 0
    index_deletion_seconds: float = 0
    freshness_seconds: float = 900
    read_lag_seconds: float = 0
    stats_lag_seconds: float = 0
    query_scan: int = 10_000
    bare_empty_listings: bool = False
    legacy_shape: bool = False
    divergent_created_at: bool = False
    full_text_backups: bool = True
    planned_status: Literal["Initializing", "Scheduled"] = "Initializing"
    planned_runs_listed: bool = True
    restore_listing_exhaustive: bool = True
    restores_keep_read_capacity: bool = True
    schedules_since: str = "2026-04"
    plan_gates_all_schedule_operations: bool = False
    max_retention_days: int = 365
    quota_code: Literal["FORBIDDEN", "QUOTA_EXCEEDED"] = "FORBIDDEN"


@dataclass(slots=True)
class Index:
    """One incarnation of an index: a name may have had several.

    Attributes:
        seed: What its seeded records are made from; its id unless it is given.
        reported: What its statistics say instead of counting; None: they count.
        contents: What it holds, over time.
    """

    index_id: str
    name: str
    created_at: datetime
    fields: Fields
    kind: Kind = Kind.SERVERLESS
    cloud: str = "aws"
    region: str = "us-east-1"
    metadata_fields: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    deletion_protection: bool = False
    read_capacity: ReadCapacity = field(default_factory=lambda: dict(ON_DEMAND))
    cmek_id: str | None = None
    source_backup_id: str | None = None
    ready_at: datetime | None = None
    """None: it never becomes ready."""
    failed: bool = False
    """Whether it ends as ``InitializationFailed`` instead of ``Ready``."""
    deletion_asked: bool = False
    deleted_at: datetime | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    seed: str = ""
    reported: dict[str, int] | None = None
    contents: Contents = field(init=False, repr=False)

    def __post_init__(self) -> None:
        dimension, sparse = stored_dimension(self.fields), takes_sparse(self.fields)
        self.contents = Contents(Seed(self.seed or self.index_id, dimension, sparse))

    def exists(self, now: datetime) -> bool:
        """Whether it is there (``Terminating`` included)."""
        return self.deleted_at is None or now < self.deleted_at

    def active(self, now: datetime) -> bool:
        """Whether it is there and nobody has asked for its deletion."""
        return self.exists(now) and not self.deletion_asked

    def state(self, now: datetime) -> str:
        """The state as the API spells it."""
        if self.deletion_asked:
            return "Terminating"
        if self.ready_at is None or now < self.ready_at:
            return "Initializing"
        return "InitializationFailed" if self.failed else "Ready"

    def records(self, at: datetime) -> dict[str, int]:
        """Records per namespace, counting what was written until ``at``."""
        return counts(self.contents.at(at))

    @property
    def has_document_schema(self) -> bool:
        """Whether it has fields of its own naming (full-text search, named vectors)."""
        return has_document_schema(self.fields)


@dataclass(slots=True)
class Backup:
    """One backup, or the planned run of a schedule that will become one.

    Attributes:
        starts_at: When it captures the index; after ``created_at`` for a scheduled run.
        ends_at: When it becomes ready or failed; None when it never does.
        namespaces: Records per namespace; None when the service does not say.
        contents: The records themselves; None for one of the past, whose records are seeded.
        fixed_status: A status that was seeded and does not follow from the time.
        expires_at: When its schedule's retention takes it.
        deleted_at: When an accepted deletion takes effect.
    """

    backup_id: str
    index_id: str
    index_name: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    fields: Fields
    cloud: str
    region: str
    name: str | None = None
    description: str | None = None
    metadata_fields: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    namespaces: dict[str, int] | None = None
    contents: Snapshot | None = field(default=None, repr=False)
    size_bytes: int | None = None
    fixed_status: str | None = None
    schedule_id: str | None = None
    expires_at: datetime | None = None
    deleted_at: datetime | None = None

    def exists(self, now: datetime) -> bool:
        """Whether it is still there, an accepted deletion that has not taken effect included."""
        return all(end is None or now < end for end in (self.deleted_at, self.expires_at))

    def planned(self, now: datetime) -> bool:
        """Whether it is a schedule's run that has not started."""
        return now < self.starts_at

    def status(self, now: datetime) -> str:
        """``Initializing``, ``Ready`` or ``InitializationFailed``, unless seeded otherwise."""
        if self.fixed_status is not None:
            return self.fixed_status
        if self.ends_at is None or now < self.ends_at:
            return "Initializing"
        return "InitializationFailed" if self.failed else "Ready"


@dataclass(slots=True)
class Schedule:
    """A native backup schedule; ``next_run`` is None while it is disabled."""

    schedule_id: str
    name: str
    index_id: str
    frequency: str
    retention_days: int
    created_at: datetime
    enabled: bool = True
    next_run: datetime | None = None

    @property
    def retention(self) -> timedelta:
        """How long its backups live."""
        return timedelta(days=self.retention_days)


@dataclass(slots=True)
class RestoreJob:
    """One restore; ``Pending`` until it ends, for ever when ``ends_at`` is None.

    Attributes:
        ends_as: ``Completed``, ``Failed`` or ``Cancelled``.
        known: Whether it is listed and described.
    """

    job_id: str
    backup_id: str
    index_id: str
    index_name: str
    created_at: datetime
    ends_at: datetime | None
    ends_as: str = "Completed"
    known: bool = True

    def status(self, now: datetime) -> str:
        """``Pending``, or how it ended."""
        return "Pending" if self.ends_at is None or now < self.ends_at else self.ends_as


@dataclass(slots=True)
class ConversionJob:
    """One conversion of an index into a document index.

    Attributes:
        records: How many records there are to convert.
        on_error: ``abort`` or ``continue``, as it was asked for.
        ends_at: When it ends; None: never.
        ends_as: ``Completed``, ``Failed`` or ``Cancelled``.
    """

    job_id: str
    source_index_id: str
    source_index_name: str
    target_index_id: str
    target_index_name: str
    created_at: datetime
    ends_at: datetime | None
    records: int
    on_error: str
    ends_as: str = "Completed"

    def status(self, now: datetime) -> str:
        """``InProgress``, or how it ended."""
        return "InProgress" if self.ends_at is None or now < self.ends_at else self.ends_as
