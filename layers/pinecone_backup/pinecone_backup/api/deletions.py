"""Deletions: what was deleted, by whom, why, and what was left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pinecone_backup.api.cursors import as_listing, page_of_views
from pinecone_backup.api.models import (
    NAME,
    Listing,
    Nothing,
    Output,
    PageQuery,
    QueryTime,
    RuleReason,
)
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import SubjectUnknown
from pinecone_backup.records import DeletionState
from pinecone_backup.rules.protection import Safeguard

if TYPE_CHECKING:
    from pinecone_backup.records import DeletionRecord

route = Routes("Deletions")
_LATELY = timedelta(days=30)
_MOST_ROWS = 2_500
_MOST_BYTES = 4_000_000
"""Of a page; Lambda answers with 6 MB at most."""


class Deletion(Output):
    """One deletion. It is written once; only its state, error and confirmation change."""

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    """When the backup was taken."""
    size_bytes: int | None
    record_count: int | None
    state: DeletionState
    at: datetime
    """When it was decided."""
    run_id: str
    actor: str
    """Empty where the backup was deleted outside this deployment."""
    reasons: list[RuleReason]
    comment: str
    """The reason that a person gave."""
    override: list[Safeguard]
    """The safeguards that were overruled."""
    digest: str
    """The plan that it belongs to; empty for a deletion of one backup."""
    approved_by: str
    approved_reason: str
    good_left: str | None
    """The newest good backup that was left in the index; null when there was none."""
    good_left_at: datetime | None
    error: str
    confirmed_at: datetime | None
    """When the backup was neither listed nor described any more."""


class DeletionList(Listing[Deletion]):
    """A page of deletions, the newest first."""


class DeletionsQuery(PageQuery):
    """Which deletions; without times, those of the last 30 days."""

    limit: Annotated[int, Field(ge=1, le=_MOST_ROWS)] = _MOST_ROWS
    """Rows per page, and fewer where they come to more than 4 MB."""

    from_: Annotated[QueryTime | None, Field(alias="from")] = None
    """Decided at or after this time; 30 days before ``to`` unless given."""
    to: QueryTime | None = None
    """Decided before this time."""
    index: Annotated[str, Field(pattern=NAME)] | None = None


@route(
    "GET",
    "/v1/projects/{project}/deletions",
    access=Access.READ,
    takes=DeletionsQuery,
    gives=DeletionList,
    csv=Deletion,
)
def list_deletions(call: Call, query: DeletionsQuery) -> DeletionList:
    """List what was deleted, the newest first: who, when, why, and what was left.

    With `Accept: text/csv` a table with the same rows and columns; its `Link` leads to the next
    page, if there is one.
    """
    since = query.from_ or (query.to or call.now) - _LATELY
    rows = [
        deletion
        for deletion in call.ledger().deletions(since=since, until=query.to)
        if query.index in (None, deletion.index_name)
    ]
    page, cursor = page_of_views(
        rows,
        deletion_view,
        listing=f"{call.listing}?{query.filters()}",
        limit=query.limit,
        cursor=query.paginationToken,
        most_bytes=_MOST_BYTES,
    )
    return as_listing(DeletionList, page, cursor)


@route(
    "GET",
    "/v1/projects/{project}/deletions/{backup_id}",
    access=Access.READ,
    gives=Deletion,
)
def describe_deletion(call: Call, _: Nothing) -> Deletion:
    """Describe the deletion of a backup, also of one that Pinecone forgot long ago."""
    backup_id = call.path["backup_id"]
    deletion = call.ledger().deletion(backup_id)
    if deletion is None:
        raise SubjectUnknown(
            f"Project {call.path['project']} knows of no deletion of backup {backup_id!r}",
            next_step="List the project's deletions.",
        )
    return deletion_view(deletion)


def deletion_view(deletion: DeletionRecord) -> Deletion:
    """A deletion as the API shows it."""
    return Deletion.model_validate(deletion)
