"""Backups: create on demand, list, describe, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.api import models, views
from pinecone_backup.api.cursors import read_cursor, write_cursor
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.rules.inventory import take_inventory

if TYPE_CHECKING:
    from pinecone_backup.model import Backup
    from pinecone_backup.ports import Page

_TAG = "Backups"


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.READ,
    tag=_TAG,
    takes=models.IndexBackupsQuery,
    gives=models.BackupList,
    problems=("not-found",),
)
def list_index_backups(call: Call, query: models.IndexBackupsQuery) -> models.BackupList:
    """List an index's backups.

    One page for one call to Pinecone, in Pinecone's order. Without ``include_deleted`` those of
    the active index of that name only.
    """
    listing = f"{call.listing}?include_deleted={query.include_deleted}"
    page = call.plane().index_backups_page(
        call.path["index_name"],
        limit=query.limit,
        token=read_cursor(listing, query.paginationToken),
        include_deleted=query.include_deleted,
    )
    return _page(call, listing, page)


@route(
    "GET",
    "/v1/projects/{project}/backups",
    access=Access.READ,
    tag=_TAG,
    takes=models.PageQuery,
    gives=models.BackupList,
    problems=("not-found",),
)
def list_project_backups(call: Call, query: models.PageQuery) -> models.BackupList:
    """List the project's backups, those of deleted indexes included."""
    token = read_cursor(call.listing, query.paginationToken)
    page = call.plane().project_backups_page(limit=query.limit, token=token)
    return _page(call, call.listing, page)


@route(
    "GET",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.READ,
    tag=_TAG,
    gives=models.BackupDetails,
    problems=("not-found",),
)
def describe_backup(call: Call, _: models.Nothing) -> models.BackupDetails:
    """Describe a backup: Pinecone's view, our verdict, its holds and its deletion."""
    backup = call.plane().describe_backup(call.path["backup_id"])
    ledger = call.ledger()
    record = ledger.backups().get(backup.backup_id)
    entry = take_inventory(
        [backup],
        records={backup.backup_id: record} if record else {},
        owner=call.outside.frame.owner,
        clock=call.clock,
    ).entries[backup.backup_id]
    held = {backup.backup_id, backup.index_name}
    return models.BackupDetails(
        **views.backup_fields(backup),
        origin=entry.origin,
        policy=entry.marker.policy if entry.marker else None,
        worth=entry.worth,
        verdict=record.verdict if record else None,
        verdict_reason=record.verdict_reason if record else "",
        verdict_at=record.verdict_at if record else None,
        accepted_by=record.accepted_by if record else "",
        accepted_reason=record.accepted_reason if record else "",
        restore_tested=record.restore_tested if record else None,
        holds=[
            views.hold_view(hold, call.clock)
            for hold in ledger.holds()
            if hold.target in held and hold.active(call.clock)
        ],
        deletion=views.deletion_view(record.deletion) if record and record.deletion else None,
    )


def _page(call: Call, listing: str, page: Page[Backup]) -> models.BackupList:
    cursor = write_cursor(listing, page.next_token) if page.next_token else None
    return models.BackupList(
        data=views.backup_rows(call, page.items), pagination=views.pagination(cursor)
    )
