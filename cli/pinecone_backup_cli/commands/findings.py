"""Findings: what is wrong, of a project and of the deployment as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pinecone_backup_cli.api import Finding, Severity, WithReason
from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.figures import ago, plural, when
from pinecone_backup_cli.options import Reason
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, hint, table, word

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType


type _Row = tuple[str | None, Finding]
"""A finding with its project; without one, it is about the deployment."""


def findings(
    *,
    severity: Severity | None = None,
    resolved: Annotated[bool, Parameter(name="--resolved")] = False,
    session: Session,
) -> Answer:
    """List what is wrong, the worst first.

    Example: `pinecone-backup findings --severity critical`

    Args:
        severity: Only those that are at least this bad.
        resolved: Those that are resolved instead.
    """
    state = "resolved" if resolved else "open"
    rows = sorted(
        _all(session, state=state, severity=severity), key=lambda row: _worst_first(row[1])
    )
    project = Column[_Row]("Project", lambda row: row[0] or "(deployment)", whole=True)
    screen: list[RenderableType] = [
        table(
            rows,
            *([project] if len(session.projects) > 1 else []),
            Column[_Row]("Severity", lambda row: word(row[1].severity)),
            Column[_Row]("Since", lambda row: ago(row[1].opened_at), whole=True),
            Column[_Row]("What", lambda row: _what(row[1])),
            Column[_Row]("Finding", lambda row: row[1].finding_id[:8], whole=True),
            empty=f"No finding is {state}.",
        )
    ]
    if rows:
        screen.append(hint("What to do about one: pinecone-backup findings show FINDING"))
    return Answer([finding for _, finding in rows], screen)


def show(finding: str, /, *, session: Session) -> Answer:
    """Show a finding: what is wrong, since when, and what to do.

    Example: `pinecone-backup findings show 1b2c3d4e`

    Args:
        finding: Its id, or the beginning of it.
    """
    _, seen = _find(session, finding)
    return Answer(seen, [_card(seen)])


def ack(finding: str, /, *, reason: Reason, session: Session) -> Answer:
    """Say that somebody knows of a finding: it repeats no more, and stays open.

    Example: `pinecone-backup findings ack 1b2c3d4e --reason "Rebuilt on Monday"`

    Args:
        finding: Its id, or the beginning of it.
    """
    project, seen = _find(session, finding)
    because = WithReason(reason=reason)
    if project is None:
        seen = session.api.acknowledge_deployment_finding(seen.finding_id, because)
    else:
        seen = session.api.acknowledge_finding(project, seen.finding_id, because)
    return Answer(seen, [_card(seen)])


def _all(session: Session, *, state: str, severity: Severity | None = None) -> list[_Row]:
    """The findings of every project that is meant, and of the deployment."""
    api = session.api
    of_deployment = pages(api.list_deployment_findings, state=state, severity=severity)
    return [
        *((None, finding) for finding in of_deployment),
        *(
            (project, finding)
            for project in session.projects
            for finding in pages(api.list_findings, project, state=state, severity=severity)
        ),
    ]


def _worst_first(finding: Finding) -> tuple[int, datetime]:
    order = list(Severity)
    known = finding.severity in order
    return order.index(finding.severity) if known else len(order), finding.opened_at


def _find(session: Session, beginning: str) -> _Row:
    """The one finding whose id begins so, and its project.

    Raises:
        CliError: There is none, or there are several.
    """
    every = _all(session, state="all")
    match [each for each in every if each[1].finding_id.startswith(beginning)]:
        case [one]:
            return one
        case []:
            raise CliError(
                f"There is no finding {beginning}",
                exit=Exit.NOT_FOUND,
                next_step="`pinecone-backup findings` lists the open ones.",
            )
        case several:
            ids = ", ".join(finding.finding_id for _, finding in several[:5])
            raise CliError(
                f"{len(several)} findings begin with {beginning}",
                exit=Exit.USAGE,
                next_step=f"Give more of it: {ids}",
            )


def _what(finding: Finding) -> str:
    known = " (known)" if finding.acknowledged_by and not finding.resolved_at else ""
    return f"{finding.title}{known}"


def _card(finding: Finding) -> RenderableType:
    known = f"{when(finding.acknowledged_at)} by {finding.acknowledged_by}"
    return facts(
        ("finding", finding.finding_id),
        ("severity", word(finding.severity)),
        ("what", finding.title),
        ("subject", finding.subject),
        ("control", finding.control),
        ("diagnosis", finding.diagnosis),
        ("do", finding.action),
        ("opened", when(finding.opened_at)),
        ("last seen", f"{when(finding.last_seen_at)}, {plural(finding.count, 'time')}"),
        ("resolved", when(finding.resolved_at)),
        ("known", known if finding.acknowledged_by else ""),
        ("because", finding.acknowledged_reason),
    )
