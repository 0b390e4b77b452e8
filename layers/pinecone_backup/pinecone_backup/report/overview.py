"""All projects of a deployment on one page, the worst first.

An audit leaves a summary of its report; the overview puts them together when somebody asks, so
that it is as new as the last audit of each project.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pinecone_backup.figures import many, span
from pinecone_backup.model import Severity
from pinecone_backup.report.groups import finding_groups
from pinecone_backup.report.model import FindingLine, Health, Part, Report, Totals
from pinecone_backup.rules.audit_facts import Protection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinecone_backup.records import Finding
    from pinecone_backup.report.model import IndexReport

STALE = timedelta(days=1)
"""An audit older than this says nothing about today: what it saw is unknown (rule U1)."""
MOST_INDEXES = 10
"""So many that need somebody, the worst first, stand in a summary; the report has all."""
_WORST_FIRST = (Health.FAILING, Health.UNKNOWN, Health.ATTENTION, Health.HEALTHY)
_CALM = (Protection.PROTECTED, Protection.OPTED_OUT, Protection.UNSUPPORTED)


class FindingKind(Part):
    """Open findings of one kind."""

    severity: Severity
    title: str
    text: str
    """What was seen; of several findings, whom they are about."""
    action: str
    """What to do; empty where it differs."""
    since: datetime
    """When the first of them opened."""
    count: int


class IndexLine(Part):
    """An index that needs somebody."""

    name: str
    protection: Protection
    reason: str
    restore_from: str | None
    """The newest good backup."""
    restore_from_at: datetime | None


class ProjectSummary(Part):
    """One project's last audit, in short."""

    project: str
    at: datetime | None
    """When it was audited last; None when it never was."""
    health: Health
    headline: str
    complete: bool
    totals: Totals | None
    quota_used: int | None
    quota_limit: int | None
    quota_reached_at: datetime | None
    serious: int
    """Open findings that are worse than information."""
    findings: tuple[FindingKind, ...]
    """They, by kind."""
    unwell: int
    """Indexes that need somebody."""
    indexes: tuple[IndexLine, ...]
    """The worst of them."""


class Overview(Part):
    """All projects, the worst first."""

    stack: str
    at: datetime
    health: Health
    """The worst project's, or worse by a finding about the deployment as a whole."""
    headline: str
    projects: tuple[ProjectSummary, ...]
    findings: tuple[FindingKind, ...]
    """About the deployment as a whole: its policy document, projects that left it."""


def summary_key(project: str) -> str:
    """Where a project's summary lies in the bucket."""
    return f"reports/{project}/summary.json"


def summary_of(report: Report) -> ProjectSummary:
    """What an overview says about a project."""
    serious = [line for line in report.findings if line.severity is not Severity.INFO]
    unwell = [index for index in report.indexes if index.protection not in _CALM]
    quota = report.quota
    return ProjectSummary.of(
        report,
        quota_used=quota.used if quota else None,
        quota_limit=quota.limit if quota else None,
        quota_reached_at=quota.reached_at if quota else None,
        serious=len(serious),
        findings=_kinds(serious, report.indexes),
        unwell=len(unwell),
        indexes=tuple(
            IndexLine.of(
                index,
                restore_from=index.restore_from.backup_id if index.restore_from else None,
                restore_from_at=index.restore_from.at if index.restore_from else None,
            )
            for index in unwell[:MOST_INDEXES]
        ),
    )


def _kinds(
    findings: Sequence[FindingLine], indexes: Sequence[IndexReport]
) -> tuple[FindingKind, ...]:
    return tuple(
        FindingKind(
            severity=group.severity,
            title=group.title,
            text=group.subjects if len(group.items) > 1 else group.items[0].diagnosis,
            action=group.action,
            since=min(item.opened_at for item in group.items),
            count=len(group.items),
        )
        for group in finding_groups(findings, indexes)
    )


def build_overview(
    stack: str,
    summaries: Mapping[str, ProjectSummary | None],
    *,
    now: datetime,
    findings: Iterable[Finding] = (),
) -> Overview:
    """Put the projects together.

    Args:
        stack: The deployment's name.
        summaries: By project; None for one without an audit.
        now: The clock, UTC.
        findings: Those about the deployment as a whole.
    """
    projects = [_today(name, found, now) for name, found in summaries.items()]
    projects.sort(key=lambda each: (_WORST_FIRST.index(each.health), -each.serious, each.project))
    lines = sorted(
        (FindingLine.of(finding, new=False) for finding in findings if finding.open),
        key=lambda line: (line.severity.rank, line.opened_at),
    )
    healths = [each.health for each in projects]
    if any(line.severity.rank <= Severity.ERROR.rank for line in lines):
        healths.append(Health.FAILING)
    elif any(line.severity is Severity.WARNING for line in lines):
        healths.append(Health.ATTENTION)
    return Overview(
        stack=stack,
        at=now,
        health=min(healths, key=_WORST_FIRST.index, default=Health.UNKNOWN),
        headline=_headline(projects, lines),
        projects=tuple(projects),
        findings=_kinds(lines, ()),
    )


def _today(name: str, found: ProjectSummary | None, now: datetime) -> ProjectSummary:
    """A project's last audit as it counts now."""
    if found is None or found.at is None:
        return ProjectSummary(
            project=name,
            at=None,
            health=Health.UNKNOWN,
            headline="No audit has run yet.",
            complete=False,
            totals=None,
            quota_used=None,
            quota_limit=None,
            quota_reached_at=None,
            serious=0,
            findings=(),
            unwell=0,
            indexes=(),
        )
    if now - found.at <= STALE or found.health is Health.FAILING:
        return found
    said = f"Not audited for {span(now - found.at)}; then: {found.headline}"
    return found.model_copy(update={"health": Health.UNKNOWN, "headline": said})


def _headline(projects: Sequence[ProjectSummary], findings: Sequence[FindingLine]) -> str:
    """Is anything wrong, and where? In one sentence."""
    if not projects:
        return "The policy document names no project."
    count = Counter(each.health for each in projects)
    said = [
        f"{many(count[health], 'project')} {words[count[health] != 1]}"
        for health, words in {
            Health.FAILING: ("needs action", "need action"),
            Health.UNKNOWN: ("is unknown", "are unknown"),
            Health.ATTENTION: ("has something to look at", "have something to look at"),
        }.items()
        if count[health]
    ]
    serious = [line for line in findings if line.severity is not Severity.INFO]
    if serious:
        said.append(f"{many(len(serious), 'finding')} about the deployment itself")
    if not said:
        return f"All {many(len(projects), 'project')} are healthy."
    worst = [each.project for each in projects if each.health is not Health.HEALTHY]
    named = f", {worst[0]} first" if len(worst) > 1 else f": {worst[0]}" if worst else ""
    return f"{', '.join(said)}{named}."
