"""The report as data: everything that the page shows, versioned, in JSON (times UTC, ISO 8601)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from pinecone_backup.model import Depth, RunKind, Severity
from pinecone_backup.records import DeletionState, HoldScope, RunState
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.rules.findings import Control
from pinecone_backup.rules.inventory import Origin, Worth
from pinecone_backup.rules.policy import AssignedBy

ControlId = Annotated[str, WithJsonSchema({"type": "string", "enum": list(Control)})]
"""A finding of a control that another release watched is still shown: none is refused."""


class Health(StrEnum):
    """The answer to "is anything wrong?"."""

    HEALTHY = "healthy"
    ATTENTION = "attention"
    """Warnings, and nothing worse."""
    FAILING = "failing"
    UNKNOWN = "unknown"
    """Something could not be read: unknown is not healthy (rule U1)."""


class Part(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def of(cls, source: object, **beside: object) -> Self:
        """From the attributes of ``source``, and what is given beside them."""
        read = {name: getattr(source, name) for name in cls.model_fields if name not in beside}
        return cls.model_validate(read | beside)


class RestorePoint(Part):
    """The backup to restore from."""

    backup_id: str
    name: str | None
    origin: Origin
    by_hand: bool
    """Whether somebody asked for it, beside the policy."""
    at: datetime
    age_seconds: int
    record_count: int | None
    size_bytes: int | None
    verified: bool
    """Whether its record count was compared; without a count it counts as good (rule G1)."""


class BackupPoint(Part):
    """One backup on a timeline."""

    backup_id: str
    name: str | None
    at: datetime | None
    worth: Worth
    origin: Origin
    by_hand: bool
    """Whether somebody asked for it, beside the policy: no policy prunes it."""
    expires_at: datetime | None
    """From when on one made by hand may go; None: never (rule D8)."""
    tier: str
    """The finest retention tier that keeps it: hourly, daily ... yearly, or empty."""
    goes: bool
    """Whether the next prune would delete it, approvals and limits aside."""
    held: bool
    record_count: int | None
    size_bytes: int | None
    reasons: tuple[str, ...]


class ScheduleLine(Part):
    """One of Pinecone's own schedules."""

    schedule_id: str
    index: str
    name: str
    frequency: str
    expire_after_days: int
    enabled: bool
    next_run_at: datetime | None


class ProvenRestore(Part):
    """The last restore that proved a backup of the index."""

    at: datetime
    """When it had been compared."""
    backup_id: str
    depth: Depth | None
    """How thoroughly it was compared; null: the schema alone."""
    took_seconds: int | None


class IndexReport(Part):
    """One active index."""

    name: str
    protection: Protection
    reason: str
    """One sentence."""
    policy: str | None
    assigned_by: AssignedBy
    timezone: str
    incarnation: str | None
    first_seen_at: datetime
    restore_from: RestorePoint | None
    last_proven: ProvenRestore | None
    """Null: no restore has proven a backup of this incarnation."""
    restore_seconds: int | None
    """How long a restore takes, by the restores that were measured; null: none was."""
    age_seconds: int
    """Since the newest good backup, else since the incarnation was first seen."""
    max_age_seconds: int | None
    next_slot: datetime | None
    floor: int | None
    counts: dict[Worth, int]
    """Backups of this incarnation by worth."""
    size_bytes: int
    earlier_backups: int
    """Of earlier indexes of the name: they do not count (rule I1)."""
    backups: tuple[BackupPoint, ...]


class FindingLine(Part):
    """One finding."""

    finding_id: str
    control: ControlId
    severity: Severity
    subject: str
    title: str
    diagnosis: str
    action: str
    opened_at: datetime
    last_seen_at: datetime
    count: int
    new: bool
    """Whether it opened since the last report."""
    resolved_at: datetime | None
    acknowledged_by: str
    acknowledged_reason: str


class QuotaPoint(Part):
    """How many backups there will be."""

    at: datetime
    backups: int


class QuotaReport(Part):
    """The project's backup quota."""

    used: int
    limit: int
    percent: float
    points: tuple[QuotaPoint, ...]
    reached_at: datetime | None
    explained: str
    by_hand: int
    """How many of ``used`` somebody asked for: no policy prunes them."""
    by_hand_for_ever: int
    """How many of those have no day to go on (rule D8): only a person deletes them."""


class OrphanLine(Part):
    """What is left of a deleted index."""

    index: str
    incarnation: str
    deleted_at: datetime
    backups: int
    newest_good: str | None
    size_bytes: int


class DeletionLine(Part):
    """A deletion of the last days, as the ledger has it."""

    backup_id: str
    index: str
    state: DeletionState
    at: datetime
    actor: str
    run_id: str
    approved_by: str
    reasons: tuple[str, ...]
    created_at: datetime | None
    """When the backup was taken."""
    size_bytes: int | None
    good_left: str | None
    """The newest good backup that was left in the index."""
    good_left_at: datetime | None
    error: str
    confirmed_at: datetime | None


class RunLine(Part):
    """The last run of a kind."""

    run_id: str
    kind: RunKind
    state: RunState
    at: datetime
    actor: str
    error: str


class HoldLine(Part):
    """A hold that is not released."""

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    placed_by: str
    created_at: datetime
    expires_at: datetime | None
    active: bool


class RestoreLine(Part):
    """A restore that is under way."""

    job_id: str
    backup_id: str
    target_index: str
    status: str
    percent_complete: int | None
    created_at: datetime | None


class Gap(Part):
    """What the audit could not see."""

    subject: str
    reason: str


class LastKnown(Part):
    """What an index could be restored from when it was last seen."""

    index: str
    backup_id: str
    at: datetime
    seen_at: datetime
    """When an audit last saw the backup."""


class Totals(Part):
    """The project in numbers."""

    backups: int
    ready: int
    size_bytes: int
    indexes: int
    under_policy: int
    protected: int
    unprotected: int
    """Overdue, without a policy, or unknown; opted out and unsupported ones are apart."""
    newest_good_age_max_seconds: int | None
    """Over the indexes with a policy: the longest time since a good backup."""


class Report(Part):
    """One audit of one project."""

    report_version: Literal[1] = 1
    project: str
    stack: str
    owner: str
    run_id: str
    actor: str
    policy_version: str
    at: datetime
    time: datetime
    """The run's time (rule T1); ``at`` is the clock's."""
    previous_run_id: str | None
    previous_at: datetime | None
    health: Health
    headline: str
    complete: bool
    gaps: tuple[Gap, ...]
    totals: Totals | None
    quota: QuotaReport | None
    indexes: tuple[IndexReport, ...]
    last_known: tuple[LastKnown, ...]
    """Where the project could not be read: what earlier audits would have restored from."""
    findings: tuple[FindingLine, ...]
    resolved: tuple[FindingLine, ...]
    """Since the last report."""
    orphans: tuple[OrphanLine, ...]
    schedules: tuple[ScheduleLine, ...]
    deletions: tuple[DeletionLine, ...]
    holds: tuple[HoldLine, ...]
    restores: tuple[RestoreLine, ...]
    runs: tuple[RunLine, ...]

    def to_json(self) -> bytes:
        """The report as it is stored."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Report:
        """Read a stored report back; raises ``ValueError`` when it is none."""
        return cls.model_validate_json(text)
