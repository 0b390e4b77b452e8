"""The API's models and operations, generated from docs/openapi.json by ``make docs``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pinecone_backup_cli.wire import Model, Transport, Word, path


class Acceptance(Model, frozen=True, kw_only=True):
    """Which suspects are good after all, and why."""

    reason: str
    accepts: Accepts | None = None


class AcceptedSuspect(Model, frozen=True, kw_only=True):
    """The suspect that was accepted, and the newer ones that were accepted with it."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    record_count: int | None
    verdict: Verdict | None
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    accepted_at: datetime | None
    newer: list[str]


class Accepts(Word):
    """What accepting one suspect accepts (rule G2)."""

    THIS = "this"
    THIS_AND_NEWER = "this-and-newer"


class Action(Word):
    """What the plan means to do with a backup."""

    KEEP = "keep"
    DELETE = "delete"
    WAIT = "wait"
    LEAVE_ALONE = "leave_alone"
    DELETION_PENDING = "deletion_pending"


class AdoptIndex(Model, frozen=True, kw_only=True):
    """The policy that a restored index gets."""

    policy: str


class Approval(Model, frozen=True, kw_only=True):
    """One person's approval of a plan."""

    approved_by: str
    reason: str
    approved_at: datetime
    expires_at: datetime


class ApprovePlan(Model, frozen=True, kw_only=True):
    """Somebody read the plan and agrees to its deletions."""

    reason: str
    until: datetime | None = None


class AssignedBy(Word):
    """How an index came to its policy, or to none."""

    TAG = "tag"
    ASSIGNMENT = "assignment"
    OPT_OUT = "opt-out"
    UNKNOWN_TAG = "unknown_tag"
    NOTHING = "nothing"


class Backup(Model, frozen=True, kw_only=True):
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
    origin: Origin
    policy: str | None
    expires_at: datetime | None


class BackupDetails(Model, frozen=True, kw_only=True):
    """A backup, and everything that we know of it."""

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
    origin: Origin
    policy: str | None
    expires_at: datetime | None
    worth: Worth
    verdict: Verdict | None
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    restore_tested: bool | None
    holds: list[Hold]
    deletion: Deletion | None
    kept: Kept | None


class BackupList(Model, frozen=True, kw_only=True):
    """A page of backups."""

    data: list[Backup]
    pagination: Pagination | None


class BackupPoint(Model, frozen=True, kw_only=True):
    """One backup on a timeline."""

    backup_id: str
    name: str | None
    at: datetime | None
    worth: Worth
    origin: Origin
    by_hand: bool
    expires_at: datetime | None
    tier: str
    goes: bool
    held: bool
    record_count: int | None
    size_bytes: int | None
    reasons: list[str]


