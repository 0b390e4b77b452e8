"""What goes in and out over the API, named as in Pinecone's own where that has a name for it.

Times are UTC, ISO 8601. Texts have bounds, so that no request fills the ledger.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from pinecone_backup.model import RunKind
from pinecone_backup.records import HoldScope, PlanState, Severity
from pinecone_backup.rules.plan import Plan
from pinecone_backup.rules.policy import Frequency, PolicyDocument
from pinecone_backup.usecases.requests.delete import Safeguard

MOST_ROWS = 100
NAME = r"^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?$"
"""Of indexes, backups and schedules, as Pinecone takes them."""
_RAILS = "|".join(Safeguard)


def _separated(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


class Input(BaseModel):
    """What a caller may send: nothing beyond the named fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True
    )


class Nothing(Input):
    """A request without parameters."""


class Output(BaseModel):
    """What the API answers."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        use_attribute_docstrings=True,
        from_attributes=True,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )


Limit = Annotated[int, Field(ge=1, le=MOST_ROWS)]
Token = Annotated[str, Field(min_length=1, max_length=2000)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class PageQuery(Input):
    """Which page of a listing."""

    limit: Limit = MOST_ROWS
    """Rows per page. A paginationToken continues with the size that its listing began with."""
    paginationToken: Token | None = None  # noqa: N815 - Pinecone's name
    """``pagination.next`` of the page before."""


class Pagination(Output):
    """Where a listing goes on."""

    next: str
    """Send it as ``paginationToken``."""


class IndexBackupsQuery(PageQuery):
    """Which backups of an index."""

    include_deleted: bool = False
    """Whether backups of deleted indexes of that name count too."""


class Backup(Output):
    """A backup as Pinecone lists it, and whose it is."""

    backup_id: str
    source_index_name: str
    source_index_id: str
    source_index_deleted_at: datetime | None
    status: str
    name: str | None
    description: str | None
    record_count: int | None
    namespace_count: int | None
    size_bytes: int | None
    cloud: str
    region: str
    tags: dict[str, str] | None
    created_at: datetime | None
    origin: str
    """``ours``, ``other owner``, ``native`` or ``foreign``."""
    policy: str | None
    """The policy that made it, when it is ours."""


class BackupList(Output):
    """A page of backups."""

    data: list[Backup]
    pagination: Pagination | None


class Hold(Output):
    """Somebody's word that a backup, or all of an index, must stay."""

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    owner: str
    created_at: datetime
    expires_at: datetime | None
    released_at: datetime | None
    released_by: str
    release_reason: str
    active: bool


class Deletion(Output):
    """How far a backup's deletion has come."""

    state: str
    at: datetime
    run_id: str
    actor: str
    reasons: list[str]
    error: str
    confirmed_at: datetime | None


class BackupDetails(Backup):
    """A backup, and everything that we know of it."""

    worth: str
    """What it counts for: ``good``, ``suspect``, ``under way`` ..."""
    verdict: str | None
    """``good``, ``unverified``, ``suspect`` or ``accepted``; null until an audit saw it Ready."""
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    restore_tested: bool | None
    holds: list[Hold]
    """Those in force, on the backup or on its index."""
    deletion: Deletion | None


class Index(Output):
    """An active index."""

    name: str
    kind: str
    state: str
    ready: bool
    tags: dict[str, str]
    deletion_protection: bool
    source_backup_id: str | None
    policy: str | None
    """The policy that decides about it, by name."""
    assigned_by: str
    """``tag``, ``assignment``, ``opt-out``, ``unknown tag`` or ``nothing``."""


class IndexList(Output):
    """The project's indexes; this listing has no pages."""

    data: list[Index]


class KnownProject(Output):
    """A Pinecone project of the policy document."""

    name: str
    secret: str
    """The name of the secret that holds its API key."""
    quota: int


class ProjectList(Output):
    """The projects of the policy document."""

    data: list[KnownProject]
    unnamed: list[str]
    """Projects that the ledger knows and the policy does not name any more."""


class LastRun(Output):
    """The last completed run of a kind."""

    run_id: str
    state: str
    time: datetime
    finished_at: datetime | None


class ProjectHealth(Output):
    """Whether one project can be looked after."""

    name: str
    secret: Literal["pass", "fail", "unknown"]
    """Whether the secret could be read and holds something like a key."""
    pinecone: Literal["pass", "fail", "unknown"]
    """Whether Pinecone answered with that key."""
    ledger: Literal["pass", "fail"]
    """Whether the ledger could be written."""
    problems: list[str]
    last_runs: dict[str, LastRun | None]
    """By kind: create, prune and audit."""


class DeploymentHealth(Output):
    """Whether everything can be reached."""

    status: Literal["pass", "fail"]
    at: datetime
    stack: str
    owner: str
    prune_mode: str
    policy: Literal["pass", "fail"]
    policy_version: str
    problems: list[str]
    projects: list[ProjectHealth]


