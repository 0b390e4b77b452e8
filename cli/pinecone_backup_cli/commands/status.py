"""Is anything wrong? The whole deployment at a glance."""

from __future__ import annotations

import webbrowser
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.text import Text

from pinecone_backup_cli.api import FindingLine, Health, IndexReport, Report
from pinecone_backup_cli.errors import ApiProblem, CliError, Exit
from pinecone_backup_cli.figures import NOTHING, ago, count, plural, size, span, when
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, heading, hint, table, word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType


def status(*, session: Session) -> Answer:
    """Is anything wrong, and what to restore from: the last audit of every project.

    Exit code 1 where a project's health is failing or unknown.

    Example: `pinecone-backup status`
    """
    reports: list[Report] = []
    screen: list[RenderableType] = []
    for project in session.projects:
        report = _report(session, project)
        if screen:
            screen.append("")
        if report is None:
            screen += [_verdict(project, Health.UNKNOWN), hint(_no_audit(project))]
        else:
            reports.append(report)
            screen += _overview(report)
    wrong = len(reports) < len(session.projects) or any(
        report.health in (Health.FAILING, Health.UNKNOWN) for report in reports
    )
    return Answer(reports, screen, Exit.WRONG if wrong else Exit.FINE)


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
    """Open the last audit's report in a browser. Its link lives 15 minutes.

    Example: `pinecone-backup open --print`

    Args:
        print_: Only print the link.
    """
    page = session.api.link_latest_report_page(session.project)
    if not print_ and not session.screens.json and not webbrowser.open(page.url):
        raise CliError(
            "No browser could be opened",
            exit=Exit.FAILED,
            next_step="`pinecone-backup open --print` prints the link.",
        )
    return Answer(page, [page.url])


def _report(session: Session, project: str) -> Report | None:
    try:
        return session.api.describe_latest_report(project)
    except ApiProblem as error:
        if error.exit is Exit.NOT_FOUND and session.api.describe_project(project):
            return None
        raise


def _no_audit(project: str) -> str:
    return f"No audit has run yet: pinecone-backup runs start audit --project {project} --wait"


def _verdict(project: str, health: Health) -> Text:
    return Text.assemble((f"{project}: ", "bold"), word(health))


def _overview(report: Report) -> Iterable[RenderableType]:
    yield _verdict(report.project, report.health)
    yield report.headline
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
        yield hint("What to do about one: pinecone-backup findings show FINDING")


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