class ChangedBackup(Model, frozen=True, kw_only=True):
    """A backup of today whose fate the given document changes."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    reasons: list[RuleReason]
    at: datetime
    waits: bool


class CleanUp(Word):
    """What became of the index of a test."""

    NONE = "none"
    DELETING = "deleting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LEFT = "left"


class Control(Word):
    """Everything the product watches, each with its usual severity and what it means."""

    NO_POLICY = "no-policy"
    OPTED_OUT = "opted-out"
    PAUSED = "paused"
    UNREADABLE_PAUSE = "unreadable-pause"
    UNKNOWN_POLICY_TAG = "unknown-policy-tag"
    UNSUPPORTED_INDEX = "unsupported-index"
    INDEX_UNKNOWN = "index-unknown"
    OVERDUE = "overdue"
    CREATION_FAILING = "creation-failing"
    CREATION_REFUSED = "creation-refused"
    QUOTA_REACHED = "quota-reached"
    INCARNATION_CHANGED = "incarnation-changed"
    NEVER_RESTORE_TESTED = "never-restore-tested"
    RESTORE_TEST_OVERDUE = "restore-test-overdue"
    RESTORE_TEST_FAILED = "restore-test-failed"
    INDEX_NOT_READY = "index-not-ready"
    RESTORED_NOT_ADOPTED = "restored-not-adopted"
    NATIVE_CLASH = "native-clash"
    FAILED = "failed"
    STUCK = "stuck"
    EMPTY = "empty"
    SHRUNK = "shrunk"
    DELETION_STUCK = "deletion-stuck"
    UNDATED_BACKUP = "undated-backup"
    SLOT_AHEAD = "slot-ahead"
    CONTRADICTORY_LISTING = "contradictory-listing"
    RESTORE_INDEX_LEFT = "restore-index-left"
    ORPHAN = "orphan"
    OTHER_OWNER = "other-owner"
    NATIVE_DISABLED = "native-disabled"
    NATIVE_OVERDUE = "native-overdue"
    NATIVE_DRIFT = "native-drift"
    HOLD_EXPIRED = "hold-expired"
    QUOTA_NEAR = "quota-near"
    PROJECT_UNKNOWN = "project-unknown"
    PROJECT_REMOVED = "project-removed"
    POLICY_MISSING = "policy-missing"
    POLICY_WARNED = "policy-warned"
    POLICY_INVALID = "policy-invalid"
    PRUNE_STOPPED = "prune-stopped"
    RUN_BROKEN = "run-broken"
    RUN_REFUSED = "run-refused"
    LEDGER_UNREADABLE = "ledger-unreadable"
    EVIDENCE_WAITING = "evidence-waiting"
    PLAN_WAITING = "plan-waiting"


class CreateBackup(Model, frozen=True, kw_only=True):
    """A backup to make now, beside those of the policy: no policy prunes it."""

    name: str | None = None
    description: str | None = None
    expire_after: str | None = None


class CreateSchedule(Model, frozen=True, kw_only=True):
    """A native schedule to create; it begins enabled."""

    name: str
    schedule: ScheduleTiming
    retention: ScheduleRetention


class CurrentPolicy(Model, frozen=True, kw_only=True):
    """The policy document in force."""

    policy_version: str
    document: dict[str, Any]


class Deletion(Model, frozen=True, kw_only=True):
    """One deletion.

    It is written once; only its state, error and confirmation change.
    """

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    size_bytes: int | None
    record_count: int | None
    state: DeletionState
    at: datetime
    run_id: str
    actor: str
    reasons: list[RuleReason]
    comment: str
    override: list[Safeguard]
    digest: str
    approved_by: str
    approved_reason: str
    good_left: str | None
    good_left_at: datetime | None
    error: str
    confirmed_at: datetime | None


class DeletionLine(Model, frozen=True, kw_only=True):
    """A deletion of the last days, as the ledger has it."""

    backup_id: str
    index: str
    state: DeletionState
    at: datetime
    actor: str
    run_id: str
    approved_by: str
    reasons: list[str]
    created_at: datetime | None
    size_bytes: int | None
    good_left: str | None
    good_left_at: datetime | None
    error: str
    confirmed_at: datetime | None


class DeletionList(Model, frozen=True, kw_only=True):
    """A page of deletions, the newest first."""

    data: list[Deletion]
    pagination: Pagination | None


class DeletionState(Word):
    """How far the deletion of one backup has come (rules D6 and G4)."""

    ACCEPTED = "accepted"
    DELETED = "deleted"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class DeploymentHealth(Model, frozen=True, kw_only=True):
    """Whether everything can be reached."""

    status: str
    at: datetime
    stack: str
    owner: str
    prune_mode: PruneMode
    policy: str
    policy_version: str
    problems: list[str]
    projects: list[ProjectHealth]


class Depth(Word):
    """How thoroughly a restored index is compared with its source; each includes those before."""

    COUNTS = "counts"
    SAMPLE = "sample"
    QUERIES = "queries"


class DifferenceKind(Word):
    """What is different; ``template`` is its text.

    The first one that applies says the most.
    """

    JOB_FAILED = "job_failed"
    INDEX_FAILED = "index_failed"
    DIMENSION = "dimension"
    METRIC = "metric"
    EMPTY = "empty"
    NAMESPACE_MISSING = "namespace_missing"
    NAMESPACE_RENAMED = "namespace_renamed"
    RECORDS_LOST = "records_lost"
    RECORDS_ADDED = "records_added"
    TOTAL_LOWER = "total_lower"
    TOTAL_HIGHER = "total_higher"
    RECORDS_MISSING = "records_missing"
    MISCOUNTED = "miscounted"
    VALUES_TRUNCATED = "values_truncated"
    VALUES_CHANGED = "values_changed"
    SPARSE_LOST = "sparse_lost"
    METADATA_LOST = "metadata_lost"
    METADATA_CHANGED = "metadata_changed"
    NEIGHBOURS = "neighbours"


class Differing(Model, frozen=True, kw_only=True):
    """One thing that differs in a restored index."""

    kind: DifferenceKind
    text: str


class Finding(Model, frozen=True, kw_only=True):
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


class FindingKind(Model, frozen=True, kw_only=True):
    """Open findings of one kind."""

    severity: Severity
    title: str
    text: str
    action: str
    since: datetime
    count: int


class FindingLine(Model, frozen=True, kw_only=True):
    """One finding."""

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
    new: bool
    resolved_at: datetime | None
    acknowledged_by: str
    acknowledged_reason: str


class FindingList(Model, frozen=True, kw_only=True):
    """A page of findings, the worst first."""

    data: list[Finding]
    pagination: Pagination | None


class FollowedRestore(Model, frozen=True, kw_only=True):
    """A restore that this deployment follows: a test, or one that somebody asked for."""

    restore_id: str
    kind: RestoreKind
    step: RestoreStep
    backup_id: str
    index: str
    incarnation: str
    target_index_name: str
    index_id: str
    restore_job_id: str
    status: str
    percent_complete: int | None
    started_by: str
    started_at: datetime
    policy: str
    size_bytes: int | None
    record_count: int | None
    expected_seconds: int | None
    restored_at: datetime | None
    took_seconds: int | None
    bytes_per_second: int | None
    depth: Depth
    depth_reached: Depth | None
    records_compared: int
    result: RestoreResult | None
    result_at: datetime | None
    reason: str
    differences: list[Differing]
    clean_up: CleanUp
    clean_up_error: str
    adopted_policy: str
    adopted_by: str
    finished_at: datetime | None


class FollowedRestoreList(Model, frozen=True, kw_only=True):
    """A page of restores, the newest first."""

    data: list[FollowedRestore]
    pagination: Pagination | None


class FoundRestorePoint(Model, frozen=True, kw_only=True):
    """What to restore an index from."""

    index: str
    at: datetime
    backup: PointBackup | None
    older_seconds: int | None
    expected_seconds: int | None
    next: PointBackup | None
    later_seconds: int | None
    passed_over: list[NotTaken]


class Frequency(Word):
    """How often a native schedule runs; the service picks the hour."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Gap(Model, frozen=True, kw_only=True):
    """What the audit could not see."""

    subject: str
    reason: str


class Health(Word):
    """The answer to 'is anything wrong?'."""

    HEALTHY = "healthy"
    ATTENTION = "attention"
    FAILING = "failing"
    UNKNOWN = "unknown"


class Hold(Model, frozen=True, kw_only=True):
    """Protects a backup, or every backup of an index, from deletion."""

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    placed_by: str
    created_at: datetime
    expires_at: datetime | None
    released_at: datetime | None
    released_by: str
    release_reason: str
    active: bool


class HoldLine(Model, frozen=True, kw_only=True):
    """A hold that is not released."""

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    placed_by: str
    created_at: datetime
    expires_at: datetime | None
    active: bool


class HoldList(Model, frozen=True, kw_only=True):
    """A page of holds, the newest first."""

    data: list[Hold]
    pagination: Pagination | None


class HoldScope(Word):
    """What a hold protects."""

    BACKUP = "backup"
    INDEX = "index"


class Index(Model, frozen=True, kw_only=True):
    """An active index."""

    name: str
    kind: IndexKind
    state: str
    ready: bool
    tags: dict[str, str]
    deletion_protection: bool
    source_backup_id: str | None
    policy: str | None
    assigned_by: AssignedBy


class IndexKind(Word):
    """Which kind of index it is, as far as backing it up goes."""

    SERVERLESS = "serverless"
    POD = "pod"
    BYOC = "byoc"
    UNKNOWN = "unknown"


class IndexLine(Model, frozen=True, kw_only=True):
    """An index that needs somebody."""

    name: str
    protection: Protection
    reason: str
    restore_from: str | None
    restore_from_at: datetime | None


class IndexList(Model, frozen=True, kw_only=True):
    """The project's indexes; this listing has no pages."""

    data: list[Index]