class CreateBackup(Input):
    """A backup to make now. Without a name and a description it is one of ours."""

    name: Annotated[str, Field(pattern=NAME)] | None = None
    description: Annotated[str, Field(max_length=1000)] | None = None
    """Not one that begins like a marker of this product."""


class DeleteBackupQuery(Input):
    """Which safeguards to overrule, and why."""

    override: Annotated[
        frozenset[Safeguard],
        BeforeValidator(_separated),
        WithJsonSchema({"type": "string", "pattern": f"^({_RAILS})(,({_RAILS}))*$"}),
    ] = frozenset()
    """Names of safeguards, separated by commas."""
    reason: Reason | None = None
    """Recorded with the deletion; needed with ``override``."""


class DeletedBackup(Output):
    """A deletion that Pinecone accepted, or that had happened already."""

    backup_id: str
    deletion: Deletion


class Run(Output):
    """One execution of create, prune or audit."""

    run_id: str
    kind: RunKind
    trigger: str
    actor: str
    state: str
    """``requested``, ``running``; then ``succeeded``, ``partial``, ``stopped``, ``refused`` or
    ``failed``."""
    time: datetime
    """Selects slots and retention buckets."""
    started_at: datetime
    finished_at: datetime | None
    policy_version: str
    summary: dict[str, Any]
    error: str


class RunList(Output):
    """A page of runs, the newest first."""

    data: list[Run]
    pagination: Pagination | None


class StartRun(Input):
    """A run to start. A prune started here plans and deletes nothing: see the plans."""

    kind: RunKind


class RunsQuery(PageQuery):
    """Which runs."""

    kind: RunKind | None = None


class PlanSummary(Output):
    """A prune plan, in short."""

    digest: str
    state: PlanState
    policy_version: str
    created_at: datetime
    run_id: str
    delete_count: int
    keep_count: int
    bytes_freed: int
    waits_because: str
    approved_by: str
    approved_reason: str
    approved_at: datetime | None
    approval_expires_at: datetime | None


class PlanList(Output):
    """A page of plans, the newest first."""

    data: list[PlanSummary]
    pagination: Pagination | None


class PlanDetails(PlanSummary):
    """A prune plan: every backup with its fate and the reasons."""

    plan: Plan


class ApprovePlan(Input):
    """Somebody read the plan and says that what it names may go."""

    reason: Reason
    until: AwareDatetime | None = None
    """When the approval ends: within 30 days; a day from now unless given."""


class Finding(Output):
    """One thing wrong."""

    finding_id: str
    control: str
    severity: Severity
    subject: str
    title: str
    diagnosis: str
    action: str
    opened_at: datetime
    last_seen_at: datetime
    count: int
    resolved_at: datetime | None
    acknowledged_by: str
    acknowledged_reason: str
    acknowledged_at: datetime | None
    data: dict[str, Any]


class FindingList(Output):
    """A page of findings, the worst first."""

    data: list[Finding]
    pagination: Pagination | None


class FindingsQuery(PageQuery):
    """Which findings."""

    state: Literal["open", "resolved", "all"] = "open"
    severity: Severity | None = None
    """Findings that are at least this bad."""
    control: Annotated[str, Field(max_length=64)] | None = None
    subject: Annotated[str, Field(max_length=128)] | None = None
    acknowledged: bool | None = None


class WithReason(Input):
    """Why."""

    reason: Reason


class ReportPage(Output):
    """A link to the HTML page of a report."""

    url: str
    expires_at: datetime


class PlaceHold(Input):
    """What must stay, why, and until when."""

    scope: HoldScope
    target: Annotated[str, Field(min_length=1, max_length=128)]
    """A backup id, or an index name: then every backup of every index of that name."""
    reason: Reason
    expires_at: AwareDatetime | None = None


class HoldsQuery(PageQuery):
    """Which holds."""

    active: bool = False
    """Only those in force."""


class HoldList(Output):
    """A page of holds, the newest first."""

    data: list[Hold]
    pagination: Pagination | None


class Suspect(Output):
    """A backup that is suspect, or was until somebody accepted it."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    record_count: int | None
    verdict: str
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    accepted_at: datetime | None


class SuspectList(Output):
    """A page of suspects, the newest first."""

    data: list[Suspect]
    pagination: Pagination | None


class Schedule(Output):
    """One of Pinecone's own backup schedules."""

    schedule_id: str
    name: str
    index_id: str
    schedule_type: Literal["time-based"] = "time-based"
    frequency: str
    retention_expire_after_days: int
    enabled: bool
    next_scheduled_run: datetime | None
    created_at: datetime | None


class ScheduleList(Output):
    """A page of native schedules."""

    data: list[Schedule]
    pagination: Pagination | None


