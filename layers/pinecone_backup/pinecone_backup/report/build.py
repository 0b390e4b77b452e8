"""From what an audit knows to its report: no judgement here that a rule does not make."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.figures import many, span
from pinecone_backup.model import Severity
from pinecone_backup.reasons import PERIODS
from pinecone_backup.records import HoldScope, RestoreResult
from pinecone_backup.report.model import (
    BackupPoint,
    DeletionLine,
    FindingLine,
    Gap,
    Health,
    HoldLine,
    IndexReport,
    LastKnown,
    OrphanLine,
    ProvenRestore,
    QuotaPoint,
    QuotaReport,
    Report,
    RestoreLine,
    RestorePoint,
    RunLine,
    ScheduleLine,
    Totals,
)
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.rules.plan import Action
from pinecone_backup.rules.policy import AssignedBy
from pinecone_backup.rules.slots import next_slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import RestoreJob, RunContext
    from pinecone_backup.reasons import Reason
    from pinecone_backup.records import DeletionRecord, Finding, Hold, RestoreRecord, Run
    from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts
    from pinecone_backup.rules.inventory import Entry, Incarnation
    from pinecone_backup.rules.plan import Plan, PlanItem

LATELY = timedelta(days=7)
"""How far back the report shows deletions, and a first report what resolved."""

_WORST_FIRST = (
    Protection.OVERDUE,
    Protection.UNKNOWN,
    Protection.NOT_READY,
    Protection.UNPROTECTED,
    Protection.WAITING,
    Protection.PROTECTED,
    Protection.UNSUPPORTED,
    Protection.OPTED_OUT,
)


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of, besides the facts.

    Attributes:
        findings: All findings of the project, after this audit.
        previous: The last report; None for the first.
        deletions: What was deleted lately, as the ledger has it (``LATELY``).
        restores: Restore jobs; empty when they could not be listed (then there is a gap).
        runs: The last runs of the other kinds.
        gaps: What could not be seen.
    """

    context: RunContext
    stack: str
    policy_version: str
    findings: Sequence[Finding] = ()
    previous: Report | None = None
    deletions: Sequence[DeletionRecord] = ()
    restores: Sequence[RestoreJob] = ()
    runs: Sequence[Run] = ()
    gaps: Sequence[Gap] = ()


def build_report(facts: ProjectFacts, plan: Plan, material: Material) -> Report:
    """The report of an audit that could read the project."""
    items = {item.backup_id: item for item in plan.items}
    held = _Held(facts.holds, facts.now)
    indexes = [_index(index, facts, items, held, material) for index in facts.indexes]
    findings, resolved = _findings(material)
    unknown = any(index.protection is Protection.UNKNOWN for index in indexes)
    health = _health(findings, unknown=unknown)
    return Report(
        **_header(material),
        health=health,
        headline=_headline(health, findings, indexes),
        complete=not material.gaps,
        gaps=tuple(material.gaps),
        totals=_totals(facts, indexes),
        quota=_quota(facts),
        indexes=tuple(sorted(indexes, key=_worst_first)),
        last_known=(),
        findings=findings,
        resolved=resolved,
        orphans=tuple(_orphans(facts)),
        schedules=tuple(_schedules(facts)),
        deletions=_deletions(material),
        holds=tuple(
            HoldLine.of(hold, active=hold.active(facts.now))
            for hold in facts.holds
            if not hold.released_at
        ),
        restores=tuple(
            RestoreLine.of(job, target_index=job.target_index_name)
            for job in material.restores
            if job.unfinished
        ),
        runs=tuple(_run(run) for run in material.runs),
    )