class IndexReport(Model, frozen=True, kw_only=True):
    """One active index."""

    name: str
    protection: Protection
    reason: str
    policy: str | None
    assigned_by: AssignedBy
    timezone: str
    incarnation: str | None
    first_seen_at: datetime
    restore_from: RestorePoint | None
    last_proven: ProvenRestore | None
    restore_seconds: int | None
    age_seconds: int
    max_age_seconds: int | None
    next_slot: datetime | None
    floor: int | None
    counts: dict[str, int]
    size_bytes: int
    earlier_backups: int
    backups: list[BackupPoint]


class Kept(Model, frozen=True, kw_only=True):
    """Why a backup is kept, as a prune of this moment sees it."""

    action: Action
    reasons: list[RuleReason]
    safeguards: list[Safeguard]
    until: datetime | None


class KnownProject(Model, frozen=True, kw_only=True):
    """A Pinecone project of the policy document."""

    name: str
    secret: str
    quota: int


class LastKnown(Model, frozen=True, kw_only=True):
    """What an index could be restored from when it was last seen."""

    index: str
    backup_id: str
    at: datetime
    seen_at: datetime


class LastRun(Model, frozen=True, kw_only=True):
    """The last completed run of a kind."""

    run_id: str
    state: RunState
    time: datetime
    finished_at: datetime | None


class NotTaken(Model, frozen=True, kw_only=True):
    """A backup that is nearer to the moment and is not taken."""

    backup_id: str
    taken_at: datetime | None
    reason: str


class Origin(Word):
    """Who made a backup (rules I2 and G5)."""

    OURS = "ours"
    OTHER_OWNER = "other_owner"
    NATIVE = "native"
    FOREIGN = "foreign"


class OrphanLine(Model, frozen=True, kw_only=True):
    """What is left of a deleted index."""

    index: str
    incarnation: str
    deleted_at: datetime
    backups: int
    newest_good: str | None
    size_bytes: int


class Overview(Model, frozen=True, kw_only=True):
    """All projects, the worst first."""

    stack: str
    at: datetime
    health: Health
    headline: str
    projects: list[ProjectSummary]
    findings: list[FindingKind]


class PageLink(Model, frozen=True, kw_only=True):
    """A link to an HTML page, for whoever has it."""

    url: str
    expires_at: datetime


class Pagination(Model, frozen=True, kw_only=True):
    """Where a listing goes on."""

    next: str


class PineconeAnswer(Model, frozen=True, kw_only=True):
    """What Pinecone said, where it was Pinecone."""

    operation: str
    status: int | None
    request_id: str | None


class PlaceHold(Model, frozen=True, kw_only=True):
    """What to protect, for which reason, and until when."""

    scope: HoldScope
    target: str
    reason: str
    expires_at: datetime | None = None


class PlanDetails(Model, frozen=True, kw_only=True):
    """A prune plan: every backup with its fate and the reasons."""

    digest: str
    state: PlanState
    policy_version: str
    created_at: datetime
    run_id: str
    delete_count: int
    keep_count: int
    bytes_freed: int
    waits_because: list[RuleReason]
    approvals: list[Approval]
    approved_by: str
    approved_reason: str
    approved_at: datetime | None
    approval_expires_at: datetime | None
    plan: PrunePlan


class PlanList(Model, frozen=True, kw_only=True):
    """A page of plans, the newest first."""

    data: list[PlanSummary]
    pagination: Pagination | None


class PlanState(Word):
    """How a prune plan stands."""

    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    EXECUTED = "executed"
    EXPIRED = "expired"


class PlanSummary(Model, frozen=True, kw_only=True):
    """A prune plan, in short."""

    digest: str
    state: PlanState
    policy_version: str
    created_at: datetime
    run_id: str
    delete_count: int
    keep_count: int
    bytes_freed: int
    waits_because: list[RuleReason]
    approvals: list[Approval]
    approved_by: str
    approved_reason: str
    approved_at: datetime | None
    approval_expires_at: datetime | None


class PlannedBackup(Model, frozen=True, kw_only=True):
    """One backup in a plan."""

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    size_bytes: int | None
    action: Action
    reasons: list[RuleReason]
    safeguards: list[Safeguard]


class PlannedIndex(Model, frozen=True, kw_only=True):
    """One index in a plan."""

    index_id: str
    index_name: str
    policy: str | None
    orphan: bool
    anchor: str | None
    frozen: RuleReason | None
    waits: RuleReason | None


class PointBackup(Model, frozen=True, kw_only=True):
    """A backup to restore from."""

    backup_id: str
    name: str | None
    taken_at: datetime
    incarnation: str
    index_deleted_at: datetime | None
    record_count: int | None
    size_bytes: int | None
    restore_tested: bool | None
    restore_tested_at: datetime | None


class PolicyDifference(Model, frozen=True, kw_only=True):
    """What the given document changes against the one in force."""

    goes_count: int
    goes: list[ChangedBackup]
    stays_count: int
    stays: list[ChangedBackup]
    quota_before: QuotaOutlook
    quota_after: QuotaOutlook


class PolicyError(Model, frozen=True, kw_only=True):
    """One thing wrong in a policy document."""

    path: str
    detail: str


class PolicyPreview(Model, frozen=True, kw_only=True):
    """What a policy document would keep and delete."""

    mode: PruneMode
    prunes_per_day: int
    approvals: bool
    days: list[PreviewedDay]
    kept_today: list[PreviewedBackup]
    steady: list[SteadyState]
    quota: QuotaOutlook
    changes: PolicyDifference | None
    ended: str
    listed_all: bool
    warnings: list[PolicyWarning]


class PolicyPut(Model, frozen=True, kw_only=True):
    """A policy document that was put in force, or looked over, and what it changes."""

    stored: bool
    policy_version: str
    former_version: str
    warnings: list[PolicyWarning]
    projects: list[ProjectChange]


class PolicyValidity(Model, frozen=True, kw_only=True):
    """Whether a policy document could be stored as it is."""

    valid: bool
    errors: list[PolicyError]
    warnings: list[PolicyWarning]


class PolicyVersion(Model, frozen=True, kw_only=True):
    """One version of the policy document."""

    policy_version: str
    current: bool
    stored_at: datetime
    former_version: str
    changed_by: str
    reason: str
    outside: bool


class PolicyVersionDetails(Model, frozen=True, kw_only=True):
    """One version of the policy document, with the document."""

    policy_version: str
    current: bool
    stored_at: datetime
    former_version: str
    changed_by: str
    reason: str
    outside: bool
    document: dict[str, Any] | None


