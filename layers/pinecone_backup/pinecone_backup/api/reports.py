"""Reports of audits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pinecone_backup.api.models import Nothing, PageLink
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import PolicyInvalid, PolicyMissing, SubjectUnknown
from pinecone_backup.report.model import Report
from pinecone_backup.report.overview import (
    Overview,
    ProjectSummary,
    build_overview,
    summary_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup.ports import ObjectStore

route = Routes("Reports")
_AT_ONCE = 16
"""So many summaries are read at a time."""


@route(
    "GET",
    "/v1/projects/{project}/reports/latest",
    access=Access.READ,
    gives=Report,
)
def describe_latest_report(call: Call, _: Nothing) -> Report:
    """Give the latest audit's report."""
    return _report(call)


@route(
    "GET",
    "/v1/projects/{project}/reports/latest/page",
    access=Access.READ,
    gives=PageLink,
)
def link_latest_report_page(call: Call, _: Nothing) -> PageLink:
    """Give a link to the latest report as an HTML page.

    Whoever has the link can open the page, for 15 minutes.
    """
    return call.link_page(_key(_report(call).project, "html"))


@route("GET", "/v1/reports/latest", access=Access.READ, gives=Overview)
def describe_overview(call: Call, _: Nothing) -> Overview:
    """Give the last audits of all projects in short, the worst first.

    An audit that is more than a day old says nothing about today: its project is unknown.
    """
    return _overview(call)


@route("GET", "/v1/reports/latest/page", access=Access.READ, gives=PageLink)
def link_overview_page(call: Call, _: Nothing) -> PageLink:
    """Give a link to the overview of all projects as an HTML page.

    Whoever has the link can open the page as it is now, for 15 minutes.
    """
    from pinecone_backup.report.overview_page import (  # noqa: PLC0415 - rarely needed
        render_overview,
    )

    page = render_overview(_overview(call), call.deployment())
    return call.link_page("reports/latest.html", page)


def _overview(call: Call) -> Overview:
    names = _projects(call)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        summaries = pool.map(lambda name: _summary(call.container.objects, name), names)
        return build_overview(
            call.container.settings.stack_name,
            dict(zip(names, summaries, strict=True)),
            now=call.now,
            findings=call.ledger().findings(),
        )


def _projects(call: Call) -> Sequence[str]:
    """The policy's projects; without a readable policy, those that the ledger knows."""
    try:
        return [project.name for project in call.policy()[0].projects]
    except (PolicyInvalid, PolicyMissing):
        return call.container.services.projects.known()


def _summary(objects: ObjectStore, project: str) -> ProjectSummary | None:
    """What the last audit left; nothing, or what another version wrote, is none."""
    try:
        return ProjectSummary.model_validate_json(objects.get(summary_key(project)))
    except (SubjectUnknown, ValueError):
        return None


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
