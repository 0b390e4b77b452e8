"""Pages that people look at in a browser."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.view import Answer

if TYPE_CHECKING:
    from pinecone_backup_cli.api import PageLink
    from pinecone_backup_cli.session import Session


def opened(session: Session, page: PageLink, *, only_print: bool = False) -> Answer:
    """Open a page in a browser, and give its link; programs get the link alone.

    Raises:
        CliError: No browser could be opened; the error has the link.
    """
    if not only_print and not session.screens.json and not webbrowser.open(page.url):
        raise CliError(
            "No browser could be opened",
            exit=Exit.FAILED,
            next_step=f"Open this link within 15 minutes: {page.url}",
        )
    return Answer(page, [page.url])