class PolicyVersionList(Model, frozen=True, kw_only=True):
    """A page of versions, the newest first."""

    data: list[PolicyVersion]
    pagination: Pagination | None


class PolicyWarning(Model, frozen=True, kw_only=True):
    """One thing in a valid policy document that is probably not meant."""

    code: WarningCode
    path: str
    detail: str
    next_step: str
    parameters: dict[str, str | int]


class PreviewPolicy(Model, frozen=True, kw_only=True):
    """A policy document to preview on the project."""

    document: dict[str, Any] | None = None
    days: int = 7
    mode: PruneMode | None = None
    prunes_per_day: int = 4
    approvals: bool = False


class PreviewedBackup(Model, frozen=True, kw_only=True):
    """A backup with its reasons."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    reasons: list[RuleReason]


class PreviewedDay(Model, frozen=True, kw_only=True):
    """What one day's prunes would do."""

    at: datetime
    created: int
    expired: int
    refused: int
    left: int
    size_bytes: int
    deleted_count: int
    deleted: list[PreviewedBackup]
    waiting_count: int
    waiting: list[PreviewedBackup]
    waits: list[RuleReason]


class Problem(Model, frozen=True, kw_only=True):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    next_step: str
    errors: list[ProblemField] | None = None
    rule: str | None = None
    pinecone: PineconeAnswer | None = None


class ProblemField(Model, frozen=True, kw_only=True):
    """One thing wrong with a request."""

    pointer: str
    detail: str


class ProjectChange(Model, frozen=True, kw_only=True):
    """What a policy document changes for one project."""

    project: str
    created_before: int | None
    created_after: int | None
    changes: PolicyDifference | None
    problem: str


class ProjectHealth(Model, frozen=True, kw_only=True):
    """Whether one project can be looked after."""

    name: str
    secret: str
    pinecone: str
    ledger: str
    problems: list[str]
    last_runs: dict[str, LastRun | None]


class ProjectList(Model, frozen=True, kw_only=True):
    """The projects of the policy document."""

    data: list[KnownProject]
    unnamed: list[str]


class ProjectSummary(Model, frozen=True, kw_only=True):
    """One project's last audit, in short."""

    project: str
    at: datetime | None
    health: Health
    headline: str
    complete: bool
    totals: Totals | None
    quota_used: int | None
    quota_limit: int | None
    quota_reached_at: datetime | None
    serious: int
    findings: list[FindingKind]
    unwell: int
    indexes: list[IndexLine]


class Protection(Word):
    """How an index stands."""

    PROTECTED = "protected"
    WAITING = "waiting"
    OVERDUE = "overdue"
    NO_POLICY = "no_policy"
    OPTED_OUT = "opted_out"
    UNSUPPORTED = "unsupported"
    NOT_READY = "not_ready"
    UNKNOWN = "unknown"


class ProvenRestore(Model, frozen=True, kw_only=True):
    """The last restore that proved a backup of the index."""

    at: datetime
    backup_id: str
    depth: Depth | None
    took_seconds: int | None


class PruneMode(Word):
    """What a deployment may delete through this product."""

    DRY_RUN = "dry_run"
    APPROVE = "approve"
    ENFORCE = "enforce"


class PrunePlan(Model, frozen=True, kw_only=True):
    """What a prune of the project would do."""

    project: str
    policy_version: str
    now: datetime
    items: list[PlannedBackup]
    indexes: list[PlannedIndex]
    digest: str
    assignments: dict[str, str | None]
    stopped: RuleReason | None
    waits_because: list[RuleReason]
    held_back: RuleReason | None
    quota: int


class PutPolicy(Model, frozen=True, kw_only=True):
    """The policy document to put in force."""

    document: dict[str, Any]
    reason: str


class QuotaNeed(Model, frozen=True, kw_only=True):
    """What the indexes of one policy come to hold together; null: they grow for ever."""

    policy: str
    native: bool
    indexes: int
    count: int | None


class QuotaOutlook(Model, frozen=True, kw_only=True):
    """How the quota ends, all policies together."""

    quota: int | None
    used: int
    needed: int | None
    others: int
    needs: list[QuotaNeed]
    fits: bool
    reached_at: datetime | None
    refused: int
    detail: str


class QuotaPoint(Model, frozen=True, kw_only=True):
    """How many backups there will be."""

    at: datetime
    backups: int


class QuotaReport(Model, frozen=True, kw_only=True):
    """The project's backup quota."""

    used: int
    limit: int
    percent: float
    points: list[QuotaPoint]
    reached_at: datetime | None
    explained: str
    by_hand: int
    by_hand_for_ever: int


class ReasonKind(Word):
    """What a rule found; ``rule`` is its number in docs/rules.md, ``template`` its text."""

    WITHIN = "within"
    LAST = "last"
    PERIOD = "period"
    WITHIN_PERIOD = "within_period"
    AMONG_NEWEST = "among_newest"
    NOT_OLDER = "not_older"
    SUSPECT_KEPT = "suspect_kept"
    FAILED_KEPT = "failed_kept"
    FAILED_NEEDED = "failed_needed"
    ORPHAN_KEPT = "orphan_kept"
    ORPHAN_KEPT_DAYS = "orphan_kept_days"
    NOT_KEPT = "not_kept"
    SUSPECT_OLD = "suspect_old"
    FAILED_OLD = "failed_old"
    ON_DEMAND_EXPIRED = "on_demand_expired"
    ORPHAN_OLD = "orphan_old"
    FLOOR = "floor"
    NEWEST_GOOD = "newest_good"
    NEWEST_TESTED = "newest_tested"
    HELD = "held"
    RESTORING = "restoring"
    UNDER_WAY = "under_way"
    PLANNED = "planned"
    UNKNOWN_STATUS = "unknown_status"
    UNJUDGED = "unjudged"
    UNDATED = "undated"
    FUTURE = "future"
    CONTRADICTORY = "contradictory"
    CONTRADICTORY_INDEX = "contradictory_index"
    NOT_LISTED = "not_listed"
    NOT_ACTIVE = "not_active"
    AMBIGUOUS = "ambiguous"
    DELETED_AND_ACTIVE = "deleted_and_active"
    NO_POLICY = "no_policy"
    OPTED_OUT = "opted_out"
    UNKNOWN_TAG = "unknown_tag"
    PAUSED = "paused"
    ORPHAN_NEEDED = "orphan_needed"
    ORPHAN_LAST = "orphan_last"
    ITEM_UNREADABLE = "item_unreadable"
    MANUAL = "manual"
    MISFIT = "misfit"
    OTHER_OWNER = "other_owner"
    NATIVE = "native"
    ON_DEMAND = "on_demand"
    DELETION_PENDING = "deletion_pending"
    PROJECT_NOT_NAMED = "project_not_named"
    HOLDS_UNREADABLE = "holds_unreadable"
    RESTORES_UNREADABLE = "restores_unreadable"
    LIMIT_PER_RUN = "limit_per_run"
    LIMIT_PER_INDEX = "limit_per_index"
    LISTING_LACKS = "listing_lacks"
    POLICY_CHANGED = "policy_changed"
    CHANGE_DELETES = "change_deletes"
    LAST_OF_DELETED = "last_of_deleted"
    APPROVAL_MODE = "approval_mode"
    DRY_RUN = "dry_run"
    LIMIT_BY_PEOPLE = "limit_by_people"
    ASKED_FOR = "asked_for"
    OVERRULED = "overruled"
    DELETED_OUTSIDE = "deleted_outside"
    COUNT_UNKNOWN = "count_unknown"
    EMPTY = "empty"
    EMPTY_AS_INDEX = "empty_as_index"
    SHRUNK = "shrunk"
    RECORDS = "records"


