"""Is anything wrong? The whole deployment at a glance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.text import Text

from pinecone_backup_cli.api import (
    FindingKind,
    FindingLine,
    Health,
    IndexReport,
    Overview,
    ProjectSummary,
    Report,
    Severity,
)
from pinecone_backup_cli.browser import opened
from pinecone_backup_cli.errors import ApiProblem, Exit
from pinecone_backup_cli.figures import NOTHING, ago, count, plural, size, span, when
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, heading, hint, table, word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

_ALL_FINDINGS = "What is wrong, one by one: pinecone-backup findings"
_ABOUT_ONE = "What to do about one: pinecone-backup findings show FINDING"
_SERIOUS = (Severity.CRITICAL, Severity.ERROR)


def status(*, session: Session) -> Answer:
    """Is anything wrong, and what to restore from: the last audit.

    Several projects are shown together, the worst first; --project shows all of one. Exit code 1
    where something is failing or unknown, as it is where the last audit is over a day old.

    Example: `pinecone-backup status`
    """
    overview = session.api.describe_overview()
    if session.named:
        return _one(session, session.named, overview)
    if len(overview.projects) != 1:
        return _several(overview)
    answer = _one(session, overview.projects[0].project, overview)
    if not overview.findings:
        return answer
    serious = any(problem.severity in _SERIOUS for problem in overview.findings)
    screen = [*_of_deployment(overview), hint(_ALL_FINDINGS)]
    return Answer(answer.data, [*answer.screen, *screen], Exit.WRONG if serious else answer.exit)


def _one(session: Session, project: str, overview: Overview) -> Answer:
    report = _report(session, project)
    if report is None:
        unknown = _verdict(project, Health.UNKNOWN)
        return Answer(None, [unknown, "No audit has run yet.", _audit_now(project)], Exit.WRONG)
    today = (each for each in overview.projects if (each.project, each.at) == (project, report.at))
    counts = next(today, report)
    screen: list[RenderableType] = [_verdict(project, counts.health), counts.headline]
    if counts.health is not report.health:
        screen.append(_audit_now(project))
    return Answer(report, [*screen, *_details(report)], _exit(counts.health))


def _several(overview: Overview) -> Answer:
    screen: list[RenderableType] = [
        _verdict(overview.stack, overview.health),
        overview.headline,
        heading("Projects, the worst first"),
        table(
            overview.projects,
            Column[ProjectSummary]("Project", lambda row: row.project, whole=True),
            Column[ProjectSummary]("Health", lambda row: word(row.health)),
            Column[ProjectSummary]("Protected", _protected, right=True, whole=True),
            Column[ProjectSummary]("Quota", _quota_used, right=True, whole=True),
            Column[ProjectSummary]("Audited", lambda row: ago(row.at), whole=True),
            Column[ProjectSummary]("In short", lambda row: row.headline),
            empty="The policy document names no project.",
        ),
    ]
    screen += _of_deployment(overview)
    if overview.projects:
        screen += ["", hint(_ALL_FINDINGS)]
        screen.append(hint("All of one project: pinecone-backup status --project PROJECT"))
    return Answer(overview, screen, _exit(overview.health))


def _of_deployment(overview: Overview) -> Iterable[RenderableType]:
    if overview.findings:
        yield heading("The deployment itself")
        yield table(
            overview.findings,
            Column[FindingKind]("Severity", lambda row: word(row.severity)),
            Column[FindingKind]("Since", lambda row: ago(row.since), whole=True),
            Column[FindingKind]("What", lambda row: row.title),
            Column[FindingKind]("What to do", lambda row: row.action),
            empty="",
        )


def _exit(health: Health) -> Exit:
    return Exit.WRONG if health in (Health.FAILING, Health.UNKNOWN) else Exit.FINE


def health(*, session: Session) -> Answer:
    """Can everything be reached that a run needs: policy, secrets, Pinecone, the ledger.

    Exit code 1 where something cannot.

    Example: `pinecone-backup health`
    """
    seen = session.api.health()
    screen: list[RenderableType] = [
        facts(
            ("health", word(seen.status)),
            ("stack", seen.stack),
            ("owner", seen.owner),
            ("prune mode", word(seen.prune_mode)),
            ("policy", word(seen.policy)),
            ("version", seen.policy_version),
            ("problems", "\n".join(seen.problems)),
        )
    ]
    for project in seen.projects:
        runs = ", ".join(
            f"{kind} {run.state} {ago(run.time)}" if run else f"{kind} never"
            for kind, run in project.last_runs.items()
        )
        screen += [
            heading(f"Project {project.name}"),
            facts(
                ("secret", word(project.secret)),
                ("Pinecone", word(project.pinecone)),
                ("ledger", word(project.ledger)),
                ("last runs", runs),
                ("problems", "\n".join(project.problems)),
            ),
        ]
    return Answer(seen, screen, Exit.FINE if seen.status == "pass" else Exit.WRONG)


def open_report(
    *,
    print_: Annotated[bool, Parameter(name="--print")] = False,
    session: Session,
) -> Answer:
    """Open the last audit's report in a browser: a project's, or all projects' overview.

    Its link lives 15 minutes.

    Example: `pinecone-backup open --print`

    Args:
        print_: Only print the link.
    """
    project = session.named
    if project is None:
        known = session.api.describe_overview().projects
        project = known[0].project if len(known) == 1 else None
    page = (
        session.api.link_overview_page()
        if project is None
        else session.api.link_latest_report_page(project)
    )
    return opened(session, page, only_print=print_)


def _report(session: Session, project: str) -> Report | None:
    try:
        return session.api.describe_latest_report(project)
    except ApiProblem as error:
        if error.exit is Exit.NOT_FOUND and session.api.describe_project(project):
            return None
        raise


def _audit_now(project: str) -> Text:
    return hint(f"Audit it now: pinecone-backup runs start audit --project {project} --wait")


def _verdict(project: str, health: Health) -> Text:
    return Text.assemble((f"{project}: ", "bold"), word(health))


def _details(report: Report) -> Iterable[RenderableType]:
    yield facts(("as of", when(report.at)), ("backups", _totals(report)), ("quota", _quota(report)))
    for gap in report.gaps:
        yield f"Unknown: {gap.subject}: {gap.reason}"
    yield heading("Indexes")
    yield table(
        report.indexes,
        Column[IndexReport]("Index", lambda row: row.name),
        Column[IndexReport]("State", lambda row: word(row.protection)),
        Column[IndexReport]("Restore from", _restore_from, whole=True),
        Column[IndexReport]("Age", _age, right=True, whole=True),
        empty="This project has no index.",
    )
    if report.findings:
        yield heading("Findings")
        yield findings_table(report.findings)
        yield hint(_ABOUT_ONE)


def findings_table(findings: Iterable[FindingLine]) -> RenderableType:
    """Findings in one line each."""
    return table(
        findings,
        Column[FindingLine]("Severity", lambda row: word(row.severity)),
        Column[FindingLine]("Since", lambda row: ago(row.opened_at), whole=True),
        Column[FindingLine]("What", lambda row: row.title),
        Column[FindingLine]("Finding", lambda row: row.finding_id[:8], whole=True),
        empty="No finding is open.",
    )


def _protected(row: ProjectSummary) -> str:
    totals = row.totals
    return f"{count(totals.protected)} of {count(totals.under_policy)}" if totals else NOTHING


def _quota_used(row: ProjectSummary) -> str:
    if row.quota_used is None or row.quota_limit is None:
        return NOTHING
    return f"{count(row.quota_used)} of {count(row.quota_limit)}"


def _totals(report: Report) -> str:
    totals = report.totals
    if totals is None:
        return NOTHING
    return (
        f"{count(totals.backups)}, {size(totals.size_bytes)}; {count(totals.protected)} of "
        f"{plural(totals.indexes, 'index', 'indexes')} protected"
    )


def _quota(report: Report) -> str:
    quota = report.quota
    if quota is None:
        return NOTHING
    reached = f", reached {ago(quota.reached_at)}" if quota.reached_at else ""
    return f"{count(quota.used)} of {count(quota.limit)}{reached}"


def _restore_from(row: IndexReport) -> str:
    return row.restore_from.backup_id if row.restore_from else NOTHING


def _age(row: IndexReport) -> str:
    return span(timedelta(seconds=row.restore_from.age_seconds)) if row.restore_from else NOTHING
