"""Audit one project: read, judge, compare with what is known, record, report, measure.

An audit changes nothing at Pinecone. It stores the verdicts on backups that it sees Ready for
the first time (rule G1), confirms deletions (rule N2), opens and resolves
findings (rule U1), and leaves a report in JSON and HTML.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    ConfigurationError,
    ListingIncomplete,
    PineconeError,
    SubjectUnknown,
)
from pinecone_backup.model import PruneMode, RunKind
from pinecone_backup.reasons import ReasonKind
from pinecone_backup.records import ItemKind, RunState
from pinecone_backup.report.build import LATELY, Material, build_report, build_unknown_report
from pinecone_backup.report.model import Gap, Report
from pinecone_backup.report.overview import summary_key, summary_of
from pinecone_backup.report.page import render_page
from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts
from pinecone_backup.rules.controls import evaluate_index, evaluate_project, looked_at
from pinecone_backup.rules.findings import Control
from pinecone_backup.rules.forecast import forecast
from pinecone_backup.rules.inventory import Worth
from pinecone_backup.rules.memory import mark_audited, mark_seen, set_incarnation
from pinecone_backup.rules.plan import make_plan
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.policy_warnings import KnownProject, warnings
from pinecone_backup.rules.restore_tests import Candidate, decide_tests
from pinecone_backup.rules.restore_time import expected_seconds, measured
from pinecone_backup.rules.temporary import RESTORE_TAG
from pinecone_backup.usecases.findings import log_unexpected, record_findings
from pinecone_backup.usecases.parallel import in_parallel
from pinecone_backup.usecases.project_state import (
    judge_state,
    read_project_state,
    restoring,
    store_verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import ControlPlane, Ledger, Metrics, ObjectStore
    from pinecone_backup.records import RestoreRecord
    from pinecone_backup.rules.findings import Changes, Observation
    from pinecone_backup.rules.inventory import Incarnation, Inventory
    from pinecone_backup.rules.plan import Plan
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.usecases.project_state import ProjectState

RESERVE = 90.0
"""Seconds kept back for judging, recording and reporting; one call with all its repetitions
takes up to a minute of them."""
UNREADABLE = (PineconeError, ListingIncomplete, ConfigurationError)
"""What makes a project unknown."""
DEFAULT_QUOTA = 500
"""Backups that a Standard project may hold."""
_LOG = logging.getLogger(__name__)
_SHOWN = 20
_JSON, _HTML = "application/json", "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """How an audit ended.

    Attributes:
        state: Succeeded, or partial when something could not be seen.
        summary: JSON-ready figures.
        unexpected: What broke at an index, by its name; the other indexes went on.
    """

    state: RunState
    summary: Mapping[str, Any]
    report: Report
    unexpected: Mapping[str, str] = field(default_factory=dict)


def audit_project(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    objects: ObjectStore,
    metrics: Metrics,
    *,
    document: PolicyDocument,
    policy_version: str,
    time_left: Callable[[], float],
    stack: str,
    project_metrics: bool = False,
) -> AuditOutcome:
    """Audit the context's project.

    Args:
        context: The run; ages go by its clock (rule T2).
        control_plane: The project at Pinecone; it is only read.
        ledger: The project's ledger.
        objects: Where the reports go.
        metrics: Where the numbers go.
        document: The policy document.
        policy_version: Its version, for the report.
        time_left: Seconds until the function must have ended; indexes that there is no time
            for stay unknown.
        stack: The deployment's name, for the report.
        project_metrics: Whether each project has metrics of its own; CloudWatch bills each.

    Raises:
        PineconeError: The project could not be read; a report says that it is unknown.
        ListingIncomplete: The same.
        LedgerError: The ledger could not be read or written.
        StoreUnavailable: The report could not be stored; findings and verdicts are.
    """
    reporter = AuditReporter(context, ledger, objects, policy_version, stack)
    try:
        state = read_project_state(
            context,
            control_plane,
            ledger,
            enough_time=lambda: time_left() > RESERVE,
            into_indexes=True,
        )
    except UNREADABLE as error:
        _measure(metrics, reporter.unreadable(str(error)), by_project=project_metrics)
        raise
    facts, plan_facts = _facts(
        context, control_plane, ledger, state, document=document, policy_version=policy_version
    )
    facts, observations, broken = _observed(facts)
    changes = record_findings(
        ledger,
        observations,
        looked_at(facts, broken=broken),
        facts.now,
    )
    plan = make_plan(replace(plan_facts, active=_active(facts.indexes)))
    report = reporter.seen(facts, plan, state)
    _measure(metrics, report, by_project=project_metrics)
    whole = not any(index.problem for index in facts.indexes)
    ended = RunState.SUCCEEDED if whole else RunState.PARTIAL
    unexpected = {each.index.name: each.unexpected for each in state.index_states}
    unexpected = {name: problem for name, problem in unexpected.items() if problem}
    return AuditOutcome(ended, _summary(report, changes), report, {**unexpected, **broken})


def _observed(
    facts: ProjectFacts,
) -> tuple[ProjectFacts, Sequence[Observation], Mapping[str, str]]:
    """What is wrong; an index whose judging broke is unknown, and the others are judged."""
    found = evaluate_project(facts)
    indexes: list[IndexFacts] = []
    broken: dict[str, str] = {}
    for index in facts.indexes:
        try:
            found += evaluate_index(index, facts.now)
            indexes.append(index)
        except Exception as error:
            broken[index.name] = log_unexpected(_LOG, error, index=index.name)
            indexes.append(replace(index, problem=broken[index.name]))
    return replace(facts, indexes=indexes), found, broken


@dataclass(frozen=True, slots=True)
class AuditReporter:
    """Makes reports of one run and stores them."""

    context: RunContext
    ledger: Ledger
    objects: ObjectStore
    policy_version: str
    stack: str

    def seen(self, facts: ProjectFacts, plan: Plan, state: ProjectState) -> Report:
        """Report what an audit found."""
        material = replace(
            self._material(), restores=state.restores or (), gaps=_gaps(facts, state)
        )
        return self._stored(build_report(facts, plan, material))

    def unreadable(self, reason: str) -> Report:
        """Report that the project is unknown, so that no older report reassures (rule U1).

        Args:
            reason: Why it could not be read; it stands in the report.
        """
        return self._stored(build_unknown_report(self._material(), reason))

    def _material(self) -> Material:
        last = [self.ledger.last_completed(kind) for kind in (RunKind.CREATE, RunKind.PRUNE)]
        return Material(
            context=self.context,
            stack=self.stack,
            policy_version=self.policy_version,
            findings=self.ledger.findings(),
            previous=_previous(self.objects, self.context.project),
            deletions=self.ledger.deletions(since=self.context.time.actual - LATELY),
            runs=[run for run in last if run is not None],
        )

    def _stored(self, report: Report) -> Report:
        """Under its run, and as the latest of its project, with what the overview says of it."""
        body = report.to_json()
        page = render_page(report, body).encode()
        folder = f"reports/{report.project}"
        for key in (f"{folder}/{report.at:%Y/%m/%d}/{report.run_id}", f"{folder}/latest"):
            self.objects.put(f"{key}.json", body, content_type=_JSON)
            self.objects.put(f"{key}.html", page, content_type=_HTML)
        summary = summary_of(report).model_dump_json().encode()
        self.objects.put(summary_key(report.project), summary, content_type=_JSON)
        return report


def _previous(objects: ObjectStore, project: str) -> Report | None:
    """The last report; one that cannot be read, or that another version wrote, is none."""
    try:
        return Report.from_json(objects.get(f"reports/{project}/latest.json"))
    except (SubjectUnknown, ValueError):
        return None


# What is known, judged and remembered


def _facts(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    state: ProjectState,
    *,
    document: PolicyDocument,
    policy_version: str,
) -> tuple[ProjectFacts, Facts]:
    """What the controls judge by, and a prune would; new verdicts are in the ledger already."""
    now = context.time.actual
    known = ledger.indexes()
    unreadable = ledger.inspect(ItemKind, keys=_reported_unreadable(ledger))
    unread = {
        item.index_name: f"ledger item {item.key} cannot be read"
        for item in unreadable
        if item.kind is ItemKind.INDEX
    }
    listed = {entry.backup.index_id for entry in state.inventory.entries.values()}
    indexes = []
    for seen in state.index_states:
        name = seen.index.name
        assigned = document.assigned(context.project, name, seen.index.tags)
        record = mark_seen(known.get(name), name, policy=assigned.policy, now=now)
        if name in unread:  # as if an audit before this one could not read it
            record = replace(record, unread_audits=1)
        if not seen.problem:
            record = set_incarnation(record, seen.active_id, listed_ids=listed, now=now)
        problem = seen.problem or state.doubts.get(name, "") or unread.get(name, "")
        record = mark_audited(record, problem=problem, now=now)
        indexes.append(
            IndexFacts(seen.index, assigned, record, schedules=seen.schedules, problem=problem)
        )
    unjudged = {item.backup_id for item in unreadable}
    indexes = in_parallel(
        lambda index: _counted(control_plane, state.inventory, index),
        indexes,
        at_most=control_plane.concurrency,
    )
    judged = judge_state(
        state,
        ledger,
        document,
        now=now,
        counts={
            index.record.index_id: index.record.record_count
            for index in indexes
            if index.record.index_id and index.record.record_count is not None
        },
        unreadable=unjudged,
    )
    store_verdicts(context, ledger, judged.inventory, judged.records)
    in_parallel(
        lambda index: ledger.put_index(index.record, over=known.get(index.name)),
        indexes,
        at_most=ledger.concurrency,
    )
    in_parallel(
        lambda each: ledger.put_schedule(each, over=state.known_schedules.get(each.schedule_id)),
        state.schedule_records,
        at_most=ledger.concurrency,
    )
    inventory = judged.inventory
    restores = ledger.restores()
    indexes = [_with_backups(index, inventory) for index in indexes]
    indexes = _with_restores(indexes, restores, now=now)
    project = document.project(context.project)
    quota = project.quota if project else DEFAULT_QUOTA
    holds = ledger.holds()
    plan_facts = Facts(
        project=context.project,
        inventory=inventory,
        indexes=[index.index for index in indexes],
        document=document,
        policy_version=policy_version,
        time=context.time,
        holds=holds,
        unreadable=unreadable,
        restoring=restoring(ledger, state.restores),
        sources={record.backup_id: record.index_id for record in state.records.values()},
        active=_active(indexes),
        unlisted=state.unlisted,
    )
    return ProjectFacts(
        name=context.project,
        quota=quota,
        now=now,
        inventory=inventory,
        indexes=indexes,
        forecast=forecast(plan_facts, quota=quota, mode=_prunes_by(ledger)),
        orphans=document.orphans,
        holds=holds,
        unreadable=unreadable,
        restores=restores,
        temporary=state.temporary,
        warnings=warnings(
            document,
            now=now,
            known=KnownProject(context.project, [index.index for index in indexes]),
        ),
    ), plan_facts


def _active(indexes: Sequence[IndexFacts]) -> dict[str, str | None]:
    """The active incarnation of each index whose backups are known (rule I1)."""
    return {index.name: index.record.index_id for index in indexes if not index.problem}


def _reported_unreadable(ledger: Ledger) -> list[str]:
    """Items that findings call unreadable: each is read again, however old it is."""
    return [
        finding.subject
        for finding in ledger.findings()
        if finding.open and finding.control == Control.LEDGER_UNREADABLE
    ]


def _counted(control_plane: ControlPlane, inventory: Inventory, facts: IndexFacts) -> IndexFacts:
    """The index with its own record count, asked for only where it matters (rule G2)."""
    incarnation = inventory.incarnations.get(facts.record.index_id or "")
    count = None
    if incarnation is not None and _count_matters(incarnation):
        count = control_plane.index_record_count(facts.index)
    return replace(facts, record=replace(facts.record, record_count=count))  # none, if not asked


def _count_matters(incarnation: Incarnation) -> bool:
    """Whether an empty backup came after the newest good one, and nobody knows why."""
    for entry in incarnation.entries:
        if entry.worth is Worth.GOOD:
            return False
        reason = entry.record.verdict_reason if entry.record else None
        unexplained = reason is None or reason.kind is ReasonKind.EMPTY
        if entry.worth.ready and entry.backup.record_count == 0 and unexplained:
            return True
    return False


def _with_backups(index: IndexFacts, inventory: Inventory) -> IndexFacts:
    active = index.record.index_id
    return replace(
        index,
        incarnation=inventory.incarnations.get(active) if active else None,
        namesakes=[
            incarnation
            for index_id, incarnation in inventory.incarnations.items()
            if incarnation.index_name == index.name and index_id != active
        ],
    )


def _with_restores(
    indexes: Sequence[IndexFacts], restores: Sequence[RestoreRecord], *, now: datetime
) -> list[IndexFacts]:
    """The indexes with what is known of restoring them."""
    candidates = [
        Candidate(index.name, index.record.index_id, index.policy, good, index.record.first_seen_at)
        for index in indexes
        if index.policy is not None and index.policy.restore_test is not None
        for good in [[entry for entry in index.entries if index.protects(entry)]]
    ]
    decisions = decide_tests(candidates, restores, now=now)
    tests = {decision.index: decision for decision in decisions}
    by_id = {record.restore_id: record for record in restores}
    known = measured(restores)
    return [
        replace(
            index,
            test=tests.get(index.name),
            restore=by_id.get(index.index.tags.get(RESTORE_TAG, "")),
            restore_seconds=expected_seconds(known, good.backup.size_bytes) if good else None,
        )
        for index in indexes
        for good in [index.newest_good]
    ]


def _prunes_by(ledger: Ledger) -> PruneMode:
    """What the last prune was allowed to delete: nothing, if there was none."""
    last = ledger.last_completed(RunKind.PRUNE)
    enforced = last is not None and last.summary.get("mode") == PruneMode.ENFORCE
    return PruneMode.ENFORCE if enforced else PruneMode.DRY_RUN


# The report


def _gaps(facts: ProjectFacts, state: ProjectState) -> list[Gap]:
    """What the audit could not see: U1 asks to say so."""
    gaps = [
        Gap(subject=index.name, reason=index.problem) for index in facts.indexes if index.problem
    ]
    blind: dict[str, list[str]] = {}
    for seen in state.index_states:
        if seen.schedules is None and not seen.problem:
            blind.setdefault(seen.schedules_problem, []).append(seen.index.name)
    gaps += [
        Gap(subject=", ".join(names), reason=f"native schedules are not known: {reason}")
        for reason, names in blind.items()
    ]
    if state.restores is None:
        gaps.append(Gap(subject=facts.name, reason="restore jobs could not be listed"))
    return gaps


def _measure(metrics: Metrics, report: Report, *, by_project: bool) -> None:
    """Numbers for CloudWatch: what the alarm reads, and by project what the dashboard reads.

    Of an unreadable project only the findings are known: those that were open stay open (U1).
    """
    overdue = [finding for finding in report.findings if finding.control == Control.OVERDUE]
    metrics.gauge("FindingsOpen", len(overdue), control=Control.OVERDUE)
    project, totals, quota = report.project, report.totals, report.quota
    if not by_project or totals is None or quota is None:
        return
    metrics.gauge("BackupsTotal", totals.backups, project=project)
    metrics.gauge("QuotaUsedPercent", quota.percent, unit="Percent", project=project)
    metrics.gauge("IndexesUnprotected", totals.unprotected, project=project)
    if totals.newest_good_age_max_seconds is not None:
        metrics.gauge(
            "NewestGoodBackupAgeMax",
            totals.newest_good_age_max_seconds,
            unit="Seconds",
            project=project,
        )


def _summary(report: Report, changes: Changes) -> dict[str, Any]:
    totals = report.totals
    return {
        "health": report.health.value,
        "headline": report.headline,
        "complete": report.complete,
        "indexes": totals.indexes if totals else 0,
        "protected": totals.protected if totals else 0,
        "unprotected": totals.unprotected if totals else 0,
        "backups": totals.backups if totals else 0,
        "quota_percent": report.quota.percent if report.quota else 0,
        "findings_open": len(report.findings),
        "opened": [finding.title for finding in changes.opened][:_SHOWN],
        "resolved": [finding.title for finding in changes.resolved][:_SHOWN],
        "report": f"reports/{report.project}/{report.at:%Y/%m/%d}/{report.run_id}.html",
    }