class Report(Model, frozen=True, kw_only=True):
    """One audit of one project."""

    report_version: int = 1
    project: str
    stack: str
    owner: str
    run_id: str
    actor: str
    policy_version: str
    at: datetime
    time: datetime
    previous_run_id: str | None
    previous_at: datetime | None
    health: Health
    headline: str
    complete: bool
    gaps: list[Gap]
    totals: Totals | None
    quota: QuotaReport | None
    indexes: list[IndexReport]
    last_known: list[LastKnown]
    findings: list[FindingLine]
    resolved: list[FindingLine]
    orphans: list[OrphanLine]
    schedules: list[ScheduleLine]
    deletions: list[DeletionLine]
    holds: list[HoldLine]
    restores: list[RestoreLine]
    runs: list[RunLine]


class Restore(Model, frozen=True, kw_only=True):
    """The index to create from a backup."""

    name: str
    tags: dict[str, str] | None = None
    deletion_protection: str = "disabled"
    read_capacity: dict[str, Any] | None = None


class RestoreIndex(Model, frozen=True, kw_only=True):
    """The index to restore: as it was at a moment, or from a backup of it."""

    name: str
    tags: dict[str, str] | None = None
    deletion_protection: str = "disabled"
    read_capacity: dict[str, Any] | None = None
    at: datetime | None = None
    backup_id: str | None = None


class RestoreJob(Model, frozen=True, kw_only=True):
    """A restore job as Pinecone reports it, and who started it through us."""

    restore_job_id: str
    backup_id: str
    target_index_name: str
    target_index_id: str
    status: str
    created_at: datetime | None
    completed_at: datetime | None
    percent_complete: int | None
    started_by: str


class RestoreJobList(Model, frozen=True, kw_only=True):
    """A page of restore jobs."""

    data: list[RestoreJob]
    pagination: Pagination | None


class RestoreKind(Word):
    """What a restore is for."""

    TEST = "test"
    REQUEST = "request"


class RestoreLine(Model, frozen=True, kw_only=True):
    """A restore that is under way."""

    job_id: str
    backup_id: str
    target_index: str
    status: str
    percent_complete: int | None
    created_at: datetime | None


class RestorePoint(Model, frozen=True, kw_only=True):
    """The backup to restore from."""

    backup_id: str
    name: str | None
    origin: Origin
    by_hand: bool
    at: datetime
    age_seconds: int
    record_count: int | None
    size_bytes: int | None
    verified: bool


class RestoreResult(Word):
    """How a restore ended (rule R3)."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABANDONED = "abandoned"


class RestoreStep(Word):
    """Where a restore stands (rule R1)."""

    SELECTED = "selected"
    RESTORING = "restoring"
    VALIDATING = "validating"
    CLEANING = "cleaning"
    DONE = "done"


class RuleReason(Model, frozen=True, kw_only=True):
    """What a rule found of a backup."""

    rule: str
    kind: ReasonKind
    parameters: dict[str, str | int | bool]
    text: str


class Run(Model, frozen=True, kw_only=True):
    """One execution of create, prune or audit."""

    run_id: str
    kind: RunKind
    trigger: TriggerKind
    actor: str
    state: RunState
    time: datetime
    started_at: datetime | None
    finished_at: datetime | None
    policy_version: str
    summary: dict[str, Any]
    error: str


class RunKind(Word):
    """Which use case a run executes."""

    CREATE = "create"
    PRUNE = "prune"
    AUDIT = "audit"
    DELETE = "delete"
    RESTORE_TEST = "restore_test"


class RunLine(Model, frozen=True, kw_only=True):
    """The last run of a kind."""

    run_id: str
    kind: RunKind
    state: RunState
    at: datetime
    actor: str
    error: str


class RunList(Model, frozen=True, kw_only=True):
    """A page of runs, the newest first."""

    data: list[Run]
    pagination: Pagination | None


class RunState(Word):
    """How a run stands or ended."""

    REQUESTED = "requested"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"


class Safeguard(Word):
    """What can keep a backup from being deleted, in the order in which people read it."""

    MODE = "mode"
    CONTRADICTORY = "contradictory"
    HELD = "held"
    RESTORING = "restoring"
    UNREADABLE = "unreadable"
    NOT_OURS = "not-ours"
    NATIVE = "native"
    ON_DEMAND = "on-demand"
    UNFINISHED = "unfinished"
    UNDATED = "undated"
    DOUBTFUL = "doubtful"
    NO_POLICY = "no-policy"
    PAUSED = "paused"
    ORPHAN_NEEDED = "orphan-needed"
    NEWEST_GOOD = "newest-good"
    NEWEST_RESTORE_TESTED = "newest-restore-tested"
    FLOOR = "floor"
    KEPT_BY_POLICY = "kept-by-policy"
    POLICY_CHANGED = "policy-changed"
    LIMITS = "limits"


class Schedule(Model, frozen=True, kw_only=True):
    """One of Pinecone's own backup schedules."""

    schedule_id: str
    name: str
    index_id: str
    schedule_type: str
    frequency: str
    retention_expire_after_days: int
    enabled: bool
    next_scheduled_run: datetime | None
    created_at: datetime | None