def build_unknown_report(material: Material, reason: str) -> Report:
    """The report of a project that could not be read: unknown is not healthy (rule U1)."""
    findings, resolved = _findings(material)
    return Report(
        **_header(material),
        health=Health.UNKNOWN,
        headline="The project could not be read: nobody knows whether it is protected.",
        complete=False,
        gaps=(Gap(subject=material.context.project, reason=reason),),
        totals=None,
        quota=None,
        indexes=(),
        last_known=_last_known(material.previous),
        findings=findings,
        resolved=resolved,
        orphans=(),
        schedules=(),
        deletions=_deletions(material),
        holds=(),
        restores=(),
        runs=tuple(_run(run) for run in material.runs),
    )


def _worst_first(index: IndexReport) -> tuple[int, str]:
    return _WORST_FIRST.index(index.protection), index.name


def _last_known(previous: Report | None) -> tuple[LastKnown, ...]:
    if previous is None:
        return ()
    return previous.last_known or tuple(
        LastKnown(
            index=index.name,
            backup_id=index.restore_from.backup_id,
            at=index.restore_from.at,
            seen_at=previous.at,
        )
        for index in previous.indexes
        if index.restore_from is not None
    )


def _header(material: Material) -> dict[str, Any]:
    """What every report says of its run, whatever that could read."""
    context, previous = material.context, material.previous
    return {
        "project": context.project,
        "stack": material.stack,
        "owner": context.owner,
        "run_id": context.run_id,
        "actor": context.actor,
        "policy_version": material.policy_version,
        "at": context.time.actual,
        "time": context.time.scheduled_at,
        "previous_run_id": previous.run_id if previous else None,
        "previous_at": previous.at if previous else None,
    }


def _health(findings: Sequence[FindingLine], *, unknown: bool) -> Health:
    severities = {finding.severity for finding in findings}
    if severities & {Severity.CRITICAL, Severity.ERROR}:
        return Health.FAILING
    if unknown:
        return Health.UNKNOWN
    return Health.ATTENTION if Severity.WARNING in severities else Health.HEALTHY


def _headline(
    health: Health, findings: Sequence[FindingLine], indexes: Sequence[IndexReport]
) -> str:
    """Is anything wrong? In one sentence."""
    stand = Counter(index.protection for index in indexes)
    overdue = [index.name for index in indexes if index.protection is Protection.OVERDUE]
    under_policy = sum(index.policy is not None for index in indexes)
    if overdue:
        more = f" and {len(overdue) - 1} more" if len(overdue) > 1 else ""
        return f"{overdue[0]}{more} {'have' if more else 'has'} no recent good backup."
    serious = sum(finding.severity.rank <= Severity.ERROR.rank for finding in findings)
    if health is Health.FAILING:
        return f"{many(serious, 'finding')} {'needs' if serious == 1 else 'need'} action."
    if health is Health.UNKNOWN:
        return f"{many(stand[Protection.UNKNOWN], 'index', 'indexes')} could not be read."
    protected = stand[Protection.PROTECTED]
    said = f"{protected} of {many(under_policy, 'index', 'indexes')} under a policy protected"
    if not under_policy:
        said = "No index is under a policy"
    elif protected == under_policy:
        said = f"All {many(under_policy, 'index', 'indexes')} under a policy are protected"
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    return f"{said}; {many(warnings, 'thing')} to look at." if warnings else f"{said}."


# Indexes


class _Held:
    """Which backups are held now."""

    def __init__(self, holds: Iterable[Hold], now: datetime) -> None:
        active = [hold for hold in holds if hold.active(now)]
        self._ids = {hold.target for hold in active if hold.scope is HoldScope.BACKUP}
        self._names = {hold.target for hold in active if hold.scope is HoldScope.INDEX}

    def __contains__(self, entry: Entry) -> bool:
        backup = entry.backup
        return backup.backup_id in self._ids or backup.index_name in self._names