class ScheduleTiming(Input):
    """How often."""

    type: Literal["time-based"] = "time-based"
    frequency: Frequency


class ScheduleRetention(Input):
    """How long its backups live."""

    expire_after_days: Annotated[int, Field(ge=1, le=365)]


class CreateSchedule(Input):
    """A native schedule to create; it begins enabled."""

    name: Annotated[str, Field(pattern=NAME)]
    schedule: ScheduleTiming
    retention: ScheduleRetention


class UpdateSchedule(Input):
    """What to change; what is left out stays."""

    frequency: Frequency | None = None
    retention: ScheduleRetention | None = None
    """Not a shorter one: that expires backups."""
    enabled: bool | None = None


class ShortenRetention(Input):
    """A shorter life for a native schedule's backups, also for those that exist."""

    expire_after_days: Annotated[int, Field(ge=1, le=365)]
    reason: Reason


class ScheduleRun(Output):
    """A backup that a native schedule made or plans."""

    backup_id: str
    name: str | None
    source_index_id: str
    status: str
    created_at: datetime | None
    scheduled_execution_at: datetime | None


class ScheduleHistory(Output):
    """A page of a native schedule's history."""

    data: list[ScheduleRun]
    pagination: Pagination | None


class Restore(Input):
    """The index to create from a backup."""

    name: Annotated[str, Field(pattern=NAME)]
    tags: (
        Annotated[
            dict[
                Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")],
                Annotated[str, Field(max_length=120)],
            ],
            Field(max_length=20),
        ]
        | None
    ) = None
    """The backup's tags unless given."""
    deletion_protection: Literal["enabled", "disabled"] = "disabled"
    read_capacity: dict[str, Any] | None = None
    """As Pinecone's API takes it; on demand unless given."""


class RestoreStarted(Output):
    """A restore under way."""

    restore_job_id: str
    index_id: str


class RestoreJob(Output):
    """A restore job as Pinecone tells it, and who started it through us."""

    restore_job_id: str
    backup_id: str
    target_index_name: str
    target_index_id: str
    status: str
    """``Pending``, ``Completed``, ``Failed``, ``Cancelled``; ``Gone`` when Pinecone forgot it."""
    created_at: datetime | None
    completed_at: datetime | None
    percent_complete: int | None
    started_by: str
    """Empty when it was not started through us."""


class RestoreJobList(Output):
    """A page of restore jobs."""

    data: list[RestoreJob]
    pagination: Pagination | None


class RestoreJobsQuery(PageQuery):
    """Which restore jobs."""

    source: Literal["pinecone", "ledger"] = "pinecone"
    """Pinecone's own listing leaves out some; the ledger has all that were started through us."""


class CurrentPolicy(Output):
    """The policy document in force."""

    policy_version: str
    document: PolicyDocument


class ValidatePolicy(Input):
    """A policy document to look over."""

    document: dict[str, Any]


class PolicyError(Output):
    """One thing wrong in a policy document."""

    path: str
    detail: str


class PolicyValidity(Output):
    """Whether a policy document could be stored as it is."""

    valid: bool
    errors: list[PolicyError]


class PreviewPolicy(Input):
    """A policy document to try on the project, on paper."""

    document: dict[str, Any] | None = None
    """The one in force unless given."""
    days: Annotated[int, Field(ge=0, le=90)] = 7
    """How many days after today."""


class PreviewedBackup(Output):
    """A backup with its reasons."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    reasons: list[str]


class PreviewedDay(Output):
    """What one day's prune would do."""

    at: datetime
    created: int
    kept: int
    size_bytes: int
    deleted: list[PreviewedBackup]
    waits: str


class SteadyState(Output):
    """What an index comes to hold in the long run; null: it grows for ever."""

    index_name: str
    policy: str
    count: int | None
    size_bytes: int | None


class PolicyPreview(Output):
    """What a policy document would keep and delete."""

    days: list[PreviewedDay]
    kept_today: list[PreviewedBackup]
    steady: list[SteadyState]


class ProblemField(Output):
    """One thing wrong with a request."""

    pointer: str
    """``#/name`` in the body, ``query:limit``, ``path:project`` or ``header:Idempotency-Key``."""
    detail: str


class PineconeAnswer(Output):
    """What Pinecone said, where it was Pinecone."""

    operation: str
    status: int | None
    request_id: str | None


class Problem(Output):
    """What went wrong (RFC 9457)."""

    type: str
    """A URN that never changes its meaning."""
    title: str
    status: int
    detail: str
    instance: str
    """The request's path."""
    request_id: str
    next_step: str
    """What to do about it; empty when nothing is needed."""
    errors: list[ProblemField] | None = None
    rule: str | None = None
    """The rule that forbids it."""
    pinecone: PineconeAnswer | None = None