class ScheduleHistory(Model, frozen=True, kw_only=True):
    """A page of a native schedule's history."""

    data: list[ScheduleRun]
    pagination: Pagination | None


class ScheduleLine(Model, frozen=True, kw_only=True):
    """One of Pinecone's own schedules."""

    schedule_id: str
    index: str
    name: str
    frequency: str
    expire_after_days: int
    enabled: bool
    next_run_at: datetime | None


class ScheduleList(Model, frozen=True, kw_only=True):
    """A page of native schedules."""

    data: list[Schedule]
    pagination: Pagination | None


class ScheduleRetention(Model, frozen=True, kw_only=True):
    """How long its backups live."""

    expire_after_days: int


class ScheduleRun(Model, frozen=True, kw_only=True):
    """A backup that a native schedule made or plans."""

    backup_id: str
    name: str | None
    source_index_id: str
    status: str
    created_at: datetime | None
    scheduled_execution_at: datetime | None


class ScheduleTiming(Model, frozen=True, kw_only=True):
    """How often."""

    type: str = "time-based"
    frequency: Frequency


class Severity(Word):
    """How bad a finding is; ordered by ``rank``."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class ShortenRetention(Model, frozen=True, kw_only=True):
    """A shorter life for a native schedule's backups, also for those that exist."""

    expire_after_days: int
    reason: str


class StartRun(Model, frozen=True, kw_only=True):
    """A run to start.

    A prune started here plans and deletes nothing: see the plans.
    """

    kind: str


class SteadyState(Model, frozen=True, kw_only=True):
    """What an index comes to hold in the long run; null: it grows for ever."""

    index_name: str
    policy: str
    native: bool
    count: int | None
    size_bytes: int | None
    next_slots: list[datetime]


