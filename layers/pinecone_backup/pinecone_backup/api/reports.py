"""Reports of audits."""

from __future__ import annotations

from datetime import datetime, timedelta

from pinecone_backup.api.models import Nothing, Output
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.errors import SubjectUnknown
from pinecone_backup.report.model import Report

_TAG = "Reports"
_LINK_LIVES = timedelta(minutes=15)


class ReportPage(Output):
    """A link to the HTML page of a report."""

    url: str
    expires_at: datetime


@route(
    "GET",
    "/v1/projects/{project}/reports/latest",
    access=Access.READ,
    tag=_TAG,
    gives=Report,
    problems=("not-found",),
)
def describe_latest_report(call: Call, _: Nothing) -> Report:
    """Give the latest audit's report."""
    return _report(call)


@route(
    "GET",
    "/v1/projects/{project}/reports/latest/page",
    access=Access.READ,
    tag=_TAG,
    gives=ReportPage,
    problems=("not-found",),
)
def link_latest_report_page(call: Call, _: Nothing) -> ReportPage:
    """Give a link to the latest report as an HTML page.

    Whoever has the link can open the page, for 15 minutes.
    """
    report = _report(call)
    link = call.container.objects.link(_key(report.project, "html"), expires_in=_LINK_LIVES)
    return ReportPage(url=link, expires_at=call.now + _LINK_LIVES)


def _report(call: Call) -> Report:
    project = call.project().name
    try:
        return Report.from_json(call.container.objects.get(_key(project, "json")))
    except (SubjectUnknown, ValueError):
        raise SubjectUnknown(
            f"There is no report of project {project} yet",
            next_step="Start an audit run, and ask again when it has ended.",
        ) from None


def _key(project: str, form: str) -> str:
    return f"reports/{project}/latest.{form}"
