"""The overview of all projects as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.report.html import ICONS, render
from pinecone_backup.report.model import Health

if TYPE_CHECKING:
    from pinecone_backup.report.html import Deployment
    from pinecone_backup.report.overview import Overview


def render_overview(overview: Overview, deployment: Deployment) -> str:
    """The page of an overview.

    Args:
        overview: What to show.
        deployment: Whom the commands are for.
    """
    return render(
        "overview.html.j2",
        overview=overview,
        icon=ICONS[overview.health],
        command=deployment.command,
        unhealthy=[each for each in overview.projects if each.health is not Health.HEALTHY],
    )