class Suspect(Model, frozen=True, kw_only=True):
    """A backup that is suspect, or was until somebody accepted it."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    record_count: int | None
    verdict: Verdict | None
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    accepted_at: datetime | None


class SuspectList(Model, frozen=True, kw_only=True):
    """A page of suspects, the newest first."""

    data: list[Suspect]
    pagination: Pagination | None


class Totals(Model, frozen=True, kw_only=True):
    """The project in numbers."""

    backups: int
    ready: int
    size_bytes: int
    indexes: int
    under_policy: int
    protected: int
    unprotected: int
    newest_good_age_max_seconds: int | None


class TriggerKind(Word):
    """What set a run off."""

    SCHEDULE = "schedule"
    BUS = "bus"
    API = "api"
    DIRECT = "direct"


class UpdateSchedule(Model, frozen=True, kw_only=True):
    """What to change; what is left out stays."""

    frequency: Frequency | None = None
    retention: ScheduleRetention | None = None
    enabled: bool | None = None


class ValidatePolicy(Model, frozen=True, kw_only=True):
    """A policy document to validate."""

    document: dict[str, Any]


class Verdict(Word):
    """What a Ready backup is worth; taken once, when first seen Ready (rule G1)."""

    GOOD = "good"
    UNVERIFIED = "unverified"
    SUSPECT = "suspect"
    ACCEPTED = "accepted"


class WarningCode(Word):
    """What a warning is about."""

    SHADOWED_ASSIGNMENT = "shadowed-assignment"
    UNREACHABLE_POLICY = "unreachable-policy"
    MAX_AGE_BELOW_GAP = "max-age-below-gap"
    RETENTION_BELOW_GAP = "retention-below-gap"
    CRON_BELOW_TICK = "cron-below-tick"
    BEYOND_QUOTA = "beyond-quota"
    BEYOND_LIMITS = "beyond-limits"
    STUCK_TOO_SOON = "stuck-too-soon"
    SKIPPED_DAY = "skipped-day"
    PAUSE_OVER = "pause-over"
    COUNTS_ONLY = "counts-only"
    TEST_TOO_SHORT = "test-too-short"


class WithReason(Model, frozen=True, kw_only=True):
    """The reason for something."""

    reason: str


class Worth(Word):
    """What a backup counts for."""

    GOOD = "good"
    SUSPECT = "suspect"
    UNJUDGED = "unjudged"
    UNDER_WAY = "under_way"
    PLANNED = "planned"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDATED = "undated"
    FUTURE = "future"
    DELETION_ACCEPTED = "deletion_accepted"
    CONTRADICTORY = "contradictory"


class Api(Transport):
    """Every operation of the API."""

    def health(self) -> DeploymentHealth:
        """Report whether everything can be reached."""
        return self.ask("GET", "/v1/health", DeploymentHealth)

    def list_projects(self) -> ProjectList:
        """List the projects that the policy document names."""
        return self.ask("GET", "/v1/projects", ProjectList)

    def describe_project(self, project: str) -> KnownProject:
        """Describe a project."""
        return self.ask("GET", path("/v1/projects/{}", project), KnownProject)

    def list_indexes(self, project: str) -> IndexList:
        """List the project's active indexes, each with the policy that decides about it."""
        return self.ask("GET", path("/v1/projects/{}/indexes", project), IndexList)

    def describe_index(self, project: str, index_name: str) -> Index:
        """Describe an index, with the policy that decides about it."""
        return self.ask("GET", path("/v1/projects/{}/indexes/{}", project, index_name), Index)

    def create_backup(self, project: str, index_name: str, body: CreateBackup) -> Backup:
        """Start a backup of an index now."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/indexes/{}/backups", project, index_name),
            Backup,
            body=body,
        )

    def list_index_backups(
        self,
        project: str,
        index_name: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        include_deleted: bool | None = None,
    ) -> BackupList:
        """List an index's backups."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/indexes/{}/backups", project, index_name),
            BackupList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "include_deleted": include_deleted,
            },
        )

    def list_project_backups(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        policy: str | None = None,
        worth: Worth | None = None,
        origin: Origin | None = None,
        sort: str | None = None,
    ) -> BackupList:
        """List the project's backups, those of deleted indexes included."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/backups", project),
            BackupList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "from": from_,
                "to": to,
                "policy": policy,
                "worth": worth,
                "origin": origin,
                "sort": sort,
            },
        )

    def describe_backup(self, project: str, backup_id: str) -> BackupDetails:
        """Describe a backup: Pinecone's view, our verdict, its holds and its deletion."""
        return self.ask(
            "GET", path("/v1/projects/{}/backups/{}", project, backup_id), BackupDetails
        )

    def delete_backup(
        self, project: str, backup_id: str, *, override: str | None = None, reason: str
    ) -> Deletion:
        """Delete a backup, within the safeguards of prune."""
        return self.ask(
            "DELETE",
            path("/v1/projects/{}/backups/{}", project, backup_id),
            Deletion,
            query={"override": override, "reason": reason},
        )

    def list_deletions(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        index: str | None = None,
    ) -> DeletionList:
        """List what was deleted, the newest first: who, when, why, and what was left."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/deletions", project),
            DeletionList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "from": from_,
                "to": to,
                "index": index,
            },
        )

    def describe_deletion(self, project: str, backup_id: str) -> Deletion:
        """Describe the deletion of a backup, also of one that Pinecone forgot long ago."""
        return self.ask("GET", path("/v1/projects/{}/deletions/{}", project, backup_id), Deletion)

    def create_backup_schedule(
        self, project: str, index_name: str, body: CreateSchedule
    ) -> Schedule:
        """Create a native schedule on an index; an index can have one that is enabled."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/indexes/{}/backup-schedules", project, index_name),
            Schedule,
            body=body,
        )

    def list_backup_schedules(
        self,
        project: str,
        index_name: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
    ) -> ScheduleList:
        """List an index's native schedules, the paused ones included."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/indexes/{}/backup-schedules", project, index_name),
            ScheduleList,
            query={"limit": limit, "paginationToken": pagination_token},
        )

    def describe_backup_schedule(self, project: str, schedule_id: str) -> Schedule:
        """Describe a native schedule."""
        return self.ask(
            "GET", path("/v1/projects/{}/backup-schedules/{}", project, schedule_id), Schedule
        )

    def update_backup_schedule(
        self, project: str, schedule_id: str, body: UpdateSchedule
    ) -> Schedule:
        """Pause or resume a native schedule, or change its frequency or retention."""
        return self.ask(
            "PATCH",
            path("/v1/projects/{}/backup-schedules/{}", project, schedule_id),
            Schedule,
            body=body,
        )

    def delete_backup_schedule(self, project: str, schedule_id: str) -> None:
        """Delete a native schedule; the backups that it made stay, and still expire."""
        self.ask(
            "DELETE", path("/v1/projects/{}/backup-schedules/{}", project, schedule_id), type(None)
        )

    def shorten_retention(self, project: str, schedule_id: str, body: ShortenRetention) -> Schedule:
        """Shorten a native schedule's retention: Pinecone expires its older backups."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/backup-schedules/{}/shorten-retention", project, schedule_id),
            Schedule,
            body=body,
        )

    def list_backup_schedule_history(
        self,
        project: str,
        schedule_id: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
    ) -> ScheduleHistory:
        """List the backups that a native schedule made, and the one that it plans."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/backup-schedules/{}/history", project, schedule_id),
            ScheduleHistory,
            query={"limit": limit, "paginationToken": pagination_token},
        )

    def create_index_from_backup(
        self, project: str, backup_id: str, body: Restore
    ) -> FollowedRestore:
        """Create an index from a backup."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/backups/{}/create-index", project, backup_id),
            FollowedRestore,
            body=body,
        )

    def restore_index(self, project: str, index_name: str, body: RestoreIndex) -> FollowedRestore:
        """Restore an index as it was at a moment, or from one of its backups, into a new index."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/indexes/{}/restore", project, index_name),
            FollowedRestore,
            body=body,
        )

    def find_restore_point(
        self, project: str, index_name: str, *, at: datetime | None = None
    ) -> FoundRestorePoint:
        """Find what to restore an index from, to have it as it was at a moment."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/indexes/{}/restore-point", project, index_name),
            FoundRestorePoint,
            query={"at": at},
        )

    def adopt_index(self, project: str, index_name: str, body: AdoptIndex) -> Index:
        """Adopt a restored index: from now on the policy backs it up."""
        return self.ask(
            "POST", path("/v1/projects/{}/indexes/{}/adopt", project, index_name), Index, body=body
        )

    def list_restores(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        kind: RestoreKind | None = None,
        index: str | None = None,
        result: RestoreResult | None = None,
    ) -> FollowedRestoreList:
        """List restores, tests and those that people asked for, the newest first."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/restores", project),
            FollowedRestoreList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "kind": kind,
                "index": index,
                "result": result,
            },
        )

    def describe_restore(self, project: str, restore_id: str) -> FollowedRestore:
        """Describe a restore; while Pinecone restores, with its progress as it is now."""
        return self.ask(
            "GET", path("/v1/projects/{}/restores/{}", project, restore_id), FollowedRestore
        )

    def list_restore_jobs(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        source: str | None = None,
    ) -> RestoreJobList:
        """List restore jobs: as Pinecone lists them, or those that were started through us."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/restore-jobs", project),
            RestoreJobList,
            query={"limit": limit, "paginationToken": pagination_token, "source": source},
        )

    def describe_restore_job(self, project: str, job_id: str) -> RestoreJob:
        """Describe a restore job; one of ours also when Pinecone does not know it any more."""
        return self.ask("GET", path("/v1/projects/{}/restore-jobs/{}", project, job_id), RestoreJob)

    def start_run(self, project: str, body: StartRun) -> Run:
        """Ask for a create, prune, audit or restore test run."""
        return self.ask("POST", path("/v1/projects/{}/runs", project), Run, body=body)

    def list_runs(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        kind: RunKind | None = None,
        state: RunState | None = None,
        index: str | None = None,
    ) -> RunList:
        """List runs, the newest first."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/runs", project),
            RunList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "from": from_,
                "to": to,
                "kind": kind,
                "state": state,
                "index": index,
            },
        )

    def describe_run(self, project: str, run_id: str) -> Run:
        """Describe a run: how it stands, and what it did."""
        return self.ask("GET", path("/v1/projects/{}/runs/{}", project, run_id), Run)

    def list_plans(
        self, project: str, *, limit: int | None = None, pagination_token: str | None = None
    ) -> PlanList:
        """List the prune plans of the last 90 days, the newest first."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/plans", project),
            PlanList,
            query={"limit": limit, "paginationToken": pagination_token},
        )

    def describe_plan(self, project: str, digest: str) -> PlanDetails:
        """Describe a plan: every backup, its fate and the reasons."""
        return self.ask("GET", path("/v1/projects/{}/plans/{}", project, digest), PlanDetails)

    def link_plan_page(self, project: str, digest: str) -> PageLink:
        """Give a link to a plan as an HTML page to approve on."""
        return self.ask("GET", path("/v1/projects/{}/plans/{}/page", project, digest), PageLink)

    def approve_plan(self, project: str, digest: str, body: ApprovePlan) -> PlanSummary:
        """Approve a plan: what it names may be deleted."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/plans/{}/approve", project, digest),
            PlanSummary,
            body=body,
        )

    def execute_plan(self, project: str, digest: str) -> Run:
        """Start a prune run that carries out an approved plan now."""
        return self.ask("POST", path("/v1/projects/{}/plans/{}/execute", project, digest), Run)

    def list_findings(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        state: str | None = None,
        severity: Severity | None = None,
        control: Control | None = None,
        subject: str | None = None,
        acknowledged: bool | None = None,
    ) -> FindingList:
        """List a project's findings, the worst first."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/findings", project),
            FindingList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "state": state,
                "severity": severity,
                "control": control,
                "subject": subject,
                "acknowledged": acknowledged,
            },
        )

    def describe_finding(self, project: str, finding_id: str) -> Finding:
        """Describe a finding of a project."""
        return self.ask("GET", path("/v1/projects/{}/findings/{}", project, finding_id), Finding)

    def acknowledge_finding(self, project: str, finding_id: str, body: WithReason) -> Finding:
        """Record that somebody knows of a finding, and the reason why it stays for now."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/findings/{}/acknowledge", project, finding_id),
            Finding,
            body=body,
        )

    def list_deployment_findings(
        self,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        state: str | None = None,
        severity: Severity | None = None,
        control: Control | None = None,
        subject: str | None = None,
        acknowledged: bool | None = None,
    ) -> FindingList:
        """List the findings about the deployment as a whole: its policy, and projects taken out."""
        return self.ask(
            "GET",
            "/v1/findings",
            FindingList,
            query={
                "limit": limit,
                "paginationToken": pagination_token,
                "state": state,
                "severity": severity,
                "control": control,
                "subject": subject,
                "acknowledged": acknowledged,
            },
        )

    def acknowledge_deployment_finding(self, finding_id: str, body: WithReason) -> Finding:
        """Record that somebody knows of a finding about the deployment."""
        return self.ask("POST", path("/v1/findings/{}/acknowledge", finding_id), Finding, body=body)

    def describe_latest_report(self, project: str) -> Report:
        """Give the latest audit's report."""
        return self.ask("GET", path("/v1/projects/{}/reports/latest", project), Report)

    def link_latest_report_page(self, project: str) -> PageLink:
        """Give a link to the latest report as an HTML page."""
        return self.ask("GET", path("/v1/projects/{}/reports/latest/page", project), PageLink)

    def describe_overview(self) -> Overview:
        """Give the last audits of all projects in short, the worst first."""
        return self.ask("GET", "/v1/reports/latest", Overview)

    def link_overview_page(self) -> PageLink:
        """Give a link to the overview of all projects as an HTML page."""
        return self.ask("GET", "/v1/reports/latest/page", PageLink)

    def place_hold(self, project: str, body: PlaceHold) -> Hold:
        """Hold a backup, or every backup of an index: nothing deletes it until the hold ends."""
        return self.ask("POST", path("/v1/projects/{}/holds", project), Hold, body=body)

    def list_holds(
        self,
        project: str,
        *,
        limit: int | None = None,
        pagination_token: str | None = None,
        active: bool | None = None,
    ) -> HoldList:
        """List holds, the newest first; those that ended too, unless ``active``."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/holds", project),
            HoldList,
            query={"limit": limit, "paginationToken": pagination_token, "active": active},
        )

    def describe_hold(self, project: str, hold_id: str) -> Hold:
        """Describe a hold."""
        return self.ask("GET", path("/v1/projects/{}/holds/{}", project, hold_id), Hold)

    def release_hold(self, project: str, hold_id: str, body: WithReason) -> Hold:
        """Release a hold: what it protected may be deleted again."""
        return self.ask(
            "POST", path("/v1/projects/{}/holds/{}/release", project, hold_id), Hold, body=body
        )

    def list_suspects(
        self, project: str, *, limit: int | None = None, pagination_token: str | None = None
    ) -> SuspectList:
        """List the suspect backups, the newest first."""
        return self.ask(
            "GET",
            path("/v1/projects/{}/suspects", project),
            SuspectList,
            query={"limit": limit, "paginationToken": pagination_token},
        )

    def accept_suspect(self, project: str, backup_id: str, body: Acceptance) -> AcceptedSuspect:
        """Accept a suspect, or it and the newer ones: they are good, and what later ones meet."""
        return self.ask(
            "POST",
            path("/v1/projects/{}/suspects/{}/accept", project, backup_id),
            AcceptedSuspect,
            body=body,
        )

    def describe_policy(self) -> CurrentPolicy:
        """Give the policy document in force, and its version."""
        return self.ask("GET", "/v1/policy", CurrentPolicy)

    def put_policy(
        self,
        body: PutPolicy,
        *,
        dry_run: bool | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> PolicyPut:
        """Put a policy document in force, on top of the version that was read."""
        return self.ask(
            "PUT",
            "/v1/policy",
            PolicyPut,
            query={"dry_run": dry_run},
            headers={"If-Match": if_match, "If-None-Match": if_none_match},
            body=body,
        )

    def validate_policy(self, body: ValidatePolicy) -> PolicyValidity:
        """Validate a policy document: every error at once, or every warning.

        Nothing is stored.
        """
        return self.ask("POST", "/v1/policy/validate", PolicyValidity, body=body)

    def preview_policy(self, project: str, body: PreviewPolicy) -> PolicyPreview:
        """Preview what a policy document would keep and delete of the project, day by day."""
        return self.ask(
            "POST", path("/v1/projects/{}/policy/preview", project), PolicyPreview, body=body
        )

    def list_policy_versions(
        self, *, limit: int | None = None, pagination_token: str | None = None
    ) -> PolicyVersionList:
        """List the versions of the policy document, the newest first: who, when and why."""
        return self.ask(
            "GET",
            "/v1/policy/versions",
            PolicyVersionList,
            query={"limit": limit, "paginationToken": pagination_token},
        )

    def describe_policy_version(self, policy_version: str) -> PolicyVersionDetails:
        """Describe one version of the policy document: who put it, when, why, and what it says."""
        return self.ask("GET", path("/v1/policy/versions/{}", policy_version), PolicyVersionDetails)