def _index(
    index: IndexFacts,
    facts: ProjectFacts,
    items: Mapping[str, PlanItem],
    held: _Held,
    material: Material,
) -> IndexReport:
    policy, now = index.policy, facts.now
    protection = index.protection(now)
    good = index.newest_good
    due = None
    if policy is not None and policy.cron is not None:
        due = next_slot(
            policy.cron,
            policy.zone,
            f"{facts.name}/{index.name}",
            material.context.time.scheduled_at,
        )
    return IndexReport(
        name=index.name,
        protection=protection,
        reason=_reason(index, protection, now),
        policy=policy.name if policy else None,
        assigned_by=index.assigned.by,
        timezone=policy.timezone if policy else "UTC",
        incarnation=index.record.index_id,
        first_seen_at=index.record.first_seen_at,
        restore_from=_restore_point(good, now) if good else None,
        last_proven=_last_proven(index, facts.restores),
        restore_seconds=index.restore_seconds,
        age_seconds=int(index.age(now).total_seconds()),
        max_age_seconds=int(policy.max_age.total_seconds()) if policy else None,
        next_slot=due,
        floor=policy.floor if policy else None,
        counts=dict(Counter(entry.worth for entry in index.entries)),
        size_bytes=_bytes(index.entries),
        earlier_backups=sum(len(incarnation.entries) for incarnation in index.namesakes),
        backups=tuple(
            _point(entry, items.get(entry.backup.backup_id), held) for entry in index.entries
        ),
    )


def _reason(index: IndexFacts, protection: Protection, now: datetime) -> str:
    """Why an index stands as it does, with figures, in one sentence."""
    age = span(index.age(now))
    allowed = span(index.policy.max_age) if index.policy else ""
    aged = f"The newest good backup is {age} old"
    if index.newest_good is None:
        aged = f"No good backup, {age} after the index was first seen"
        if index.newest_of_empty is not None:
            aged = f"The index holds no record, and its backup of {age} ago holds none either"
    unassigned = "No policy is assigned, so nothing backs it up."
    if index.assigned.by is AssignedBy.UNKNOWN_TAG:
        unassigned = "Its backup-policy tag names a policy that does not exist."
    return {
        Protection.PROTECTED: f"{aged}; {allowed} are allowed.",
        Protection.WAITING: f"{aged}; {allowed} are allowed.",
        Protection.OVERDUE: f"{aged}; only {allowed} are allowed.",
        Protection.UNPROTECTED: unassigned,
        Protection.OPTED_OUT: "Opted out on purpose.",
        Protection.NOT_READY: f"Pinecone calls it {index.index.state}, so it holds nothing.",
        Protection.UNSUPPORTED: f"Pinecone cannot back it up: {index.index.unsupported}.",
        Protection.UNKNOWN: f"Its backups could not be read: {index.problem}.",
    }[protection]


def _last_proven(index: IndexFacts, restores: Sequence[RestoreRecord]) -> ProvenRestore | None:
    proofs = [
        record
        for record in restores
        if record.index_id == index.record.index_id
        and record.result is RestoreResult.SUCCEEDED
        and record.result_at is not None
    ]
    last = max(proofs, key=lambda record: (record.result_at, record.restore_id), default=None)
    if last is None or last.result_at is None:
        return None
    return ProvenRestore(
        at=last.result_at,
        backup_id=last.backup_id,
        depth=last.depth_reached,
        took_seconds=last.took_seconds,
    )


def _restore_point(entry: Entry, now: datetime) -> RestorePoint:
    at = entry.at or now  # a good backup is always dated (rule G1)
    return RestorePoint.of(
        entry.backup,
        origin=entry.origin,
        by_hand=entry.on_demand,
        at=at,
        age_seconds=int((now - at).total_seconds()),
        verified=entry.backup.record_count is not None,
    )


def _point(entry: Entry, item: PlanItem | None, held: _Held) -> BackupPoint:
    reasons = item.reasons if item else ()
    goes = item is not None and item.action in (Action.DELETE, Action.WAIT)
    return BackupPoint.of(
        entry.backup,
        at=entry.at,
        worth=entry.worth,
        origin=entry.origin,
        by_hand=entry.on_demand,
        expires_at=entry.expires_at,
        tier="" if goes else tier_of(reasons),
        goes=goes,
        held=entry in held,
        reasons=tuple(map(str, reasons)),
    )


