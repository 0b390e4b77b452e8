"""Findings: what is wrong, in a project or in the deployment as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pinecone_backup.api.cursors import page_for
from pinecone_backup.api.models import Listing, Nothing, Output, PageQuery, WithReason
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import SubjectUnknown
from pinecone_backup.model import Severity
from pinecone_backup.report.model import ControlId
from pinecone_backup.rules.findings import Control
from pinecone_backup.usecases.findings import acknowledge_finding as acknowledge

if TYPE_CHECKING:
    from pinecone_backup import records

route = Routes("Findings")


class Finding(Output):
    """One thing wrong."""

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
    resolved_at: datetime | None
    acknowledged_by: str
    acknowledged_reason: str
    acknowledged_at: datetime | None
    data: dict[str, Any]


class FindingList(Listing[Finding]):
    """A page of findings, the worst first."""


class FindingsQuery(PageQuery):
    """Which findings."""

    state: Literal["open", "resolved", "all"] = "open"
    severity: Severity | None = None
    """Findings that are at least this bad."""
    control: Control | None = None
    subject: Annotated[str, Field(max_length=128)] | None = None
    acknowledged: bool | None = None


@route(
    "GET",
    "/v1/projects/{project}/findings",
    access=Access.READ,
    takes=FindingsQuery,
    gives=FindingList,
)
def list_findings(call: Call, query: FindingsQuery) -> FindingList:
    """List a project's findings, the worst first."""
    return _list(call, query)


@route(
    "GET",
    "/v1/projects/{project}/findings/{finding_id}",
    access=Access.READ,
    gives=Finding,
)
def describe_finding(call: Call, _: Nothing) -> Finding:
    """Describe a finding of a project."""
    wanted = call.path["finding_id"]
    for finding in call.ledger().findings():
        if finding.finding_id == wanted:
            return Finding.model_validate(finding)
    raise SubjectUnknown(f"There is no finding {wanted!r} here")


@route(
    "POST",
    "/v1/projects/{project}/findings/{finding_id}/acknowledge",
    access=Access.OPERATE,
    takes=WithReason,
    gives=Finding,
    problems=("rule-forbids",),
)
def acknowledge_finding(call: Call, request: WithReason) -> Finding:
    """Record that somebody knows of a finding, and the reason why it stays for now."""
    return _acknowledge(call, request)


@route(
    "GET",
    "/v1/findings",
    access=Access.READ,
    takes=FindingsQuery,
    gives=FindingList,
)
def list_deployment_findings(call: Call, query: FindingsQuery) -> FindingList:
    """List the findings about the deployment as a whole: its policy, and projects taken out."""
    return _list(call, query)


@route(
    "POST",
    "/v1/findings/{finding_id}/acknowledge",
    access=Access.OPERATE,
    takes=WithReason,
    gives=Finding,
    problems=("rule-forbids",),
)
def acknowledge_deployment_finding(call: Call, request: WithReason) -> Finding:
    """Record that somebody knows of a finding about the deployment."""
    return _acknowledge(call, request)


def _list(call: Call, query: FindingsQuery) -> FindingList:
    chosen = [finding for finding in call.ledger().findings() if _matches(finding, query)]
    chosen.sort(key=lambda each: (each.severity.rank, -each.opened_at.timestamp(), each.finding_id))
    return page_for(query, FindingList, chosen, f"{call.listing}?{query.filters()}")


def _matches(finding: records.Finding, query: FindingsQuery) -> bool:
    return (
        (query.state == "all" or finding.open == (query.state == "open"))
        and (query.severity is None or finding.severity.rank <= query.severity.rank)
        and query.control in (None, finding.control)
        and query.subject in (None, finding.subject)
        and query.acknowledged in (None, bool(finding.acknowledged_by))
    )


def _acknowledge(call: Call, request: WithReason) -> Finding:
    finding = acknowledge(
        call.ledger(),
        call.path["finding_id"],
        who=call.actor,
        reason=request.reason,
        now=call.now,
    )
    return Finding.model_validate(finding)