def tier_of(reasons: Iterable[Reason]) -> str:
    """The finest retention tier among the reasons that keep a backup, or empty.

    The newest backup is kept by every tier; what the finest says is how soon it will go.
    """
    periods = {reason.period for reason in reasons}
    return next((tier for tier in PERIODS if tier in periods), "")


def _bytes(entries: Iterable[Entry]) -> int:
    return sum(entry.backup.size_bytes or 0 for entry in entries)


# The project


def _totals(facts: ProjectFacts, indexes: Sequence[IndexReport]) -> Totals:
    entries = facts.inventory.entries.values()
    stand = Counter(index.protection for index in indexes)
    return Totals(
        backups=len(entries),
        ready=sum(entry.worth.ready for entry in entries),
        size_bytes=_bytes(entries),
        indexes=len(indexes),
        under_policy=sum(index.policy is not None for index in indexes),
        protected=stand[Protection.PROTECTED],
        unprotected=stand[Protection.OVERDUE]
        + stand[Protection.NOT_READY]
        + stand[Protection.UNPROTECTED]
        + stand[Protection.UNKNOWN],
        newest_good_age_max_seconds=max(
            (
                index.age_seconds
                for index in indexes
                if index.max_age_seconds is not None and index.protection is not Protection.UNKNOWN
            ),
            default=None,
        ),
    )


def _quota(facts: ProjectFacts) -> QuotaReport:
    by_hand = [entry for entry in facts.inventory.entries.values() if entry.on_demand]
    return QuotaReport(
        used=facts.used,
        limit=facts.quota,
        percent=round(100 * facts.used / facts.quota, 1),
        points=tuple(QuotaPoint(at=at, backups=count) for at, count in facts.forecast.points),
        reached_at=facts.forecast.reached_at,
        explained=facts.forecast.explained() + ".",
        by_hand=len(by_hand),
        by_hand_for_ever=sum(entry.expires_at is None for entry in by_hand),
    )


def _findings(material: Material) -> tuple[tuple[FindingLine, ...], tuple[FindingLine, ...]]:
    """The open ones, worst first, and those that resolved since the last report."""
    since = material.previous.at if material.previous else None
    edge = since or material.context.time.actual - LATELY
    lines = [
        FindingLine.of(finding, new=since is not None and finding.opened_at > since)
        for finding in material.findings
    ]
    lines.sort(key=lambda line: (line.severity.rank, line.opened_at, line.finding_id))
    return (
        tuple(line for line in lines if line.resolved_at is None),
        tuple(line for line in lines if line.resolved_at is not None and line.resolved_at > edge),
    )


def _orphans(facts: ProjectFacts) -> Iterator[OrphanLine]:
    for incarnation in facts.inventory.incarnations.values():
        if incarnation.deleted_at is not None:
            yield _orphan(incarnation, incarnation.deleted_at)


def _orphan(incarnation: Incarnation, deleted_at: datetime) -> OrphanLine:
    good = incarnation.newest_good
    return OrphanLine(
        index=incarnation.index_name,
        incarnation=incarnation.index_id,
        deleted_at=deleted_at,
        backups=len(incarnation.entries),
        newest_good=good.backup.backup_id if good else None,
        size_bytes=_bytes(incarnation.entries),
    )


def _schedules(facts: ProjectFacts) -> Iterator[ScheduleLine]:
    for index in facts.indexes:
        for schedule in index.schedules or ():
            yield ScheduleLine.of(schedule, index=index.name)


def _deletions(material: Material) -> tuple[DeletionLine, ...]:
    """What was deleted lately, newest first."""
    return tuple(
        DeletionLine.of(
            deletion, index=deletion.index_name, reasons=tuple(map(str, deletion.reasons))
        )
        for deletion in material.deletions
    )


def _run(run: Run) -> RunLine:
    return RunLine.of(run, at=run.started_at or run.time)
